/* gguf_write.c - see gguf_write.h: keys and tensors. */
#include "run/models/gguf_write.h"

#include "base/stb_ds.h"
#include "base/text_out.h"
#include "run/io/files.h"
#include "run/models/gguf_out.h"
#include "run/models/gguf_parts.h"

#include <cJSON.h>
#include <math.h>
#include <string.h>

/* The numbers of the types in the file. */
enum { F32 = 0, F16 = 1 };

typedef struct {
    const cJSON *config;
    const GgufArchitecture *architecture;
    WeightType type;
    size_t heads, kv_heads, head_size, vocab;
    real *divisors; /* of RoPE's frequencies (head_size / 2); NULL = none */
    GgufOut out;
    char *error; /* the first; for mem_free */
} Writer;

static void fail(Writer *writer, char *error) {
    if (writer->error)
        mem_free(error);
    else
        writer->error = error;
}

/* --- config.json --- */

static double number_of(Writer *writer, const cJSON *object, const char *name) {
    const cJSON *item = cJSON_GetObjectItemCaseSensitive(object, name);
    if (cJSON_IsNumber(item)) return item->valuedouble;
    fail(writer, text_format("config.json has no number \"%s\"", name));
    return 0;
}

static const char *full(const Writer *writer, const char *key, char name[128]) {
    snprintf(name, 128, "%s.%s", writer->architecture->name, key);
    return name;
}

static void put_rows(Writer *writer) {
    const GgufRow *row;
    char key[128];
    for (size_t i = 0; (row = gguf_row(writer->architecture, i)); i++) {
        if (!row->config) continue;
        const double value = number_of(writer, writer->config, row->config);
        full(writer, row->key, key);
        if (row->kind == GGUF_CONFIG_INTEGER)
            gguf_put_integer(&writer->out, key, (size_t)value);
        else
            gguf_put_number(&writer->out, key, value);
    }
}

/* Llama 3's scaling of RoPE is a table of divisors in GGUF. */
static void take_rope(Writer *writer) {
    const cJSON *rope = cJSON_GetObjectItemCaseSensitive(writer->config, "rope_scaling");
    if (!rope) rope = cJSON_GetObjectItemCaseSensitive(writer->config, "rope_parameters");
    const char *type = cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(rope, "rope_type"));
    if (!type || strcmp(type, "default") == 0) return;
    if (strcmp(type, "llama3") != 0 || number_of(writer, rope, "low_freq_factor") != 1 ||
        number_of(writer, rope, "high_freq_factor") != 4 ||
        number_of(writer, rope, "original_max_position_embeddings") != 8192) {
        fail(writer, text_format("its frequencies of RoPE are not scaled as those of Llama 3 are"));
        return;
    }
    const double factor = number_of(writer, rope, "factor");
    const double theta = number_of(writer, writer->config, "rope_theta");
    writer->divisors = mem_alloc(writer->head_size / 2 * sizeof *writer->divisors);
    for (size_t i = 0; i < writer->head_size / 2; i++)
        writer->divisors[i] =
            (real)gguf_rope_divisor(gguf_rope_waves(theta, i, writer->head_size), factor);
}

static void take_config(Writer *writer) {
    char key[128];
    const cJSON *config = writer->config;
    const char *type = cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(config, "model_type"));
    const char *act = cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(config, "hidden_act"));
    writer->architecture = type ? gguf_architecture(type) : NULL;
    if (!writer->architecture) {
        fail(writer, text_format("GGUF files of class %s are not written", type ? type : "?"));
        return;
    }
    if (!act || strcmp(act, writer->architecture->activation) != 0) {
        fail(writer, text_format("architecture %s of GGUF has the activation %s only",
                                 writer->architecture->name, writer->architecture->activation));
        return;
    }
    writer->heads = (size_t)number_of(writer, config, "num_attention_heads");
    writer->kv_heads = (size_t)number_of(writer, config, "num_key_value_heads");
    writer->head_size = (size_t)number_of(writer, config, "head_dim");
    writer->vocab = (size_t)number_of(writer, config, "vocab_size");
    gguf_put_string(&writer->out, "general.architecture", writer->architecture->name);
    gguf_put_integer(&writer->out, "general.file_type", writer->type == WEIGHT_F16);
    put_rows(writer);
    gguf_put_integer(&writer->out, full(writer, "attention.head_count_kv", key), writer->kv_heads);
    gguf_put_integer(&writer->out, full(writer, "attention.key_length", key), writer->head_size);
    gguf_put_integer(&writer->out, full(writer, "attention.value_length", key), writer->head_size);
    gguf_put_integer(&writer->out, full(writer, "rope.dimension_count", key), writer->head_size);
    gguf_put_integer(&writer->out, full(writer, "vocab_size", key), writer->vocab);
    if (!writer->error) take_rope(writer);
}

/* --- tensors --- */

/* An IEEE 754 binary16 number, rounded to the nearest, ties to even. */
static uint16_t half_of(float value) {
    const float magnitude = fabsf(value);
    uint32_t bits;
    memcpy(&bits, &value, sizeof bits);
    const uint32_t sign = bits >> 16 & 0x8000u;
    if (magnitude < 0x1p-14f) return (uint16_t)(sign | (uint32_t)rintf(magnitude * 0x1p24f));
    bits = (bits & 0x7fffffffu) + 0xfffu + (bits >> 13 & 1u);
    return (uint16_t)(sign | ((bits >> 13) - (112u << 10)));
}

static bool in_half(const Writer *writer, const Tensor *tensor) {
    return writer->type == WEIGHT_F16 && tensor->shape[1];
}

static size_t columns_of(const Tensor *tensor) {
    return tensor->shape[1] ? tensor->shape[1] : 1;
}

static void list_tensor(Writer *writer, const Tensor *tensor, const char *name) {
    const size_t size = in_half(writer, tensor) ? 2 : 4;
    gguf_put_tensor(&writer->out, name, size == 2 ? F16 : F32, tensor->shape[0], tensor->shape[1],
                    tensor->shape[0] * columns_of(tensor) * size);
}

/* The heads of which rows are put into pairs. */
static size_t pairs_of(const Writer *writer, const char *name) {
    if (!writer->architecture->pairs) return 0;
    return strstr(name, ".q_proj.")   ? writer->heads
           : strstr(name, ".k_proj.") ? writer->kv_heads
                                      : 0;
}

/* Which row of halves (i, i+HS/2) is the row of pairs (2i, 2i+1). */
static size_t row_of(size_t row, size_t head_size) {
    const size_t within = row % head_size;
    return row - within + within / 2 + within % 2 * (head_size / 2);
}

static void put_row(Writer *writer, FileOut *file, const Tensor *tensor, const real *row,
                    void *buffer) {
    const size_t columns = columns_of(tensor);
    const bool half = in_half(writer, tensor);
    for (size_t i = 0; i < columns; i++) {
        const float value = (float)row[i];
        if (half && !(fabsf(value) < 65520.0f))
            fail(writer, text_format("%s has numbers that float16 has not", tensor->name));
        else if (half)
            ((uint16_t *)buffer)[i] = half_of(value);
        else
            ((float *)buffer)[i] = value;
    }
    if (!writer->error) file_put(file, buffer, columns * (half ? 2 : 4));
}

static void put_values(Writer *writer, FileOut *file, const Tensor *tensor) {
    static const char zeros[GGUF_ALIGNMENT];
    const size_t columns = columns_of(tensor), pairs = pairs_of(writer, tensor->name);
    void *buffer = mem_alloc(columns * sizeof(float));
    const uint64_t first = file->bytes;
    for (size_t row = 0; row < tensor->shape[0] && !writer->error; row++) {
        const size_t from = pairs ? row_of(row, writer->head_size) : row;
        put_row(writer, file, tensor, (const real *)tensor->data + from * columns, buffer);
    }
    file_put(file, zeros,
             (GGUF_ALIGNMENT - (file->bytes - first) % GGUF_ALIGNMENT) % GGUF_ALIGNMENT);
    mem_free(buffer);
}

static void list_tensors(Writer *writer, const Tensor *tensors, size_t n) {
    for (size_t i = 0; i < n && !writer->error; i++) {
        char *name = gguf_own_name(writer->architecture, tensors[i].name);
        if (name)
            list_tensor(writer, &tensors[i], name);
        else
            fail(writer, text_format("architecture %s of GGUF has no tensor %s",
                                     writer->architecture->name, tensors[i].name));
        mem_free(name);
    }
}

char *gguf_write(const char *path, const char *config_json, const char *tokenizer_json,
                 const Tensor *tensors, size_t n, WeightType type) {
    cJSON *config = cJSON_Parse(config_json);
    Writer writer = {.config = config, .type = type};
    take_config(&writer);
    if (!writer.error && tokenizer_json)
        fail(&writer, gguf_put_tokenizer(&writer.out, config, tokenizer_json, writer.vocab));
    if (!writer.error) list_tensors(&writer, tensors, n);
    if (!writer.error) {
        const Tensor rope = {.shape = {writer.head_size / 2, 0}, .data = writer.divisors};
        if (writer.divisors) list_tensor(&writer, &rope, "rope_freqs.weight");
        char *header = gguf_out_header(&writer.out);
        FileOut file = file_begin(path);
        file_put(&file, header, arrlenu(header));
        for (size_t i = 0; i < n; i++) put_values(&writer, &file, &tensors[i]);
        if (writer.divisors) put_values(&writer, &file, &rope);
        const int error = file_end(&file);
        if (error) fail(&writer, text_format("%s: %s", path, strerror(error)));
        arrfree(header);
    }
    gguf_out_free(&writer.out);
    mem_free(writer.divisors);
    cJSON_Delete(config);
    return writer.error;
}

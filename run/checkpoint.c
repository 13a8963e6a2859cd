/* checkpoint.c - see checkpoint.h. */
#include "run/checkpoint.h"

#include "model/equations.h"
#include "ops/stb_ds.h"
#include "run/files.h"

#include <cJSON.h>
#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { HEADER_MAX = 100000000 }; /* the limit of the format's own reader */

/* --- writing
 * ----------------------------------------------------------------------------------------- */

/* The header's JSON: metadata, then every tensor with the bytes it takes. */
static char *header_text(const Model *model, const Config *config, const Vocab *vocab,
                         size_t step) {
    char *text, hash[17], *equations = equations_text(&config->model, &config->gamma_warmup);
    char *identity = config_json(config, CONFIG_IDENTITY);
    size_t size, begin = 0;
    FILE *out = open_memstream(&text, &size);
    equations_hash(hash, equations);
    fprintf(out,
            "{\"__metadata__\":{\"format_version\":\"1\",\"step\":\"%zu\",\"equations\":\"%s\",",
            step, hash);
    fputs("\"config\":", out);
    json_print_string(out, identity);
    fprintf(out, ",\"vocab\":\"%s\"", vocab->size ? data_vocab_name(vocab->kind) : "none");
    if (vocab->kind == VOCAB_CHARS && vocab->size) {
        fputs(",\"alphabet\":\"", out);
        for (size_t i = 0; i < vocab->size; i++) fprintf(out, "%02x", vocab->byte_of[i]);
        fputc('"', out);
    }
    fputs(",\"format\":\"pt\"}", out);
    for (size_t i = 0; i < params_count(&model->params); i++) {
        const Param *param = &model->params.list[i];
        size_t end = begin + param->count * sizeof(float);
        fprintf(out, ",\"%s\":{\"dtype\":\"F32\",\"shape\":[%zu", param->name, param->shape[0]);
        if (param->shape[1]) fprintf(out, ",%zu", param->shape[1]);
        fprintf(out, "],\"data_offsets\":[%zu,%zu]}", begin, end);
        begin = end;
    }
    fputc('}', out);
    while ((ftell(out) + 8) % 8) fputc(' ', out);
    fclose(out);
    mem_free(identity);
    mem_free(equations);
    return text;
}

static void write_u64(FILE *out, uint64_t value) {
    for (int i = 0; i < 8; i++) fputc((int)(value >> 8 * i & 0xff), out);
}

/* Little-endian floats, whatever `real` is. */
static void write_tensor(FILE *out, const real *values, size_t count) {
    enum { BLOCK = 4096 };
    float block[BLOCK];
    for (size_t first = 0; first < count; first += BLOCK) {
        size_t n = count - first < BLOCK ? count - first : BLOCK;
        for (size_t i = 0; i < n; i++) block[i] = (float)values[first + i];
        fwrite(block, sizeof *block, n, out);
    }
}

void checkpoint_write(const char *dir, const Model *model, const Config *config, const Vocab *vocab,
                      size_t step) {
    char *folder = path_format("%s/checkpoints/step_%08zu", dir, step);
    char *final = path_format("%s/model.safetensors", folder),
         *temporary = path_format("%s.tmp", final);
    char *latest = path_format("%s/checkpoints/latest", dir);
    char *latest_temporary = path_format("%s.tmp", latest);
    char *header = header_text(model, config, vocab, step);
    folder_make(folder);
    FILE *out = file_create(temporary);
    write_u64(out, strlen(header));
    fputs(header, out);
    for (size_t i = 0; i < params_count(&model->params); i++) {
        const Param *param = &model->params.list[i];
        write_tensor(out, model->params.values + param->offset, param->count);
    }
    file_finish(out, temporary, final);
    if (sizeof(real) != sizeof(float))
        fprintf(stderr, "%s holds float32, this build computes in double\n", final);

    out = file_create(latest_temporary);
    fprintf(out, "step_%08zu\n", step);
    file_finish(out, latest_temporary, latest);
    mem_free(header);
    mem_free(latest_temporary);
    mem_free(latest);
    mem_free(temporary);
    mem_free(final);
    mem_free(folder);
}

/* --- reading
 * ----------------------------------------------------------------------------------------- */

bool checkpoint_latest(const char *dir, size_t *step) {
    char *path = path_format("%s/checkpoints/latest", dir), line[64] = "";
    FILE *in = fopen(path, "r");
    mem_free(path);
    if (!in) return false;
    bool read = fgets(line, sizeof line, in) && sscanf(line, "step_%8zu", step) == 1;
    fclose(in);
    return read;
}

typedef struct {
    FILE *file;
    char *path;
    cJSON *header;
    uint64_t data, size; /* where tensors begin; size of the file */
} Reader;

static _Noreturn void damaged(const Reader *reader, const char *what) {
    die(EXIT_DATA, "%s is damaged: %s", reader->path, what);
}

static Reader reader_open(const char *dir, size_t step) {
    Reader reader = {.path = path_format("%s/checkpoints/step_%08zu/model.safetensors", dir, step)};
    unsigned char prefix[8];
    reader.file = fopen(reader.path, "rb");
    if (!reader.file) die(EXIT_DATA, "cannot open %s: %s", reader.path, strerror(errno));
    fseeko(reader.file, 0, SEEK_END);
    reader.size = (uint64_t)ftello(reader.file);
    rewind(reader.file);
    if (fread(prefix, 1, 8, reader.file) != 8) damaged(&reader, "shorter than its header");
    uint64_t length = 0;
    for (int i = 7; i >= 0; i--) length = length << 8 | prefix[i];
    if (length > HEADER_MAX || length > reader.size - 8)
        damaged(&reader, "its header has no sane length");
    char *text = mem_alloc(length + 1);
    if (fread(text, 1, length, reader.file) != length) damaged(&reader, "shorter than its header");
    reader.header = cJSON_ParseWithLength(text, length);
    mem_free(text);
    if (!reader.header) damaged(&reader, "its header is not JSON");
    reader.data = length + 8;
    return reader;
}

static void reader_close(Reader *reader) {
    fclose(reader->file);
    cJSON_Delete(reader->header);
    mem_free(reader->path);
}

static const char *metadata(const Reader *reader, const char *key, bool needed) {
    const cJSON *all = cJSON_GetObjectItemCaseSensitive(reader->header, "__metadata__");
    const cJSON *item = cJSON_GetObjectItemCaseSensitive(all, key);
    if (cJSON_IsString(item)) return item->valuestring;
    if (needed) damaged(reader, "its metadata lacks config, step, vocab or equations");
    return NULL;
}

/* Number i of an array, which must be a whole one. */
static uint64_t whole(const Reader *reader, const cJSON *array, int i) {
    const cJSON *item = cJSON_GetArrayItem(array, i);
    bool good = cJSON_IsNumber(item) && item->valuedouble >= 0 &&
                item->valuedouble <= 9007199254740992.0 &&
                item->valuedouble == floor(item->valuedouble);
    if (!good) damaged(reader, "a shape or offset is not a whole number");
    return (uint64_t)item->valuedouble;
}

static const cJSON *tensor(const Reader *reader, const char *name) {
    const cJSON *entry = cJSON_GetObjectItemCaseSensitive(reader->header, name);
    const cJSON *dtype = cJSON_GetObjectItemCaseSensitive(entry, "dtype");
    if (!entry) die(EXIT_DATA, "%s lacks the tensor %s", reader->path, name);
    if (!cJSON_IsString(dtype) || strcmp(dtype->valuestring, "F32") != 0)
        damaged(reader, "a tensor is not F32");
    return entry;
}

static void read_tensor(const Reader *reader, const Param *param, real *values) {
    enum { BLOCK = 4096 };
    const cJSON *entry = tensor(reader, param->name);
    const cJSON *shape = cJSON_GetObjectItemCaseSensitive(entry, "shape");
    const cJSON *offsets = cJSON_GetObjectItemCaseSensitive(entry, "data_offsets");
    int dims = param->shape[1] ? 2 : 1;
    bool fits = cJSON_GetArraySize(shape) == dims && cJSON_GetArraySize(offsets) == 2;
    for (int i = 0; fits && i < dims; i++) fits = whole(reader, shape, i) == param->shape[i];
    if (!fits)
        die(EXIT_DATA, "%s: tensor %s has another shape than its config says", reader->path,
            param->name);
    uint64_t begin = whole(reader, offsets, 0), end = whole(reader, offsets, 1);
    if (end < begin || end - begin != param->count * sizeof(float) ||
        end > reader->size - reader->data) {
        damaged(reader, "a tensor lies outside the file");
    }
    float block[BLOCK];
    fseeko(reader->file, (off_t)(reader->data + begin), SEEK_SET);
    for (size_t first = 0; first < param->count; first += BLOCK) {
        size_t n = param->count - first < BLOCK ? param->count - first : BLOCK;
        if (fread(block, sizeof *block, n, reader->file) != n)
            damaged(reader, "shorter than its tensors");
        for (size_t i = 0; i < n; i++) values[first + i] = (real)block[i];
    }
}

static Vocab read_vocab(const Reader *reader, size_t V) {
    const char *vocab = metadata(reader, "vocab", true),
               *alphabet = metadata(reader, "alphabet", false);
    if (!alphabet)
        return strcmp(vocab, data_vocab_name(VOCAB_BYTES)) == 0 && V >= 256 ? vocab_bytes()
                                                                            : (Vocab){0};
    unsigned char bytes[256];
    size_t size = strlen(alphabet) / 2;
    bool good = size <= sizeof bytes && size <= V && strlen(alphabet) == 2 * size;
    for (size_t i = 0; good && i < size; i++) {
        unsigned value;
        good = sscanf(alphabet + 2 * i, "%2x", &value) == 1;
        if (good) bytes[i] = (unsigned char)value;
    }
    if (!good) damaged(reader, "its alphabet is not pairs of hexadecimal digits");
    return vocab_chars(bytes, size);
}

void checkpoint_read(Checkpoint *checkpoint, const char *dir) {
    size_t step;
    *checkpoint = (Checkpoint){0};
    if (!checkpoint_latest(dir, &step)) {
        die(EXIT_DATA, "%s holds no checkpoint: is it a run directory, and did the run end?", dir);
    }
    Reader reader = reader_open(dir, step);
    const char *config = metadata(&reader, "config", true),
               *hash = metadata(&reader, "equations", true);
    checkpoint->step = (size_t)strtoull(metadata(&reader, "step", true), NULL, 10);
    if (!config_parse(&checkpoint->config, config, reader.path)) {
        die(EXIT_DATA, "%s was written by another version: its config is not understood",
            reader.path);
    }
    char *equations = equations_text(&checkpoint->config.model, &checkpoint->config.gamma_warmup),
         own[17];
    equations_hash(own, equations);
    mem_free(equations);
    if (strcmp(own, hash) != 0) {
        die(EXIT_DATA,
            "%s was trained with other equations (%s) than this version builds from its config "
            "(%s)",
            reader.path, hash, own);
    }
    checkpoint->equations = path_format("%s", hash);
    size_t V = (size_t)whole(
        &reader, cJSON_GetObjectItemCaseSensitive(tensor(&reader, "tok_emb.weight"), "shape"), 0);
    if (V < 1 || V > INT32_MAX) damaged(&reader, "its vocabulary has no sane size");
    checkpoint->vocab = read_vocab(&reader, V);
    checkpoint->model =
        model_create(&checkpoint->config.model, &checkpoint->config.gamma_warmup, V, 1, false);
    Params *params = &checkpoint->model->params;
    for (size_t i = 0; i < params_count(params); i++) {
        read_tensor(&reader, &params->list[i], params->values + params->list[i].offset);
    }
    reader_close(&reader);
}

void checkpoint_free(Checkpoint *checkpoint) {
    model_free(checkpoint->model);
    config_free(&checkpoint->config);
    mem_free(checkpoint->equations);
    *checkpoint = (Checkpoint){0};
}

/* test_gguf_write.c - GGUF files that this program writes, read back: F32 bit for bit, F16 rounded.
 *
 * One idea: the files of test_gguf are read, written and read again. What is read is compared with Python there. */
#include "base/stb_ds.h"
#include "base/text_out.h"
#include "ops/cpu/half.h"
#include "run/models/gguf.h"
#include "run/models/gguf_write.h"
#include "tests/lib/test.h"

#include <unistd.h>

static const char *const NAMES[] = {"types", "llama", "qwen2", "qwen3", "granite", "starcoder2"};
enum { NAME_COUNT = sizeof NAMES / sizeof *NAMES };

static char path[64];

typedef struct {
    Weights weights;
    char *config, *tokenizer;
    Tensor *tensors; /* stb_ds array */
} Contents;

static Contents read_file(const char *name) {
    Contents c = {0};
    char *refused, *error = gguf_open(name, &c.weights, &c.config, &c.tokenizer, &refused);
    CHECK(!error && !refused, "%s", error ? error : refused);
    mem_free(error);
    mem_free(refused);
    for (size_t i = 0; i < arrlenu(c.weights.tensors); i++) {
        const WeightTensor *from = &c.weights.tensors[i];
        const size_t rows = from->shape[0], row = weights_row(from);
        real *values = mem_alloc(rows * row * sizeof *values);
        weights_read(values, from, 0, rows);
        tensor_add(&c.tensors, "", from->name, TENSOR_REAL, rows, from->rank > 1 ? row : 0, values);
    }
    return c;
}

static Contents read_name(const char *name) {
    char file[128];
    snprintf(file, sizeof file, "tests/oracle/gguf_files/%s.gguf", name);
    return read_file(file);
}

static void free_contents(Contents *c) {
    for (size_t i = 0; i < arrlenu(c->tensors); i++) mem_free(c->tensors[i].data);
    arrfree(c->tensors);
    mem_free(c->config);
    mem_free(c->tokenizer);
    weights_free(&c->weights);
}

/* Writes the contents and checks the error: NULL, or a part of it. */
static void write_file(const Contents *c, const char *config, WeightType type, const char *want) {
    unlink(path);
    char *error = gguf_write(path, config, c->tokenizer, c->tensors, arrlenu(c->tensors), type);
    CHECK(want ? error && strstr(error, want) : !error, "got \"%s\", want \"%s\"",
          error ? error : "", want ? want : "");
    mem_free(error);
}

static void check_tensor(const Tensor *got, const Tensor *want, bool half, const char *name) {
    const real *a = got->data, *b = want->data;
    const size_t n = want->shape[0] * (want->shape[1] ? want->shape[1] : 1);
    size_t wrong = 0;
    CHECK(got->shape[0] == want->shape[0] && got->shape[1] == want->shape[1] &&
              !strcmp(got->name, want->name),
          "%s: %s, want %s", name, got->name, want->name);
    for (size_t i = 0; i < n; i++) {
        const real value = half && want->shape[1] ? float16_round(b[i]) : b[i];
        wrong += memcmp(&a[i], &value, sizeof value) != 0;
    }
    CHECK(wrong == 0, "%s: %zu of %zu numbers of %s", name, wrong, n, want->name);
}

static void check_round_trip(const char *name, WeightType type) {
    Contents want = read_name(name);
    write_file(&want, want.config, type, NULL);
    Contents got = read_file(path);
    CHECK(got.config && !strcmp(got.config, want.config), "%s: %s, want %s", name, got.config,
          want.config);
    CHECK(!got.tokenizer == !want.tokenizer, "%s: tokenizer", name);
    CHECK(!want.tokenizer || !strcmp(got.tokenizer, want.tokenizer), "%s: tokenizer", name);
    CHECK(arrlenu(got.tensors) == arrlenu(want.tensors), "%s: tensors", name);
    for (size_t i = 0; i < arrlenu(want.tensors) && i < arrlenu(got.tensors); i++)
        check_tensor(&got.tensors[i], &want.tensors[i], type == WEIGHT_F16, name);
    free_contents(&got);
    free_contents(&want);
}

static void test_round_trip(void) {
    for (size_t i = 0; i < NAME_COUNT; i++) {
        check_round_trip(NAMES[i], WEIGHT_F32);
        check_round_trip(NAMES[i], WEIGHT_F16);
    }
}

/* Numbers of all sizes, and every fourth in the middle between two of float16. */
static void test_half(void) {
    Contents c = read_name("types");
    Tensor *table = NULL;
    for (size_t i = 0; i < arrlenu(c.tensors); i++) {
        if (c.tensors[i].shape[1]) table = &c.tensors[i];
    }
    const size_t n = table->shape[0] * table->shape[1];
    real *values = table->data;
    for (uint64_t bits = 0; bits < 0x47800000;) {
        for (size_t i = 0; i < n; i++, bits += 0x3557) {
            const uint32_t own = (uint32_t)(i % 4 ? bits : (bits & ~0x1fffULL) | 0x1000);
            float value;
            memcpy(&value, &own, sizeof value);
            values[i] = (real)(value < 65520.0f ? i % 2 ? -value : value : 0);
        }
        values[5] = 65519;
        write_file(&c, c.config, WEIGHT_F16, NULL);
        Contents got = read_file(path);
        for (size_t i = 0; i < arrlenu(got.tensors); i++) {
            if (!strcmp(got.tensors[i].name, table->name))
                check_tensor(&got.tensors[i], table, true, "half");
        }
        free_contents(&got);
    }
    values[7] = 65520;
    write_file(&c, c.config, WEIGHT_F16, "has numbers that float16 has not");
    values[7] = NAN;
    write_file(&c, c.config, WEIGHT_F16, "has numbers that float16 has not");
    free_contents(&c);
}

/* The config with `from` replaced by `to` is refused. */
static void check_refused(const Contents *c, const char *from, const char *to, const char *want) {
    const char *at = strstr(c->config, from);
    CHECK(at, "no %s in %s", from, c->config);
    if (!at) return;
    char *config = text_format("%.*s%s%s", (int)(at - c->config), c->config, to, at + strlen(from));
    write_file(c, config, WEIGHT_F32, want);
    mem_free(config);
}

static void test_refused(void) {
    Contents c = read_name("llama");
    check_refused(&c, "\"llama\"", "\"gpt2\"", "GGUF files of class gpt2 are not written");
    check_refused(&c, "\"silu\"", "\"gelu\"", "has the activation silu only");
    check_refused(&c, "llama3", "yarn", "not scaled as those of Llama 3");
    check_refused(&c, "8192", "4096", "not scaled as those of Llama 3");
    check_refused(&c, "rms_norm_eps", "norm_eps", "no number \"rms_norm_eps\"");
    char *digits = strstr(c.tokenizer, "{1,3}");
    digits[3] = '4';
    write_file(&c, c.config, WEIGHT_F32, "splits text in a way that has no name in GGUF");
    digits[3] = '3';
    char *bytes = c.tokenizer,
         characters[] = "{\"model\":{\"type\":\"Unigram\",\"vocab\":[[\"a\",-1]]}}";
    c.tokenizer = characters;
    write_file(&c, c.config, WEIGHT_F32, "splits text in a way that has no name in GGUF");
    c.tokenizer = bytes;
    snprintf(c.tensors[3].name, TENSOR_NAME, "model.layers.0");
    write_file(&c, c.config, WEIGHT_F32, "has no tensor model.layers.0");
    free_contents(&c);
}

static const Test tests[] = {
    {"gguf: written files are read back", test_round_trip},
    {"gguf: numbers are rounded to float16", test_half},
    {"gguf: models that are not written", test_refused},
};

int main(int argc, char **argv) {
    strcpy(path, "/tmp/peri_gguf_XXXXXX");
    close(mkstemp(path));
    const int result = test_main(tests, sizeof tests / sizeof *tests, argc, argv);
    unlink(path);
    return result;
}

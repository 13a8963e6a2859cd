/* fuzz_gguf.c - arbitrary bytes as a GGUF file.
 *
 * A file that is opened has tensors that can all be read, a config.json that is JSON, and a tokenizer.json that is read
 * or refused. */
#include "tests/fuzz/fuzz.h"

#include "base/stb_ds.h"
#include "data/tokenizer/tokenizer.h"
#include "run/models/gguf.h"

/* The smallest number has 4.5 bits, so a file has at most 16/9 as many numbers as bytes. */
static void read_tensor(const WeightTensor *tensor, size_t file) {
    const size_t row = weights_row(tensor), rows = tensor->shape[0];
    if (row * rows > 2 * file) abort();
    real *values = mem_alloc(row * rows * sizeof *values);
    weights_read(values, tensor, 0, rows);
    mem_free(values);
}

/* A copy that is freed when the input dies, as the text of a TextOut is not. */
static char *tracked(char *text) {
    char *copy = text ? strcpy(mem_alloc(strlen(text) + 1), text) : NULL;
    mem_free(text);
    return copy;
}

static void fuzz_one(const uint8_t *data, size_t size) {
    Weights weights;
    char *config, *tokenizer, *refused,
        *error = gguf_open(fuzz_file(data, size), &weights, &config, &tokenizer, &refused);
    if (error) {
        if (config || tokenizer || refused || weights.maps || weights.tensors) abort();
        mem_free(error);
        return;
    }
    for (size_t i = 0; i < arrlenu(weights.tensors); i++) read_tensor(&weights.tensors[i], size);
    weights_free(&weights);
    if (refused && tokenizer) abort();
    mem_free(refused);
    cJSON *json = cJSON_Parse(config);
    if (!json) abort();
    cJSON_Delete(json);
    mem_free(config);
    tokenizer = tracked(tokenizer);
    if (tokenizer) tokenizer_free(tokenizer_parse(tokenizer, strlen(tokenizer), "fuzz"));
    mem_free(tokenizer);
}

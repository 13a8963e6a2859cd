/* fuzz_import.c - arbitrary bytes as a config.json and a model.safetensors.
 *
 * The tensors follow the last byte 0xFF of the config, which no JSON has. A config that is read must make keys of this
 * program that its own reader takes or refuses with a message, and the tensors of a file must lie within it. */
#include "tests/fuzz/fuzz.h"

#include "base/stb_ds.h"
#include "run/config/config.h"
#include "run/models/hf_config.h"
#include "run/models/json_document.h"
#include "run/models/safetensors_open.h"

static void read_config(const char *text, size_t length) {
    char *error;
    Config config;
    cJSON *json = json_document_text(text, length, "fuzz", &error);
    if (!json != !!error) abort();
    mem_free(error);
    if (!json) return;
    HfModel model = hf_config_read(json, 0);
    cJSON_Delete(json);
    if (!model.keys != (arrlenu(model.needs) > 0)) abort();
    if (model.keys && config_parse(&config, model.keys, "fuzz")) config_free(&config);
    hf_config_free(&model);
}

/* Every byte of a tensor is read, so that a sanitizer sees one that lies outside. */
static void read_tensors(const uint8_t *data, size_t size) {
    Weights weights = {0};
    uint8_t *own = mem_alloc(size);
    memcpy(own, data, size);
    char *error = safetensors_scan(&weights, own, size);
    mem_free(error);
    for (size_t i = 0; i < arrlenu(weights.tensors); i++) {
        const WeightTensor *tensor = &weights.tensors[i];
        if (tensor->bytes < own || tensor->size > size ||
            (size_t)(tensor->bytes - own) > size - tensor->size)
            abort();
    }
    mem_free(own);
    weights_free(&weights);
}

static void fuzz_one(const uint8_t *data, size_t size) {
    const uint8_t *end = memchr(data, 0xFF, size);
    const size_t length = end ? (size_t)(end - data) : size;
    read_config((const char *)data, length);
    if (end) read_tensors(end + 1, size - length - 1);
}

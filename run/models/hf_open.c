/* hf_open.c - see hf_open.h. */
#include "run/models/hf_open.h"

#include "base/stb_ds.h"
#include "base/text_out.h"
#include "run/io/files.h"
#include "run/models/gguf.h"
#include "run/models/json_document.h"
#include "run/models/safetensors_open.h"

#include <cJSON.h>
#include <errno.h>
#include <string.h>
#include <sys/stat.h>

enum { TOKENIZER_MAX = 1 << 28 };

static char *read_config(HfFiles *files, const char *folder, size_t context) {
    char *error, *path = text_format("%s/config.json", folder);
    cJSON *config = json_document(path, &error);
    if (config) files->model = hf_config_read(config, context);
    cJSON_Delete(config);
    mem_free(path);
    return error;
}

static char *read_tokenizer(HfFiles *files, const char *folder) {
    char *path = text_format("%s/tokenizer.json", folder), *error = NULL;
    files->tokenizer = file_contents(path, TOKENIZER_MAX, &files->tokenizer_length);
    if (!files->tokenizer && errno != ENOENT) error = text_format("%s: %s", path, strerror(errno));
    mem_free(path);
    return error;
}

/* A GGUF file has all of it. */
static char *open_gguf(HfFiles *files, const char *path, size_t context) {
    char *text, *error = gguf_open(path, &files->weights, &text, &files->tokenizer,
                                   &files->tokenizer_error);
    if (error) return error;
    cJSON *config = cJSON_Parse(text);
    files->model = hf_config_read(config, context);
    files->tokenizer_length = files->tokenizer ? strlen(files->tokenizer) : 0;
    cJSON_Delete(config);
    mem_free(text);
    return NULL;
}

char *hf_open(HfFiles *files, const char *path, size_t context) {
    struct stat status;
    *files = (HfFiles){0};
    if (stat(path, &status) != 0) return text_format("%s: %s", path, strerror(errno));
    if (!S_ISDIR(status.st_mode)) return open_gguf(files, path, context);
    char *error = read_config(files, path, context);
    if (error || arrlenu(files->model.needs)) return error;
    error = safetensors_open(path, &files->weights);
    return error ? error : read_tokenizer(files, path);
}

void hf_close(HfFiles *files) {
    hf_config_free(&files->model);
    weights_free(&files->weights);
    mem_free(files->tokenizer);
    mem_free(files->tokenizer_error);
    *files = (HfFiles){0};
}

double hf_elements(const Weights *weights) {
    double elements = 0;
    for (size_t i = 0; i < arrlenu(weights->tensors); i++) {
        double own = 1;
        for (size_t d = 0; d < weights->tensors[i].rank; d++)
            own *= (double)weights->tensors[i].shape[d];
        elements += own;
    }
    return elements;
}

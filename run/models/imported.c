/* imported.c - see imported.h. */
#include "run/models/imported.h"

#include "base/stb_ds.h"
#include "base/text_out.h"
#include "run/io/files.h"
#include "run/models/hf_open.h"
#include "run/models/hf_weights.h"
#include "run/store/rundir.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { CONFIG_MAX = 1 << 20 };
static const char CONTEXT[] = "model.context=", VOCAB[] = "data.vocab=";

/* --- what the user sets --- */

/* The value of the last --set that begins with `key`, NULL if there is none. */
static const char *set_value(const ImportRequest *request, const char *key) {
    const char *value = NULL;
    for (size_t i = 0; i < request->n_sets; i++) {
        if (strncmp(request->sets[i], key, strlen(key)) == 0)
            value = request->sets[i] + strlen(key);
    }
    return value;
}

static void check_sets(const ImportRequest *request) {
    static const char *const model[] = {"model.", NULL};
    static const char *const free[] = {"model.context", "model.dropout", NULL};
    for (size_t i = 0; i < request->n_sets; i++) {
        if (!rundir_may_set(request->sets[i], model) || rundir_may_set(request->sets[i], free))
            continue;
        die(EXIT_USAGE,
            "%s: an import cannot change the model: of model.*, only model.context and "
            "model.dropout can be set, not \"%s\"",
            request->path, request->sets[i]);
    }
}

/* model.context, 0 if it is not set or is not an integer: the config says so later. */
static size_t chosen_context(const ImportRequest *request) {
    const char *value = set_value(request, CONTEXT);
    char *end = NULL;
    const unsigned long long context = value ? strtoull(value, &end, 10) : 0;
    return value && *value >= '0' && *value <= '9' && !*end && context <= INT32_MAX ? context : 0;
}

/* --- the model --- */

static void refuse_needs(const char *path, const HfModel *model) {
    char *list = NULL;
    for (size_t i = 0; i < arrlenu(model->needs); i++) text_add(&list, "\n  - %s", model->needs[i]);
    die(EXIT_DATA, "%s cannot be imported; it needs:%s", path, list);
}

static void open_model(HfFiles *files, const ImportRequest *request) {
    char *error = hf_open(files, request->path, chosen_context(request));
    if (error) die(EXIT_DATA, "%s", error);
    if (arrlenu(files->model.needs)) refuse_needs(request->path, &files->model);
}

/* The tokenizer of the model, which data.vocab of the run names, unless the user sets data.vocab. */
static Vocab take_vocab(const ImportRequest *request, const HfFiles *files) {
    const char *chosen = set_value(request, VOCAB);
    Tokenizer *tokenizer = NULL;
    if (!chosen && files->tokenizer_error)
        die(EXIT_DATA, "%s; --set data.vocab=bytes imports the model without it",
            files->tokenizer_error);
    if (chosen && vocab_kind(chosen) == VOCAB_TOKENIZER) {
        tokenizer = tokenizer_open(chosen);
    } else if (!chosen && files->tokenizer) {
        char *name =
            text_format("%s/tokenizer.json (--set data.vocab=bytes imports the model without it)",
                        request->path);
        tokenizer = tokenizer_parse(files->tokenizer, files->tokenizer_length, name);
        mem_free(name);
    }
    if (!tokenizer) return (Vocab){0};
    if (tokenizer_size(tokenizer) > files->model.V)
        die(EXIT_DATA, "%s: its tokenizer has %zu tokens, and its model only %zu", request->path,
            tokenizer_size(tokenizer), files->model.V);
    return vocab_tokenizer(tokenizer);
}

/* The config of the run: the keys of the model, and what the user sets. */
static void make_config(Config *config, const ImportRequest *request, const HfModel *model,
                        const Vocab *vocab) {
    const char **sets = NULL;
    char *name = text_format("name=%s", request->name);
    char *tokenizer = text_format("%s%s", VOCAB, request->tokenizer);
    char *source = text_format("%s as a config", request->path);
    arrput(sets, name);
    for (size_t i = 0; i < request->n_sets; i++) arrput(sets, request->sets[i]);
    if (vocab->tokenizer) arrput(sets, tokenizer);
    if (!config_parse_with(config, model->keys, source, sets, arrlenu(sets))) exit(EXIT_USAGE);
    arrfree(sets);
    mem_free(name);
    mem_free(tokenizer);
    mem_free(source);
}

/* A model that its files cannot fill must not be allocated. Ours may have a few tensors more than theirs: biases of 0
 * and gains of 1. */
static void check_size(const ImportRequest *request, const Config *config, const HfFiles *files) {
    ModelSize size;
    char error[512];
    if (!model_measure(&size, &config->model, &config->gamma_warmup, files->model.V, 1,
                       MODEL_FORWARD, error, sizeof error))
        die(EXIT_DATA, "%s: %s", request->path, error);
    const double ours = (double)size_total(&size).parameters, theirs = hf_elements(&files->weights);
    if (ours > 2 * theirs + 65536)
        die(EXIT_DATA,
            "%s: its config.json describes a model of %.0f parameters, and its files have %.0f",
            request->path, ours, theirs);
}

static Model *read_weights(const ImportRequest *request, const Config *config,
                           const HfFiles *files) {
    check_size(request, config, files);
    Model *model =
        model_create(&config->model, &config->gamma_warmup, files->model.V, 1, MODEL_FORWARD);
    char *error = hf_weights_read(&model->params, &files->model, &files->weights);
    if (error) die(EXIT_DATA, "%s: %s", request->path, error);
    return model;
}

/* --- both --- */

bool imported_is(const char *path) {
    static const char magic[] = "GGUF";
    char start[sizeof magic] = "", *config = text_format("%s/config.json", path);
    struct stat status;
    size_t size;
    const int fd =
        stat(path, &status) == 0 && S_ISREG(status.st_mode) ? fd_open(path, O_RDONLY) : -1;
    if (fd >= 0) {
        if (fd_read(fd, start, sizeof magic - 1) < 0) *start = '\0';
        close(fd);
    }
    char *text = file_contents(config, CONFIG_MAX, &size);
    const bool is = strcmp(start, magic) == 0 || (text && strstr(text, "\"model_type\""));
    mem_free(text);
    mem_free(config);
    return is;
}

void imported_read(StoredModel *stored, const ImportRequest *request, ImportFacts *facts) {
    HfFiles files;
    *stored = (StoredModel){.step = 0};
    check_sets(request);
    open_model(&files, request);
    stored->vocab = take_vocab(request, &files);
    make_config(&stored->config, request, &files.model, &stored->vocab);
    ops_start(stored->config.train.threads);
    stored->model = read_weights(request, &stored->config, &files);
    *facts = (ImportFacts){.class_name = files.model.architecture->class_name,
                           .positions = files.model.positions,
                           .context_chosen = set_value(request, CONTEXT) != NULL};
    hf_close(&files);
}

/* import.c - see import.h. */
#include "run/commands/import.h"

#include "base/stb_ds.h"
#include "base/text_out.h"
#include "run/models/hf_open.h"
#include "run/models/hf_weights.h"
#include "run/store/rundir.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char CONTEXT[] = "model.context=", VOCAB[] = "data.vocab=";

/* --- what the user sets --- */

/* The value of the last --set that begins with `key`, NULL if there is none. */
static const char *set_value(const Cli *cli, const char *key) {
    const char *value = NULL;
    for (size_t i = 0; i < cli->n_sets; i++) {
        if (strncmp(cli->sets[i], key, strlen(key)) == 0) value = cli->sets[i] + strlen(key);
    }
    return value;
}

static void check_sets(const Cli *cli) {
    static const char *const model[] = {"model.", NULL};
    static const char *const free[] = {"model.context", "model.dropout", NULL};
    for (size_t i = 0; i < cli->n_sets; i++) {
        if (!rundir_may_set(cli->sets[i], model) || rundir_may_set(cli->sets[i], free)) continue;
        die(EXIT_USAGE,
            "--import cannot change the model: of model.*, only model.context and model.dropout "
            "can be set, not \"%s\"",
            cli->sets[i]);
    }
}

/* model.context, 0 if it is not set or is not an integer: the config says so later. */
static size_t chosen_context(const Cli *cli) {
    const char *value = set_value(cli, CONTEXT);
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

static void open_model(HfFiles *files, const Cli *cli) {
    char *error = hf_open(files, cli->run, chosen_context(cli));
    if (error) die(EXIT_DATA, "%s", error);
    if (arrlenu(files->model.needs)) refuse_needs(cli->run, &files->model);
}

/* The tokenizer of the model, which data.vocab of the run names, unless the user sets data.vocab. */
static Vocab take_vocab(const Cli *cli, const HfFiles *files) {
    const char *chosen = set_value(cli, VOCAB);
    Tokenizer *tokenizer = NULL;
    if (chosen && vocab_kind(chosen) == VOCAB_TOKENIZER) {
        tokenizer = tokenizer_open(chosen);
    } else if (!chosen && files->tokenizer) {
        char *name = text_format(
            "%s/tokenizer.json (--set data.vocab=bytes imports the model without it)", cli->run);
        tokenizer = tokenizer_parse(files->tokenizer, files->tokenizer_length, name);
        mem_free(name);
    }
    if (!tokenizer) return (Vocab){0};
    if (tokenizer_size(tokenizer) > files->model.V)
        die(EXIT_DATA, "%s: its tokenizer has %zu tokens, and its model only %zu", cli->run,
            tokenizer_size(tokenizer), files->model.V);
    return vocab_tokenizer(tokenizer);
}

/* The config of the run: the keys of the model, and what the user sets. */
static void make_config(Config *config, const Cli *cli, const HfModel *model, const Vocab *vocab) {
    const char **sets = NULL, *slash = strrchr(cli->file, '/');
    char *name = text_format("name=%s", slash && slash[1] ? slash + 1 : "imported");
    char *tokenizer = stored_model_tokenizer(cli->file),
         *own = text_format("%s%s", VOCAB, tokenizer);
    char *source = text_format("%s as a config", cli->run);
    if (!slash) {
        mem_free(name);
        name = text_format("name=%s", cli->file);
    }
    arrput(sets, name);
    for (size_t i = 0; i < cli->n_sets; i++) arrput(sets, cli->sets[i]);
    if (vocab->tokenizer) arrput(sets, own);
    if (!config_parse_with(config, model->keys, source, sets, arrlenu(sets))) exit(EXIT_USAGE);
    arrfree(sets);
    mem_free(name);
    mem_free(tokenizer);
    mem_free(own);
    mem_free(source);
}

/* A model that its files cannot fill must not be allocated. Ours may have a few tensors more than theirs: biases of 0
 * and gains of 1. */
static void check_size(const Cli *cli, const Config *config, const HfFiles *files) {
    ModelSize size;
    char error[512];
    if (!model_measure(&size, &config->model, &config->gamma_warmup, files->model.V, 1,
                       MODEL_FORWARD, error, sizeof error))
        die(EXIT_DATA, "%s: %s", cli->run, error);
    const double ours = (double)size_total(&size).parameters, theirs = hf_elements(&files->weights);
    if (ours > 2 * theirs + 65536)
        die(EXIT_DATA,
            "%s: its config.json describes a model of %.0f parameters, and its files have %.0f",
            cli->run, ours, theirs);
}

static Model *read_weights(const Cli *cli, const Config *config, const HfFiles *files) {
    check_size(cli, config, files);
    Model *model =
        model_create(&config->model, &config->gamma_warmup, files->model.V, 1, MODEL_FORWARD);
    char *error = hf_weights_read(&model->params, &files->model, &files->weights);
    if (error) die(EXIT_DATA, "%s: %s", cli->run, error);
    return model;
}

/* --- the run --- */

static void write_run(const Cli *cli, const Config *config, const Vocab *vocab,
                      const Model *model) {
    const CheckpointMeta meta = {.step = 0};
    Snapshot snapshot = {0};
    rundir_make(cli->file, config, RUNDIR_NEW, NULL);
    stored_model_keep_tokenizer(cli->file, vocab);
    stored_model_describe(&snapshot, config, vocab, 0);
    snapshot_add(&snapshot, "imported_from", text_format("%s", cli->run));
    stored_model_tensors(&model->params, &snapshot);
    char *failed = checkpoint_write(cli->file, &snapshot, &meta);
    if (failed) die(EXIT_IO, "%s: %s; the folder is incomplete, remove it", cli->file, failed);
    snapshot_free(&snapshot);
}

static void print_report(const Cli *cli, const HfModel *hf, const Model *model,
                         const Vocab *vocab) {
    printf("class=%s topology=%s norm=%s vocab=%s\n", hf->architecture->class_name,
           topology_name(model->options.topology), norm_name(model->options.norm),
           vocab->tokenizer ? "tokenizer" : "none");
    printf("parameters=%zu context=%zu of %zu step=0 run=%s\n", params_total(&model->params),
           model->shape.T, hf->positions, cli->file);
    if (model->shape.T < hf->positions && !set_value(cli, CONTEXT))
        printf("note: --set model.context=N imports it for sequences of up to %zu tokens\n",
               hf->positions);
}

void import_write(const Cli *cli) {
    HfFiles files;
    Config config;
    rundir_check_new(cli->file);
    check_sets(cli);
    open_model(&files, cli);
    Vocab vocab = take_vocab(cli, &files);
    make_config(&config, cli, &files.model, &vocab);
    ops_start(config.train.threads);
    Model *model = read_weights(cli, &config, &files);
    write_run(cli, &config, &vocab, model);
    print_report(cli, &files.model, model, &vocab);
    model_free(model);
    tokenizer_free(vocab.tokenizer);
    config_free(&config);
    hf_close(&files);
}

/* import.c - see import.h. */
#include "run/commands/import.h"

#include "base/text_out.h"
#include "run/models/imported.h"
#include "run/store/rundir.h"

#include <stdio.h>
#include <string.h>

static void write_run(const Cli *cli, const StoredModel *stored) {
    const CheckpointMeta meta = {.step = 0};
    Snapshot snapshot = {0};
    rundir_make(cli->file, &stored->config, RUNDIR_NEW, NULL);
    stored_model_keep_tokenizer(cli->file, &stored->vocab);
    stored_model_describe(&snapshot, &stored->config, &stored->vocab, 0);
    snapshot_add(&snapshot, "imported_from", text_format("%s", cli->run));
    stored_model_tensors(&stored->model->params, &snapshot);
    char *failed = checkpoint_write(cli->file, &snapshot, &meta);
    if (failed) die(EXIT_IO, "%s: %s; the folder is incomplete, remove it", cli->file, failed);
    snapshot_free(&snapshot);
}

static void print_report(const Cli *cli, const StoredModel *stored, const ImportFacts *facts) {
    const Model *model = stored->model;
    printf("class=%s topology=%s norm=%s vocab=%s\n", facts->class_name,
           topology_name(model->options.topology), norm_name(model->options.norm),
           stored->vocab.tokenizer ? "tokenizer" : "none");
    printf("parameters=%zu context=%zu of %zu step=0 run=%s\n", params_total(&model->params),
           model->shape.T, facts->positions, cli->file);
    if (model->shape.T < facts->positions && !facts->context_chosen)
        printf("note: --set model.context=N imports it for sequences of up to %zu tokens\n",
               facts->positions);
}

/* The last part of a path, or a word where it has none. */
static const char *name_of(const char *path) {
    const char *slash = strrchr(path, '/');
    if (!slash) return path;
    return slash[1] ? slash + 1 : "imported";
}

void import_write(const Cli *cli) {
    StoredModel stored;
    ImportFacts facts;
    rundir_check_new(cli->file);
    char *tokenizer = stored_model_tokenizer(cli->file);
    const ImportRequest request = {.path = cli->run,
                                   .name = name_of(cli->file),
                                   .tokenizer = tokenizer,
                                   .sets = cli->sets,
                                   .n_sets = cli->n_sets};
    imported_read(&stored, &request, &facts);
    write_run(cli, &stored);
    print_report(cli, &stored, &facts);
    mem_free(tokenizer);
    stored_model_free(&stored);
}

/* fold.c - see fold.h. */
#include "run/commands/fold.h"

#include "base/philox.h"
#include "base/stb_ds.h"
#include "base/text_out.h"
#include "model/folding.h"
#include "run/commands/evaluate.h"
#include "run/config/config_value.h"
#include "run/optim/schedule.h"
#include "run/store/rundir.h"

#include <glob.h>
#include <math.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

enum { SEQUENCES = 4 };

/* The tokens that both models compute logits of. */
typedef struct {
    size_t S, T;
    int *tokens; /* (S,T) */
    const char *source;
} Batch;

/* --- the tokens --- */

static bool exists(const char *spec) {
    glob_t found;
    if (strncmp(spec, "builtin:", strlen("builtin:")) == 0 || access(spec, R_OK) == 0) return true;
    const bool any = strpbrk(spec, "*?[") && glob(spec, 0, NULL, &found) == 0;
    if (any) globfree(&found);
    return any;
}

/* The first validation sequences where the run has any, and else random tokens: number i is a
 * function of i. */
static Batch take_batch(const Config *config, const StoredModel *stored) {
    const Shape *s = &stored->model->shape;
    const char *spec = *config->data.val ? config->data.val : config->data.train;
    Batch batch = {.S = SEQUENCES, .T = s->T, .source = "random"};
    const bool has_part = *config->data.val || config->data.val_fraction > 0;
    Dataset *data = has_part && exists(spec)
                        ? dataset_open_val(&config->data, s->T, SEQUENCES, &stored->vocab, s->V)
                        : NULL;
    if (data) {
        batch.S = dataset_val_rows(data);
        batch.source = "validation";
    }
    const size_t n = size_mul(batch.S, batch.T);
    batch.tokens = mem_alloc(size_mul(n, sizeof(int)));
    int *targets = mem_alloc(size_mul(n, sizeof(int)));
    if (data) {
        dataset_val_batch(data, batch.tokens, targets, 0, batch.S);
        dataset_close(data);
    } else {
        for (size_t i = 0; i < n; i++) {
            const Philox r = philox(0, STREAM_SAMPLE, (uint32_t)i, 0, 0, 0);
            batch.tokens[i] = (int)((uint64_t)r.word[0] * s->V >> 32);
        }
    }
    mem_free(targets);
    return batch;
}

/* --- the logits --- */

/* (S*T,V), for mem_free. */
static real *logits_of(Model *model, const Config *config, size_t step, const Batch *batch) {
    const size_t V = model->shape.V, T = batch->T;
    real *logits = mem_alloc(size_mul(size_mul(batch->S, T), size_mul(V, sizeof(real))));
    for (size_t i = 0; i < batch->S; i++) {
        const Pass pass = {.tokens = batch->tokens + i * T,
                           .B = 1,
                           .T = T,
                           .gamma = (real)schedule_gamma(&config->gamma_warmup, step),
                           .branch = schedule_branch(&config->branch_warmup, step)};
        model_forward(model, &pass);
        for (size_t t = 0; t < T; t++) copy(logits + (i * T + t) * V, model_logits(model, t), V);
    }
    return logits;
}

static void print_difference(const real *before, const real *after, const Batch *batch, size_t V) {
    double largest = 0, scale = 0;
    for (size_t i = 0; i < batch->S * batch->T * V; i++) {
        const double difference = fabs((double)before[i] - (double)after[i]);
        if (!(difference <= largest)) largest = difference;
        scale = fmax(scale, fabs((double)before[i]));
    }
    printf("logits: tokens=%s sequences=%zu max_difference=%.3g max_logit=%.3g relative=%.3g\n",
           batch->source, batch->S, largest, scale, largest > 0 ? largest / scale : 0);
}

/* --- the new run --- */

/* The config of the run, which must be that of its checkpoint. */
static void read_config(Config *config, const Cli *cli, const StoredModel *stored) {
    rundir_config(config, cli->run, NULL, 0);
    const char *key = config_difference(&stored->config, config, DIFFERENCE_MOVED);
    if (key)
        die(EXIT_DATA, "%s/config.json is not the config of the checkpoint: %s differs", cli->run,
            key);
    if (config->model.removal.start)
        die(EXIT_USAGE,
            "--fold: %s removes its norms during training (norm_removal.start), and the constants "
            "that replace them belong to the gains as they are",
            cli->run);
}

static void write_run(const Cli *cli, const Config *config, const StoredModel *stored,
                      const Model *folded) {
    CheckpointMeta meta;
    Snapshot snapshot = {0};
    const char *wrong = checkpoint_verify(cli->run, stored->step, &meta);
    if (wrong)
        die(EXIT_DATA, "the checkpoint of step %zu in %s: %s", stored->step, cli->run, wrong);
    memset(meta.log_bytes, 0, sizeof meta.log_bytes);
    meta.row_waits = 0;
    rundir_make(cli->file, config, RUNDIR_NEW, NULL);
    stored_model_keep_tokenizer(cli->file, &stored->vocab);
    stored_model_describe(&snapshot, config, &stored->vocab, stored->step);
    snapshot_add(&snapshot, "folded_from", text_format("%s", cli->run));
    stored_model_tensors(&folded->params, &snapshot);
    char *failed = checkpoint_write(cli->file, &snapshot, &meta);
    if (failed) die(EXIT_IO, "%s: %s; the folder is incomplete, remove it", cli->file, failed);
    snapshot_free(&snapshot);
}

static void print_report(const Folding *folding) {
    static const char *const HEADINGS[FOLD_OUTCOMES] = {
        [FOLD_MOVED] = "folded", [FOLD_GONE] = "gone", [FOLD_STAYS] = "unchanged"};
    for (int outcome = 0; outcome < FOLD_OUTCOMES; outcome++) {
        printf("%s:\n", HEADINGS[outcome]);
        if (!folding_print(stdout, folding, (FoldOutcome)outcome, "  ")) printf("  nothing\n");
    }
}

void fold_write(const Cli *cli) {
    StoredModel stored;
    Config data = evaluate_config(cli), config;
    rundir_check_new(cli->file);
    ops_start(data.train.threads);
    stored_model_read(&stored, cli->run, cli->step, 1);
    read_config(&config, cli, &stored);
    Batch batch = take_batch(&data, &stored);
    Model *model = stored.model;
    real *before = logits_of(model, &config, stored.step, &batch);
    Folding folding = folding_apply(model, (real)schedule_gamma(&config.gamma_warmup, stored.step));
    for (size_t i = 0; i < arrlenu(folding.wire); i++) value_put_wire(&config, folding.wire[i]);
    Model *folded = folding_model(model, &config.model);
    if (!params_finite(&folded->params))
        die(EXIT_DATA, "the folded weights of %s are not finite: nothing was written", cli->run);
    real *after = logits_of(folded, &config, stored.step, &batch);
    write_run(cli, &config, &stored, folded);
    print_report(&folding);
    printf("parameters=%zu of %zu step=%zu run=%s\n", params_total(&folded->params),
           params_total(&model->params), stored.step, cli->file);
    print_difference(before, after, &batch, model->shape.V);
    mem_free(before);
    mem_free(after);
    mem_free(batch.tokens);
    folding_free(&folding);
    model_free(folded);
    stored_model_free(&stored);
    config_free(&config);
    config_free(&data);
}

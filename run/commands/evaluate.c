/* evaluate.c - see evaluate.h. */
#include "run/commands/evaluate.h"

#include "data/targets.h"
#include "run/measure/calibrate.h"
#include "run/io/json_out.h"
#include "run/io/streams.h"
#include "run/optim/schedule.h"
#include "run/store/rundir.h"
#include "run/train/nonfinite.h"
#include "run/train/validate.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

/* Keys that do not change the model. */
static const char *const OVERRIDES[] = {"data.", "train.eval_rows", "train.batch", "train.threads",
                                        NULL};

Config evaluate_config(const Cli *cli) {
    Config config;
    for (size_t i = 0; i < cli->n_sets; i++) {
        if (rundir_may_set(cli->sets[i], OVERRIDES)) continue;
        die(EXIT_USAGE,
            "--%s cannot change the model: only data.*, train.eval_rows, train.batch and "
            "train.threads can be set, not \"%s\"%s",
            cli->mode == MODE_EVAL      ? "eval"
            : cli->mode == MODE_MEASURE ? "measure"
            : cli->mode == MODE_FOLD    ? "fold"
                                        : "logits",
            cli->sets[i], cli->mode == MODE_EVAL ? " (--force-topology rewires it)" : "");
    }
    rundir_config(&config, cli->run, cli->sets, cli->n_sets);
    return config;
}

static int compare(const void *a, const void *b) {
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

size_t evaluate_context(const Cli *cli, const Model *model) {
    const size_t longest = model->shape.T;
    if (cli->context > longest)
        die(EXIT_USAGE,
            "--context %zu: the model was trained on sequences of %zu tokens "
            "(model.context), and N may be at most that",
            cli->context, longest);
    return cli->context ? cli->context : longest;
}

/* Fills `losses` (val_rows*T) for all validation tokens; returns their mean. */
static double losses_of(double *losses, const StoredModel *stored, const Dataset *data, size_t T) {
    const Shape *s = &stored->model->shape;
    int *tokens = mem_alloc(size_mul(s->B * s->T, sizeof(int)));
    int *targets = mem_alloc(size_mul(s->B * s->T, sizeof(int)));
    real gamma = (real)schedule_gamma(&stored->config.gamma_warmup, stored->step);
    BranchRamp branch = schedule_branch(&stored->config.branch_warmup, stored->step);
    double mean = validate(stored->model, data, T, gamma, branch, tokens, targets, losses);
    mem_free(tokens);
    mem_free(targets);
    return mean;
}

/* The results of --eval. */
typedef struct {
    size_t step, rows, tokens;
    double val_loss, val_bpb, median, p999, floor; /* val_bpb, floor: NAN where not known */
} Evaluation;

static void print_text(const Evaluation *e) {
    printf("step=%zu rows=%zu tokens=%zu val_loss=%.9g bits_per_token=%.6g perplexity=%.6g "
           "median=%.6g p99.9=%.6g",
           e->step, e->rows, e->tokens, e->val_loss, e->val_loss / log(2), exp(e->val_loss),
           e->median, e->p999);
    if (!isnan(e->floor)) printf(" floor=%.9g", e->floor);
    if (!isnan(e->val_bpb)) printf(" val_bpb=%.9g", e->val_bpb);
    putchar('\n');
}

static void print_json(const Evaluation *e, const char *run) {
    Json json = {.out = stdout};
    json_open(&json, NULL);
    json_string(&json, "run", run);
    json_integer(&json, "step", e->step);
    json_integer(&json, "rows", e->rows);
    json_integer(&json, "tokens", e->tokens);
    json_number(&json, "val_loss", e->val_loss);
    json_number(&json, "bits_per_token", e->val_loss / log(2));
    json_number(&json, "perplexity", exp(e->val_loss));
    json_number(&json, "median", e->median);
    json_number(&json, "p99.9", e->p999);
    if (!isnan(e->floor)) json_number(&json, "floor", e->floor);
    if (!isnan(e->val_bpb)) json_number(&json, "val_bpb", e->val_bpb);
    json_close(&json);
    putchar('\n');
}

/* The q-quantile of n sorted losses: the one at index floor(q n), at most the last. */
static double quantile(const double *sorted, size_t n, double q) {
    size_t i = (size_t)(q * (double)n);
    return sorted[i < n ? i : n - 1];
}

/* The first place of the first validation sequence whose loss is not finite; losses (val_rows*T). */
static NonFinite find_nonfinite(const StoredModel *stored, const Dataset *data, size_t T,
                                const double *losses) {
    NonFinite found = nonfinite_logits(stored->model->shape.L);
    int *tokens = mem_alloc(size_mul(T, sizeof *tokens));
    int *targets = mem_alloc(size_mul(T, sizeof *targets));
    const size_t cells = dataset_val_rows(data) * T;
    size_t first = 0;
    while (first + 1 < cells && isfinite(losses[first])) first++;
    dataset_val_batch(data, tokens, targets, first / T, 1);
    Pass pass = {.tokens = tokens,
                 .targets = targets,
                 .B = 1,
                 .T = T,
                 .gamma = (real)schedule_gamma(&stored->config.gamma_warmup, stored->step),
                 .branch = schedule_branch(&stored->config.branch_warmup, stored->step)};
    NonFinite forward = nonfinite_forward(stored->model, &pass);
    if (*forward.name) found = forward;
    mem_free(tokens);
    mem_free(targets);
    return found;
}

static void print_nonfinite(const char *dir, const NonFinite *found, size_t L) {
    char where[64];
    if (found->layer == 0)
        snprintf(where, sizeof where, "in the embedding");
    else if (found->layer > L)
        snprintf(where, sizeof where, "after the last block");
    else
        snprintf(where, sizeof where, "in block %zu", found->layer);
    fprintf(stderr,
            "train: error: the validation loss of %s is not finite: the first value that is not "
            "finite is %s (%s)\n",
            dir, where, found->name);
}

/* Sequences in one pass: as in training, but no more than keep all threads busy, since memory that is touched once costs
 * more than it saves. Losses do not depend on it; the sequences that calibrate() reads do. */
static size_t batch_of(const Config *config, NormsMode norms) {
    enum { ENOUGH = 4096 }; /* tokens */
    const size_t enough = ENOUGH / config->model.context, most = enough ? enough : 1;
    return norms != NORMS_REAL || config->train.batch < most ? config->train.batch : most;
}

int evaluate(const Cli *cli) {
    NormsMode norms = norms_mode(cli->norms);
    Config config = evaluate_config(cli);
    StoredModel stored;
    ops_start(config.train.threads);
    stored_model_read(&stored, cli->run, cli->step, batch_of(&config, norms));
    if (cli->topology) stored_model_rewire(&stored, cli->topology);
    const Model *model = stored.model;
    const size_t T = evaluate_context(cli, model);
    calibrate(&stored, &config, norms, T);
    Dataset *data =
        dataset_open_val(&config.data, T, config.train.eval_rows, &stored.vocab, model->shape.V);
    size_t sequences = dataset_val_rows(data), tokens = size_mul(sequences, T);
    if (!sequences) {
        die(EXIT_USAGE, "%s has no validation data (data.val_fraction is 0): --set data.val=FILE",
            cli->run);
    }
    double *losses = mem_alloc(size_mul(tokens, sizeof *losses));
    double mean = losses_of(losses, &stored, data, T);
    NonFinite nonfinite = {.layer = 0};
    if (!isfinite(mean)) nonfinite = find_nonfinite(&stored, data, T, losses);
    qsort(losses, tokens, sizeof *losses, compare);
    const Evaluation result = {stored.step,
                               sequences,
                               tokens,
                               mean,
                               bits_per_byte(mean, targets_bytes(data, T)),
                               quantile(losses, tokens, 0.5),
                               quantile(losses, tokens, 0.999),
                               dataset_floor(data)};
    if (cli->json)
        print_json(&result, cli->run);
    else
        print_text(&result);
    stdout_flush();
    if (!isfinite(mean)) print_nonfinite(cli->run, &nonfinite, model->shape.L);
    mem_free(losses);
    dataset_close(data);
    stored_model_free(&stored);
    config_free(&config);
    return isfinite(mean) ? EXIT_DONE : EXIT_DIVERGED;
}

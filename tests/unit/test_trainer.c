/* test_trainer.c - single updates of a run: what is checked, logged and applied.
 *
 * One idea: run_update runs step by step on a toy model. Between steps the test changes the config,
 * a weight or a moment, then compares weights and CSV files with the expected result. */
#include "base/text_out.h"
#include "norm/norm.h"
#include "ops/ops.h"
#include "run/commands/worst_rows.h"
#include "run/io/files.h"
#include "run/train/resume.h"
#include "tests/lib/test.h"

#include <unistd.h>

typedef struct {
    Config config;
    Run run;
    char dir[64];
    size_t step; /* the last update */
} Toy;

static void toy_open(Toy *toy, const char *const *sets, size_t n_sets) {
    const char *all[16] = {"model.n_layer=2",       "model.n_head=2", "model.d_model=16",
                           "model.context=16",      "train.batch=8",  "train.steps=400",
                           "optim.warmup_steps=10", "optim.lr=3e-3"};
    for (size_t i = 0; i < n_sets; i++) all[8 + i] = sets[i];
    strcpy(toy->dir, "/tmp/peri_trainer_XXXXXX");
    CHECK(mkdtemp(toy->dir) != NULL, "mkdtemp");
    char *path = text_format("%s/empty.json", toy->dir);
    CHECK(file_replace(path, "{}", 2) == 0, "empty config");
    CHECK(config_load(&toy->config, path, all, 8 + n_sets), "config");
    mem_free(path);
    run_open(&toy->run, &toy->config, 0, NULL);
    toy->run.log = runlog_create(toy->dir, false);
    toy->run.progress.manifest = &toy->run.manifest;
    toy->step = 0;
}

static void toy_close(Toy *toy) {
    static const char *const FILES[] = {"log.csv", "spikes.csv", "layers.csv", "tensors.csv",
                                        "empty.json"};
    run_close(&toy->run);
    for (size_t i = 0; i < 5; i++) {
        char *path = text_format("%s/%s", toy->dir, FILES[i]);
        unlink(path);
        mem_free(path);
    }
    rmdir(toy->dir);
    config_free(&toy->config);
}

static LogRow toy_step(Toy *toy) {
    LogRow row = {0};
    run_update(&toy->run, ++toy->step, &row);
    runlog_write(&toy->run.log, &row);
    return row;
}

static void toy_steps(Toy *toy, size_t count) {
    while (count--) toy_step(toy);
}

static char *file_text(const char *dir, const char *name) {
    static char text[1 << 16];
    char *path = text_format("%s/%s", dir, name);
    FILE *in = fopen(path, "r");
    size_t size = in ? fread(text, 1, sizeof text - 1, in) : 0;
    if (in) fclose(in);
    mem_free(path);
    text[size] = '\0';
    return text;
}

typedef struct {
    real *values, *m, *v;
    size_t bytes, applied;
} Saved;

static Saved save(const Run *run) {
    const Params *params = &run->model->params;
    Saved saved = {.bytes = params->size * sizeof(real), .applied = run->optimizer.applied};
    real **copies[] = {&saved.values, &saved.m, &saved.v};
    const real *from[] = {params->values, params->m, params->v};
    for (int i = 0; i < 3; i++) {
        *copies[i] = mem_alloc(saved.bytes);
        memcpy(*copies[i], from[i], saved.bytes);
    }
    return saved;
}

/* Whether weights, moments and the number of updates are unchanged; frees the copies. */
static bool unchanged(const Run *run, Saved *saved) {
    const Params *params = &run->model->params;
    bool same = memcmp(saved->values, params->values, saved->bytes) == 0 &&
                memcmp(saved->m, params->m, saved->bytes) == 0 &&
                memcmp(saved->v, params->v, saved->bytes) == 0 &&
                saved->applied == run->optimizer.applied;
    mem_free(saved->values);
    mem_free(saved->m);
    mem_free(saved->v);
    return same;
}

enum { HOT_STEP = 250 }; /* updates before the hot one */

/* One update at 100 times the learning rate disturbs the weights. The next step must be flagged,
 * with the tensors that grew most, and handled by the action. */
static void spike_after_hot_update(const char *action, bool applied) {
    char set[32];
    const char *sets[] = {set, "optim.schedule=constant"};
    Toy toy;
    snprintf(set, sizeof set, "spike.action=%s", action);
    toy_open(&toy, sets, 2);
    toy_steps(&toy, HOT_STEP);
    CHECK(strchr(file_text(toy.dir, "spikes.csv"), '\n')[1] == '\0', "%s: a spike without a cause",
          action);
    toy.config.optim.lr *= 100;
    toy_step(&toy);
    toy.config.optim.lr /= 100;
    Saved before = save(&toy.run);
    LogRow row = toy_step(&toy);
    CHECK(row.value[LOG_SPIKE] > 0 && row.action && strcmp(row.action, action) == 0,
          "%s: spike %g, action %s", action, row.value[LOG_SPIKE], row.action ? row.action : "");
    CHECK(unchanged(&toy.run, &before) == !applied, "%s: applied", action);
    char *text = file_text(toy.dir, "spikes.csv"), start[32];
    snprintf(start, sizeof start, "\n%zu,", toy.step);
    char *line = strstr(text, start);
    CHECK(line != NULL, "%s: no record of step %zu", action, toy.step);
    if (line) {
        CHECK(strstr(line, ".weight,") || strstr(line, ".gamma,") || strstr(line, ".bias,"),
              "no tensor: %s", line);
        CHECK(strstr(line, action), "no action: %s", line);
    }
    toy_close(&toy);
}

static void spikes_are_flagged(void) {
    spike_after_hot_update("log", true);
    spike_after_hot_update("clip", true);
    spike_after_hot_update("skip", false);
    spike_after_hot_update("stop", false);
}

static int compare(const void *a, const void *b) {
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

/* With action clip, the gradient of a flagged step is scaled to the median norm of the window. */
static void clip_scales_to_the_window(void) {
    enum { STEPS = HOT_STEP + 2, WINDOW = 128 };
    const char *sets[] = {"spike.action=clip", "optim.clip=0", "optim.schedule=constant"};
    double norms[STEPS], scale = 1, window[WINDOW];
    Toy toy;
    toy_open(&toy, sets, 3);
    for (size_t i = 0; i < STEPS; i++) {
        double hot = i == HOT_STEP ? 100 : 1;
        toy.config.optim.lr *= hot;
        LogRow row = toy_step(&toy);
        toy.config.optim.lr /= hot;
        norms[i] = row.value[LOG_GRAD_NORM];
        scale = row.value[LOG_CLIP_SCALE];
        CHECK((row.value[LOG_SPIKE] > 0) == (i == STEPS - 1), "step %zu: spike %g", i + 1,
              row.value[LOG_SPIKE]);
    }
    memcpy(window, norms + STEPS - 1 - WINDOW, sizeof window);
    qsort(window, WINDOW, sizeof *window, compare);
    double median = exp(0.5 * (log(window[WINDOW / 2 - 1]) + log(window[WINDOW / 2])));
    CHECK(norms[STEPS - 1] > median, "nothing to clip: %g", norms[STEPS - 1]);
    CHECK_NEAR(scale * norms[STEPS - 1] / median, 1, 1e-12);
    toy_close(&toy);
}

/* A NaN or infinity in any weight, and so in activations and gradients, is detected in the same
 * step, and the step is not applied. It still consumes its batch and its learning rate. */
static void nonfinite_is_never_applied(void) {
    static const double POISONS[] = {NAN, INFINITY, -INFINITY};
    const char *sets[] = {"spike.action=skip", "model.tie_embeddings=false"};
    Toy toy;
    toy_open(&toy, sets, 2);
    toy_steps(&toy, 30);
    Params *params = &toy.run.model->params;
    size_t places = 0;
    for (size_t i = 0; i < 3 * params_count(params); i++) {
        const Param *param = &params->list[i / 3];
        real *victim = params->values + param->offset, healthy = *victim;
        if (strcmp(param->name, "tok_emb.weight") == 0) continue; /* byte 0 is never read */
        *victim = (real)POISONS[i % 3];
        Saved before = save(&toy.run);
        LogRow row = toy_step(&toy);
        CHECK(unchanged(&toy.run, &before), "%s: a non-finite step was applied", param->name);
        CHECK(row.value[LOG_SPIKE] > 0, "%s: not detected", param->name);
        CHECK(!isfinite(row.value[LOG_TRAIN_LOSS]) || !isfinite(row.value[LOG_GRAD_NORM]),
              "%s: finite", param->name);
        *victim = healthy;
        places++;
    }
    Saved before = save(&toy.run);
    LogRow row = toy_step(&toy);
    CHECK(isfinite(row.value[LOG_TRAIN_LOSS]) && !unchanged(&toy.run, &before),
          "a healthy step is applied again");
    HealthSummary health = health_summary(toy.run.health);
    CHECK(health.skipped_steps == places && places > 60, "skipped %zu", health.skipped_steps);
    CHECK(health.nonfinite_in_row == 0, "in a row %zu", health.nonfinite_in_row);
    toy_close(&toy);
}

/* The name in the last record of spikes.csv. */
static const char *named(const Toy *toy) {
    char *text = file_text(toy->dir, "spikes.csv"), *line = text;
    for (char *next; (next = strchr(line, '\n')) && next[1];) line = next + 1;
    for (int comma = 0; comma < 6; comma++) line = strchr(line, ',') + 1;
    line[strcspn(line, ",")] = '\0';
    return line;
}

/* A NaN reaches every gradient, so only the first place in the order of the forward pass tells
 * something. In the registry, the norms of a block are before its matrices. */
static void nonfinite_names_the_first_tensor(void) {
    static const char *const VICTIMS[] = {"tok_emb.weight",
                                          "blocks.0.attn.norm_in.gamma",
                                          "blocks.0.attn.qkv.weight",
                                          "blocks.0.attn.proj.bias",
                                          "blocks.0.attn.norm_out.gamma",
                                          "blocks.0.mlp.norm_in.gamma",
                                          "blocks.1.attn.norm_out.gamma",
                                          "blocks.1.mlp.down.weight",
                                          "blocks.1.mlp.norm_out.gamma",
                                          "final_norm.gamma",
                                          "head.weight"};
    enum { VICTIM_COUNT = sizeof VICTIMS / sizeof *VICTIMS };
    const char *sets[] = {"spike.action=skip", "model.tie_embeddings=false", "train.accum=2",
                          "model.bias=true"};
    Toy toy;
    toy_open(&toy, sets, 4);
    toy_steps(&toy, 3);
    Params *params = &toy.run.model->params;
    for (size_t i = VICTIM_COUNT; i-- > 0;) {
        const Param *param = &params->list[params_find(params, VICTIMS[i])];
        CHECK(params_find(params, VICTIMS[i]) < params_count(params), "no %s", VICTIMS[i]);
        for (size_t k = 0; k < param->count; k++) params->values[param->offset + k] = (real)NAN;
        toy_step(&toy); /* all later ones are NaN, too */
        CHECK(strcmp(named(&toy), VICTIMS[i]) == 0, "%s, not %s", named(&toy), VICTIMS[i]);
    }
    toy_close(&toy);
}

/* All weights are finite, but so large that an activation is not. */
static void overflow_names_the_activation(void) {
    const char *sets[] = {"spike.action=skip"};
    static const struct {
        const char *huge, *first;
    } cases[] = {{"blocks.1.mlp.norm_in.gamma", "blocks.1.mlp.norm_in"},
                 {"blocks.0.attn.norm_out.gamma", "blocks.0.attn.norm_out"}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        Toy toy;
        toy_open(&toy, sets, 1);
        toy_steps(&toy, 3);
        Params *params = &toy.run.model->params;
        const Param *param = &params->list[params_find(params, cases[i].huge)];
        real huge = sizeof(real) == 4 ? (real)3e38 : (real)1e308;
        for (size_t k = 0; k < param->count; k++)
            params->values[param->offset + k] = k % 2 ? huge : -huge;
        toy_step(&toy);
        CHECK(strcmp(named(&toy), cases[i].first) == 0, "%s: %s", cases[i].huge, named(&toy));
        toy_close(&toy);
    }
}

/* Finding the name repeats the forward pass, which must leave running statistics as they were. */
static void naming_changes_nothing(void) {
    const char *sets[] = {"spike.action=skip", "model.norm=batchnorm",
                          "model.tie_embeddings=false"};
    Toy toy[2];
    for (int i = 0; i < 2; i++) {
        toy_open(&toy[i], sets, 3);
        toy_steps(&toy[i], 3);
    }
    Params *params = &toy[0].run.model->params, *other = &toy[1].run.model->params;
    const Param *head = &params->list[params_find(params, "head.weight")];
    real before = params->values[head->offset];
    params->values[head->offset] = (real)NAN;
    toy_step(&toy[0]);
    params->values[head->offset] = before;
    dataset_train_batch(toy[1].run.data, toy[1].run.tokens, toy[1].run.targets, 4, 0);
    Pass pass = {
        .tokens = toy[1].run.tokens, .B = 8, .T = 16, .gamma = 1, .training = true, .step = 4};
    model_forward(toy[1].run.model, &pass);
    for (size_t p = 0; p < params_count(params); p++) {
        const Param *param = &params->list[p];
        CHECK(memcmp(params->values + param->offset, other->values + param->offset,
                     param->count * sizeof(real)) == 0,
              "%s", param->name);
    }
    for (int i = 0; i < 2; i++) toy_close(&toy[i]);
}

/* Only the update reads a moment, so a NaN there is detected one step later, and never saved. */
static void spoiled_weights_are_never_saved(void) {
    const char *sets[] = {"spike.action=skip"};
    for (int second = 0; second < 2; second++) {
        Toy toy;
        toy_open(&toy, sets, 1);
        toy_steps(&toy, 3);
        Params *params = &toy.run.model->params;
        real *moments = second ? params->v : params->m;
        moments[params->list[1].offset] = (real)NAN;
        toy_step(&toy);
        CHECK(run_save(&toy.run, toy.step) == EXIT_DIVERGED, "non-finite weights are not saved");
        Saved before = save(&toy.run);
        LogRow row = toy_step(&toy);
        CHECK(unchanged(&toy.run, &before) && row.value[LOG_SPIKE] > 0,
              "detected in the next step");
        toy_close(&toy);
    }
}

/* Under any action, log and clip included, a non-finite step is not applied and ends the run. */
static void nonfinite_stops(void) {
    const char *sets[] = {"spike.action=log"};
    Toy toy;
    toy_open(&toy, sets, 1);
    toy_steps(&toy, 3);
    real *weight = toy.run.model->params.values + toy.run.model->params.list[2].offset;
    *weight = (real)NAN;
    Saved before = save(&toy.run);
    LogRow row = toy_step(&toy);
    CHECK(unchanged(&toy.run, &before), "applied");
    CHECK(strcmp(row.action, "stop") == 0, "action %s", row.action);
    CHECK(health_must_stop(toy.run.health, ACTION_LOG), "must stop");
    toy_close(&toy);
}

/* Record s has w(s-1), lr(s) with the RMSNorm factor, and the tokens so far. */
static void columns_follow_the_formulas(void) {
    const char *sets[] = {"gamma_warmup.steps=20", "train.accum=3", "optim.schedule=linear",
                          "optim.rmsnorm_lr_scale=0.95"};
    Toy toy;
    toy_open(&toy, sets, 4);
    for (size_t s = 1; s <= 40; s++) {
        LogRow row = toy_step(&toy);
        double w = s > 20 ? 1 : 0.1 + 0.9 * (double)(s - 1) / 20;
        double p = s <= 10 ? 0 : (double)(s - 10) / 390;
        double lr = 0.95 * 3e-3 * (s <= 10 ? (double)s / 10 : 1 - 0.9 * p);
        CHECK_NEAR(row.value[LOG_GAMMA_SCALE], w, 1e-12);
        CHECK_NEAR(row.value[LOG_LR], lr, 1e-12);
        CHECK_NEAR(row.value[LOG_TOKENS], s * 3 * 8 * 16, 0);
        CHECK(row.value[LOG_CLIP_SCALE] <= 1 && !(row.measured >> LOG_VAL_LOSS & 1), "step %zu", s);
    }
    CHECK_NEAR(schedule_gamma(&toy.config.gamma_warmup, 20), 1, 0);
    toy_close(&toy);
}

/* Validation gives every token the same weight: 7 sequences in batches of 8 and of 3. */
static void validation_does_not_depend_on_the_batch(void) {
    const char *small[] = {"train.eval_rows=7"}, *large[] = {"train.eval_rows=7", "train.batch=3"};
    Toy a, b;
    toy_open(&a, small, 1);
    toy_open(&b, large, 2);
    double one = run_validate(&a.run, 0), other = run_validate(&b.run, 0);
    CHECK_NEAR(one, other, 1e-6);
    CHECK_NEAR(one, log(256), 0.1);
    toy_close(&a);
    toy_close(&b);
}

/* 16 sequences with known losses: NaN is worst, equal losses keep the order of the batch. */
static void sequences_are_sorted_by_loss(void) {
    const char *sets[] = {"train.accum=2"};
    enum { SEQUENCES = 16, T = 16, BAD = 5, PEAK = 7 };
    double losses[SEQUENCES * T];
    Toy toy;
    toy_open(&toy, sets, 1);
    for (size_t i = 0; i < SEQUENCES * T; i++) losses[i] = (double)(i / T / 2);
    losses[BAD * T + 3] = 50;
    losses[BAD * T + PEAK] = NAN;
    losses[BAD * T + PEAK + 1] = 60;
    losses[T + PEAK] = 0.5; /* sequence 1 is now worse than 0 */
    toy.run.losses = losses;
    SequenceLoss *sorted = sequences_of_update(&toy.run, 1);
    static const size_t order[SEQUENCES] = {BAD, 14, 15, 12, 13, 10, 11, 8, 9, 6, 7, 4, 2, 3, 1, 0};
    for (size_t i = 0; i < SEQUENCES; i++) {
        CHECK(sorted[i].micro * 8 + sorted[i].row == order[i], "position %zu: %zu %zu", i,
              sorted[i].micro, sorted[i].row);
        if (order[i] > BAD) CHECK_NEAR(sorted[i].loss, (double)(order[i] / 2), 0);
    }
    CHECK(isnan(sorted[0].loss) && isnan(sorted[0].max) && sorted[0].position == PEAK, "NaN at %zu",
          sorted[0].position);
    CHECK(sorted[14].max == 0.5 && sorted[14].position == PEAK, "peak at %zu", sorted[14].position);
    CHECK(sorted[1].max == 7 && sorted[1].position == 0, "equal losses: the first one");
    sequences_free(sorted, SEQUENCES);
    toy_close(&toy);
}

/* As in PyTorch: a skipped step has updated the running statistics, and nothing else. */
static void skipped_step_updates_running_statistics(void) {
    const char *sets[] = {"spike.action=skip", "model.norm=batchnorm",
                          "model.tie_embeddings=false"};
    Toy toy;
    toy_open(&toy, sets, 3);
    toy_steps(&toy, 3);
    const Params *params = &toy.run.model->params;
    const Param *head = &params->list[params_find(params, "head.weight")];
    params->values[head->offset] = NAN; /* after all norms */
    Saved before = save(&toy.run);
    toy_step(&toy);
    for (size_t p = 0; p < params_count(params); p++) {
        const Param *param = &params->list[p];
        const real *now = params->values + param->offset, *then = before.values + param->offset;
        bool same = memcmp(now, then, param->count * sizeof *now) == 0;
        CHECK(same == param_is_trained(param), "%s", param->name);
        for (size_t i = 0; i < param->count && !param_is_trained(param); i++)
            CHECK(isfinite(now[i]), "%s", param->name);
    }
    unchanged(&toy.run, &before);
    toy_close(&toy);
}

static const Test TESTS[] = {
    {"a spike after a hot update is flagged with its tensors", spikes_are_flagged},
    {"action clip scales to the median norm of the window", clip_scales_to_the_window},
    {"a non-finite step is never applied", nonfinite_is_never_applied},
    {"a step that is not finite names its first tensor", nonfinite_names_the_first_tensor},
    {"an overflow names the activation", overflow_names_the_activation},
    {"naming it leaves running statistics alone", naming_changes_nothing},
    {"weights spoiled by a NaN moment are never saved", spoiled_weights_are_never_saved},
    {"a skipped step updates running statistics", skipped_step_updates_running_statistics},
    {"a non-finite step ends the run", nonfinite_stops},
    {"log columns follow their formulas", columns_follow_the_formulas},
    {"validation does not depend on the batch", validation_does_not_depend_on_the_batch},
    {"sequences are sorted by loss", sequences_are_sorted_by_loss},
};

int main(int argc, char **argv) {
    ops_start(1); /* at toy sizes, more threads are slower */
    return test_main(TESTS, sizeof TESTS / sizeof *TESTS, argc, argv);
}

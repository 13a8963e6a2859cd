/* test_trainer.c - single updates of a real run: what is judged, logged and applied.
 *
 * One idea: run_update is driven step by step on a toy model, with the config, a weight or a
 * gradient disturbed in between, and the weights and the CSV files are compared with what must have
 * happened. */
#include "base/text_out.h"
#include "norm/norm.h"
#include "ops/ops.h"
#include "run/io/files.h"
#include "run/train/resume.h"
#include "run/commands/worst_rows.h"
#include "tests/lib/test.h"

#include <unistd.h>

typedef struct {
    Config config;
    Run run;
    char dir[64];
    size_t step; /* the last one done */
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
    toy->run.log = runlog_create(toy->dir);
    toy->run.progress.manifest = &toy->run.manifest;
    toy->step = 0;
}

static void toy_close(Toy *toy) {
    static const char *const FILES[] = {"log.csv", "spikes.csv", "layers.csv", "empty.json"};
    run_close(&toy->run);
    for (size_t i = 0; i < 4; i++) {
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

/* Whether weights, moments and the count of updates are what they were; frees the copies. */
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

enum { HOT_STEP = 250 }; /* updates before it */

/* One update at 100 times the learning rate throws the weights; the next step must be flagged, with
 * the tensors that grew most, and be treated as the action says. */
static void spike_after_hot_update(const char *action, bool applied) {
    char set[32];
    const char *sets[] = {set, "optim.schedule=constant"};
    Toy toy;
    snprintf(set, sizeof set, "spike.action=%s", action);
    toy_open(&toy, sets, 2);
    toy_steps(&toy, HOT_STEP);
    CHECK(strchr(file_text(toy.dir, "spikes.csv"), '\n')[1] == '\0', "%s: a spike before any cause",
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
    CHECK(line != NULL, "%s: no row of step %zu", action, toy.step);
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

/* With action clip the flagged step is applied with the median norm of the window before it. */
static void clip_scales_to_the_usual_norm(void) {
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
    double usual = exp(0.5 * (log(window[WINDOW / 2 - 1]) + log(window[WINDOW / 2])));
    CHECK(norms[STEPS - 1] > usual, "nothing to clip: %g", norms[STEPS - 1]);
    CHECK_NEAR(scale * norms[STEPS - 1] / usual, 1, 1e-12);
    toy_close(&toy);
}

/* A NaN or infinity anywhere - in a weight, so in activations and gradients - is seen in the same
 * step and nothing is applied; the step still uses up its row and its learning rate. */
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
        CHECK(row.value[LOG_SPIKE] > 0, "%s: not seen", param->name);
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

/* A moment is read by the update alone: what it spoils is seen one step later, and never saved. */
static void spoiled_moments_are_never_saved(void) {
    const char *sets[] = {"spike.action=skip"};
    for (int second = 0; second < 2; second++) {
        Toy toy;
        toy_open(&toy, sets, 1);
        toy_steps(&toy, 3);
        Params *params = &toy.run.model->params;
        real *moments = second ? params->v : params->m;
        moments[params->list[1].offset] = (real)NAN;
        toy_step(&toy);
        CHECK(run_save(&toy.run, toy.step) == EXIT_DIVERGED, "weights that are not finite");
        Saved before = save(&toy.run);
        LogRow row = toy_step(&toy);
        CHECK(unchanged(&toy.run, &before) && row.value[LOG_SPIKE] > 0, "seen in the next step");
        toy_close(&toy);
    }
}

/* Whatever the action, log and clip included, non-finite means not applied and the end. */
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

/* Row s shows w(s-1), lr(s) with the RMSNorm factor, and tokens so far. */
static void columns_follow_the_formulas(void) {
    const char *sets[] = {"gamma_warmup.steps=20", "train.accum=3", "optim.schedule=linear"};
    Toy toy;
    toy_open(&toy, sets, 3);
    for (size_t s = 1; s <= 40; s++) {
        LogRow row = toy_step(&toy);
        double w = s > 20 ? 1 : 0.1 + 0.9 * (double)(s - 1) / 20;
        double p = s <= 10 ? 0 : (double)(s - 10) / 390;
        double lr = 0.95 * 3e-3 * (s <= 10 ? (double)s / 10 : 1 - 0.9 * p);
        CHECK_NEAR(row.value[LOG_GAMMA_SCALE], w, 1e-12);
        CHECK_NEAR(row.value[LOG_LR], lr, 1e-12);
        CHECK_NEAR(row.value[LOG_TOKENS], s * 3 * 8 * 16, 0);
        CHECK(row.value[LOG_CLIP_SCALE] <= 1 && !(row.measured >> LOG_VAL_LOSS & 1), "row %zu", s);
    }
    CHECK_NEAR(schedule_gamma(&toy.config.gamma_warmup, 20), 1, 0);
    toy_close(&toy);
}

/* Validation gives every row the same weight, whatever the batch; 7 rows in batches of 8 and of 3.
 */
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

/* 16 rows of 16 losses that are known: what is no number is worst, equal rows keep their order. */
static void rows_stand_by_their_loss(void) {
    const char *sets[] = {"train.accum=2"};
    enum { ROWS = 16, T = 16, BAD = 5, PEAK = 7 };
    double losses[ROWS * T];
    Toy toy;
    toy_open(&toy, sets, 1);
    for (size_t i = 0; i < ROWS * T; i++) losses[i] = (double)(i / T / 2);
    losses[BAD * T + 3] = 50;
    losses[BAD * T + PEAK] = NAN;
    losses[BAD * T + PEAK + 1] = 60;
    losses[T + PEAK] = 0.5; /* row 1 is now worse than row 0 */
    toy.run.losses = losses;
    RowLoss *rows = rows_of_update(&toy.run, 1);
    static const size_t order[ROWS] = {BAD, 14, 15, 12, 13, 10, 11, 8, 9, 6, 7, 4, 2, 3, 1, 0};
    for (size_t i = 0; i < ROWS; i++) {
        CHECK(rows[i].micro * 8 + rows[i].row == order[i], "place %zu: %zu %zu", i, rows[i].micro,
              rows[i].row);
        if (order[i] > BAD) CHECK_NEAR(rows[i].loss, (double)(order[i] / 2), 0);
    }
    CHECK(isnan(rows[0].loss) && isnan(rows[0].max) && rows[0].position == PEAK, "NaN at %zu",
          rows[0].position);
    CHECK(rows[14].max == 0.5 && rows[14].position == PEAK, "peak at %zu", rows[14].position);
    CHECK(rows[1].max == 7 && rows[1].position == 0, "equal losses: the first one");
    rows_free(rows, ROWS);
    toy_close(&toy);
}

/* As in PyTorch: running statistics have moved by the time a step is judged, and nothing else has.
 */
static void a_skipped_step_moves_running_statistics(void) {
    const char *sets[] = {"spike.action=skip", "model.norm=batchnorm",
                          "model.tie_embeddings=false"};
    Toy toy;
    toy_open(&toy, sets, 3);
    toy_steps(&toy, 3);
    const Params *params = &toy.run.model->params;
    const Param *head = &params->list[params_find(params, "head.weight")];
    params->values[head->offset] = NAN; /* every norm stands before it */
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
    {"action clip scales to the usual norm", clip_scales_to_the_usual_norm},
    {"a non-finite step is never applied", nonfinite_is_never_applied},
    {"spoiled moments are never saved", spoiled_moments_are_never_saved},
    {"a skipped step moves running statistics", a_skipped_step_moves_running_statistics},
    {"a non-finite step ends the run", nonfinite_stops},
    {"log columns follow their formulas", columns_follow_the_formulas},
    {"validation does not depend on the batch", validation_does_not_depend_on_the_batch},
    {"rows stand by their loss", rows_stand_by_their_loss},
};

int main(int argc, char **argv) {
    ops_start(1); /* toy sizes: threads would only wait for each other */
    return test_main(TESTS, sizeof TESTS / sizeof *TESTS, argc, argv);
}

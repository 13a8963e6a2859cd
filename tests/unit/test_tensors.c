/* test_tensors.c - tensors.csv against the weights before and after an update, in double.
 *
 * One idea: the gradient stays in memory after an update, so all three columns can be computed from
 * copies of the weights and of the gradient, without the norms that the run has computed.
 */
#include "base/text_out.h"
#include "run/io/csv_read.h"
#include "run/io/files.h"
#include "run/train/trainer.h"
#include "tests/lib/test.h"

#include <unistd.h>

/* Sums of squares are summed in real within blocks of 2048 numbers. */
static const double NEAR = sizeof(real) == sizeof(float) ? 1e-5 : 1e-8;

typedef struct {
    Config config;
    Run run;
    char dir[64];
    real *old; /* the weights before the last update, in the layout of the registry */
    size_t step;
} Toy;

static void toy_open(Toy *toy, const char *const *sets, size_t n_sets) {
    const char *all[16] = {"model.n_layer=2", "model.n_head=2", "model.d_model=48",
                           "model.context=8", "train.batch=4",  "optim.warmup_steps=0"};
    for (size_t i = 0; i < n_sets; i++) all[6 + i] = sets[i];
    strcpy(toy->dir, "/tmp/peri_tensors_XXXXXX");
    CHECK(mkdtemp(toy->dir) != NULL, "mkdtemp");
    char *path = text_format("%s/empty.json", toy->dir);
    CHECK(file_replace(path, "{}", 2) == 0, "empty config");
    CHECK(config_load(&toy->config, path, all, 6 + n_sets), "config");
    unlink(path);
    mem_free(path);
    run_open(&toy->run, &toy->config, 0, NULL);
    toy->run.log = runlog_create(toy->dir, false);
    toy->run.progress.manifest = &toy->run.manifest;
    toy->old = mem_alloc(toy->run.model->params.size * sizeof(real));
    toy->step = 0;
}

static void toy_close(Toy *toy) {
    run_close(&toy->run);
    for (int i = 0; i < RUNLOG_FILES; i++) {
        char *path = text_format("%s/%s", toy->dir, runlog_name(i));
        unlink(path);
        mem_free(path);
    }
    rmdir(toy->dir);
    mem_free(toy->old);
    config_free(&toy->config);
}

static LogRow toy_step(Toy *toy) {
    const Params *params = &toy->run.model->params;
    LogRow row = {0};
    memcpy(toy->old, params->values, params->size * sizeof(real));
    run_update(&toy->run, ++toy->step, &row);
    return row;
}

/* The root mean square of a - b; b NULL = 0. */
static double rms(const real *a, const real *b, size_t n) {
    double sum = 0;
    for (size_t i = 0; i < n; i++) {
        double x = (double)a[i] - (b ? (double)b[i] : 0);
        sum += x * x;
    }
    return sqrt(sum / (double)n);
}

static void check_cell(const char *tensor, const char *column, const char *text, double want) {
    char *end;
    double got = strtod(text, &end);
    CHECK(*text && !*end && fabs(got - want) <= NEAR * fabs(want), "%s of %s: \"%s\", want %.9g",
          column, tensor, text, want);
}

/* The records of the last step are those of the registry, in its order. Returns the root of the sum of
 * squares of all gradients according to the file. */
static double check_records(const Toy *toy) {
    const Params *params = &toy->run.model->params;
    CsvIn csv = csv_open(toy->dir, "tensors.csv");
    size_t next = 0;
    double squares = 0;
    while (csv_next(&csv)) {
        if (strtoull(csv_cell(&csv, "step"), NULL, 10) != toy->step) continue;
        if (next == params_count(params)) {
            next++;
            break;
        }
        const Param *param = &params->list[next++];
        const real *now = params->values + param->offset, *old = toy->old + param->offset;
        const char *gradient = csv_cell(&csv, "grad_rms"), *change = csv_cell(&csv, "update_rms");
        CHECK(strcmp(csv_cell(&csv, "tensor"), param->name) == 0, "%s, want %s",
              csv_cell(&csv, "tensor"), param->name);
        const bool is_number = param->kind == PARAM_COEFFICIENT && param->count == 1;
        check_cell(param->name, "rms", csv_cell(&csv, "rms"),
                   is_number ? (double)now[0] : rms(now, NULL, param->count));
        if (!param_is_trained(param)) {
            CHECK(!*gradient && !*change, "%s: %s, %s", param->name, gradient, change);
            continue;
        }
        check_cell(param->name, "grad_rms", gradient,
                   rms(params->grads + param->offset, NULL, param->count));
        check_cell(param->name, "update_rms", change, rms(now, old, param->count));
        squares += pow(strtod(gradient, NULL), 2) * (double)param->count;
    }
    csv_end(&csv);
    CHECK(next == params_count(params), "%zu records of %zu", next, params_count(params));
    return sqrt(squares);
}

/* Clipping, decay, accumulation, tied and untied heads. */
static void records_follow_from_the_weights(void) {
    static const char *const SETS[][5] = {
        {"optim.clip=0.01", "train.accum=2", "optim.lr=0.01"},
        {"model.tie_embeddings=false", "model.norm=batchnorm", "optim.weight_decay=0.5"},
        {"model.topology=layerscale", "model.norm=dyt", "model.bias=true"},
        {"gamma_warmup.steps=9", "model.norm=rmsnorm_plus1", "model.topology=peri"},
        {"model.topology=rezero", "optim.lr=0.05", "optim.clip=0"},
        {"model.wire.mlp.x0={\"learn\": \"scalar\", \"start\": -0.5}", "model.topology=gpas",
         "model.wire.attn.skip={\"learn\": \"vector\", \"start\": 2, \"lr_scale\": 3}"},
    };
    for (size_t k = 0; k < sizeof SETS / sizeof *SETS; k++) {
        const char *sets[4] = {"log.layers_every=2"};
        for (size_t i = 0; i < 3; i++) sets[1 + i] = SETS[k][i];
        Toy toy;
        toy_open(&toy, sets, 4);
        for (size_t s = 1; s <= 6; s++) {
            LogRow row = toy_step(&toy);
            if (s % 2) continue;
            double norm = check_records(&toy), want = row.value[LOG_GRAD_NORM];
            CHECK(fabs(norm - want) <= NEAR * want, "grad_norm %g, want %g", norm, want);
            CHECK(k || row.value[LOG_CLIP_SCALE] < 0.5, "not clipped: %g",
                  row.value[LOG_CLIP_SCALE]);
        }
        toy_close(&toy);
    }
}

/* A skipped step changes nothing, so its update_rms is 0; its gradient is logged as it is. */
static void skipped_steps_have_no_update(void) {
    const char *sets[] = {"log.layers_every=1", "spike.action=skip", "spike.min_history=2",
                          "spike.threshold=0.001", "spike.window=4"};
    Toy toy;
    toy_open(&toy, sets, 5);
    size_t skipped = 0;
    for (size_t s = 1; s <= 20; s++) {
        LogRow row = toy_step(&toy);
        check_records(&toy);
        bool same = memcmp(toy.old, toy.run.model->params.values,
                           toy.run.model->params.size * sizeof(real)) == 0;
        CHECK(same == (row.value[LOG_SPIKE] > 0), "step %zu", s);
        skipped += same;
    }
    CHECK(skipped > 3 && skipped < 18, "%zu skipped", skipped);
    toy_close(&toy);
}

static void nothing_is_measured_if_off(void) {
    const char *sets[] = {"log.layers_every=0"};
    Toy toy;
    toy_open(&toy, sets, 1);
    toy_step(&toy);
    CHECK(!toy.run.changes, "memory for changes");
    CsvIn csv = csv_open(toy.dir, "tensors.csv");
    CHECK(!csv_next(&csv), "a record");
    csv_end(&csv);
    toy_close(&toy);
}

static const Test TESTS[] = {
    {"tensors: records follow from weights and gradients", records_follow_from_the_weights},
    {"tensors: skipped steps", skipped_steps_have_no_update},
    {"tensors: log.layers_every 0", nothing_is_measured_if_off},
};
TEST_MAIN(TESTS)

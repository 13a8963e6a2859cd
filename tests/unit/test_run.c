/* test_run.c - the optimizer against scalar arithmetic, and the logs byte by byte. */
#include "ops/ops.h"
#include "run/optim/optimizer.h"
#include "run/log/runlog.h"
#include "tests/lib/child.h"
#include "tests/lib/nets.h"

#include <sys/stat.h>
#include <unistd.h>

/* --- the optimizer --- */

static const OptimOptions OPTIM = {
    .lr = 1e-2, .beta1 = 0.9, .beta2 = 0.99, .eps = 1e-8, .weight_decay = 0.1, .clip = 1};

static void test_decays(void) {
    static const struct {
        ParamKind kind;
        bool decays[4]; /* by switch: neither, gamma_in, gamma_out, both */
    } KINDS[] = {
        {PARAM_MATRIX, {1, 1, 1, 1}},   {PARAM_BIAS, {0, 0, 0, 0}},
        {PARAM_GAMMA_IN, {0, 1, 0, 1}}, {PARAM_GAMMA_OUT, {0, 0, 1, 1}},
        {PARAM_GAMMA, {0, 0, 0, 0}},    {PARAM_BETA, {0, 0, 0, 0}},
        {PARAM_NORM, {0, 0, 0, 0}},     {PARAM_STATISTIC, {0, 0, 0, 0}},
    };
    for (size_t i = 0; i < sizeof KINDS / sizeof *KINDS; i++) {
        for (size_t k = 0; k < 4; k++) {
            OptimOptions options = OPTIM;
            options.decay_gamma_in = k & 1;
            options.decay_gamma_out = k & 2;
            CHECK(optimizer_decays(&options, KINDS[i].kind) == KINDS[i].decays[k],
                  "kind %d, switches %zu", (int)KINDS[i].kind, k);
        }
    }
}

static void test_clip_scale(void) {
    static const struct {
        double clip, norm, scale;
    } CASES[] = {
        {1, 0.5, 1}, {1, 1, 1}, {1, 4, 0.25}, {0.5, 4, 0.125}, {0, 1e30, 1},
        {0, 0, 1},   {1, 0, 1}, {1, 1e-3, 1}, {1, 3, 1.0 / 3}, {1e-3, 1e3, 1e-6},
    };
    for (size_t i = 0; i < sizeof CASES / sizeof *CASES; i++) {
        OptimOptions options = {.clip = CASES[i].clip};
        double scale = optimizer_clip_scale(&options, CASES[i].norm);
        CHECK(scale == CASES[i].scale, "clip %g of %g: %.17g", CASES[i].clip, CASES[i].norm, scale);
    }
    OptimOptions options = {.clip = 1};
    CHECK(optimizer_clip_scale(&options, nextafter(1, 2)) < 1, "just above the threshold");
}

/* Over all parameters of a model; a tied table counts once, with the sum of its two gradients. */
static void test_grad_norm(void) {
    const GammaWarmup off = {0};
    for (int untied = 0; untied < 2; untied++) {
        ModelOptions options = net_options("peri", "layernorm");
        options.tie_embeddings = !untied;
        Model *model = model_create(&options, &off, 13, 2, true);
        int tokens[12], targets[12];
        net_draw(model, 3);
        net_tokens(tokens, 12, 13, 1);
        net_tokens(targets, 12, 13, 2);
        Pass pass = net_pass(tokens, targets, 2, 6);
        model_train(model, &pass);
        Optimizer optimizer = optimizer_create(&OPTIM, &model->params);
        double got = optimizer_grad_norm(&optimizer), total = 0;
        for (size_t p = 0; p < params_count(&model->params); p++) {
            const Param *param = &model->params.list[p];
            double squares = 0;
            for (size_t i = 0; i < param->count; i++)
                squares += pow((double)model->params.grads[param->offset + i], 2);
            CHECK_NEAR(optimizer.tensor_norms[p] / sqrt(squares), 1, net_tolerance());
            total += squares;
        }
        CHECK_NEAR(got / sqrt(total), 1, net_tolerance());
        CHECK((net_value(model, "head.weight") != NULL) == untied, "one table or two");
        model->params.grads[model->params.list[0].offset] = (real)NAN;
        CHECK(isnan(optimizer_grad_norm(&optimizer)), "a NaN propagates");
        optimizer_free(&optimizer);
        model_free(model);
    }
}

enum { TENSORS = 8, UPDATES = 50, MOST = 35 };

/* A parameter of every kind, with sizes that leave padding between tensors. */
static void add_tensors(Params *params) {
    params_matrix(params, "matrix", 5, 7, 1, 0, 0);
    params_vector(params, "bias", PARAM_BIAS, 5, 0);
    params_vector(params, "norm_in", PARAM_GAMMA_IN, 7, 1);
    params_vector(params, "norm_out", PARAM_GAMMA_OUT, 7, 1);
    params_vector(params, "gamma", PARAM_GAMMA, 7, 1);
    params_vector(params, "beta", PARAM_BETA, 7, 0);
    params_vector(params, "alpha", PARAM_NORM, 1, 0.5);
    params_vector(params, "statistic", PARAM_STATISTIC, 3, 2);
}

/* AdamW for one element, in double. */
typedef struct {
    double p, m, v;
} Scalar;

static void scalar_update(Scalar *s, double g, double lr, double decay, size_t n) {
    s->m = 0.9 * s->m + (1 - 0.9) * g;
    s->v = 0.99 * s->v + (1 - 0.99) * g * g;
    double m = s->m / (1 - pow(0.9, (double)n)), v = s->v / (1 - pow(0.99, (double)n));
    s->p -= lr * (m / (sqrt(v) + 1e-8) + decay * s->p);
}

/* Fifty steps with varying learning rate, scale and gradients; skipped steps do not count. */
static void test_adamw(void) {
    const bool decays[4][TENSORS] = {{1}, {1, 0, 1}, {1, 0, 0, 1}, {1, 0, 1, 1}};
    for (size_t switches = 0; switches < 4; switches++) {
        OptimOptions options = OPTIM;
        options.decay_gamma_in = switches & 1;
        options.decay_gamma_out = switches & 2;
        Params params = {0};
        Scalar want[TENSORS][MOST] = {0};
        add_tensors(&params);
        params_bind(&params, true);
        add_tensors(&params);
        params_init(&params, 1);
        for (size_t p = 0; p < TENSORS; p++) {
            for (size_t i = 0; i < params.list[p].count; i++)
                want[p][i].p = (double)params.values[params.list[p].offset + i];
        }
        Optimizer optimizer = optimizer_create(&options, &params);
        double changes[TENSORS];
        for (size_t s = 1; s <= UPDATES; s++) {
            double lr = 1e-2 * (double)s / UPDATES, scale = s % 3 ? 1 : 0.25;
            bool applied = s != 1 && s % 10 != 7;
            for (size_t p = 0; p < TENSORS; p++) {
                for (size_t i = 0; i < params.list[p].count; i++) {
                    real *g = &params.grads[params.list[p].offset + i];
                    *g = (real)net_normal((uint32_t)s, 100 * p + i);
                    if (applied && params.list[p].kind != PARAM_STATISTIC)
                        scalar_update(&want[p][i], scale * (double)*g, lr,
                                      decays[switches][p] ? 0.1 : 0, optimizer.applied + 1);
                }
            }
            if (applied)
                optimizer_update(&optimizer, (Rates){.adamw = lr}, scale, s % 2 ? changes : NULL);
        }
        CHECK(optimizer.applied == UPDATES - 6, "%zu applied", optimizer.applied);
        for (size_t p = 0; p < TENSORS; p++) {
            for (size_t i = 0; i < params.list[p].count; i++) {
                real got = params.values[params.list[p].offset + i];
                CHECK(fabs((double)got - want[p][i].p) <= net_tolerance(),
                      "%s, element %zu: %.9g, want %.9g", params.list[p].name, i, (double)got,
                      want[p][i].p);
            }
        }
        optimizer_free(&optimizer);
        params_free(&params);
    }
}

/* --- the logs --- */

static char folder[] = "/tmp/test_run_XXXXXX";

static const char *path_of(const char *name) {
    static char path[64];
    snprintf(path, sizeof path, "%s/%s", folder, name);
    return path;
}

static void check_file(const char *name, const char *want) {
    char got[4096];
    FILE *file = fopen(path_of(name), "rb");
    if (!file) abort();
    got[fread(got, 1, sizeof got - 1, file)] = '\0';
    fclose(file);
    CHECK(strcmp(got, want) == 0, "got\n%s    want\n%s", got, want);
}

static const char LOG[] =
    "step,tokens,train_loss,val_loss,lr,gamma_scale,grad_norm,clip_scale,loss_z,grad_z,spike,"
    "action,step_ms,tokens_per_s\n"
    "0,0,,5.5451774,,,,,,,,,,\n"
    "1,3072,5.54517746,,0.00095,0.1,inf,0,,,1,skip,12.5,245760\n"
    "12345678,37925922816,nan,1.23456789e-05,1e-05,1,0.333333333,1,-inf,nan,0,,0.001,1e+09\n"
    "16777217,9007199254740992,-0,0.1,0.100000001,100000,123456789,1.23456789e+09,2,3,3,stop,1,2\n";

static const char LOG_WITH_MAX_LOGIT[] =
    "step,tokens,train_loss,val_loss,lr,gamma_scale,grad_norm,clip_scale,loss_z,grad_z,spike,"
    "action,"
    "max_logit,step_ms,tokens_per_s\n"
    "0,0,,5.5451774,,,,,,,,,,,\n"
    "1,3072,5.54517746,,0.00095,0.1,inf,0,,,1,skip,-3.5,12.5,245760\n"
    "12345678,37925922816,nan,1.23456789e-05,1e-05,1,0.333333333,1,-inf,nan,0,,inf,0.001,1e+09\n"
    "16777217,9007199254740992,-0,0.1,0.100000001,100000,123456789,1.23456789e+09,2,3,3,stop,24220,"
    "1,2\n";

static void check_log(bool max_logit, const char *want) {
    RunLog runlog = runlog_create(folder, max_logit);
    LogRow row = {0};
    setenv("LC_ALL", "de_DE.UTF-8", 1); /* decimal points in any locale */
    log_set(&row, LOG_STEP, 0);
    log_set(&row, LOG_TOKENS, 0);
    log_set(&row, LOG_VAL_LOSS, 5.5451774);
    runlog_write(&runlog, &row);
    const double first[] = {
        1,      3072, (double)(float)5.5451774, 0, 0.00095, 0.1, INFINITY, 0, 0, 0, 1, 0, 12.5,
        245760, -3.5};
    row = (LogRow){.action = "skip"};
    for (int i = 0; i < LOG_COLUMNS; i++) {
        bool empty = i == LOG_VAL_LOSS || i == LOG_LOSS_Z || i == LOG_GRAD_Z || i == LOG_ACTION;
        if (!empty) log_set(&row, (LogColumn)i, first[i]);
    }
    runlog_write(&runlog, &row);
    const double second[] = {12345678, 37925922816, -NAN, 1.23456789e-5, 1e-5,
                             1,        1.0 / 3,     1,    -INFINITY,     NAN,
                             0,        0,           1e-3, 1e9,           INFINITY};
    const double third[] = {16777217,
                            9007199254740992,
                            -0.0,
                            0.1,
                            0.1000000005,
                            1e5,
                            123456789,
                            1234567890,
                            2,
                            3,
                            3,
                            0,
                            1,
                            2,
                            24220};
    row.action = NULL;
    for (int i = 0; i < LOG_COLUMNS; i++) log_set(&row, (LogColumn)i, second[i]);
    runlog_write(&runlog, &row);
    row.action = "stop";
    for (int i = 0; i < LOG_COLUMNS; i++) log_set(&row, (LogColumn)i, third[i]);
    runlog_write(&runlog, &row);
    check_file("log.csv", want); /* before the file is closed */
    runlog_close(&runlog);
    check_file("log.csv", want);
    unsetenv("LC_ALL");
}

static void test_log(void) {
    check_log(false, LOG);
    check_log(true, LOG_WITH_MAX_LOGIT);
}

static const char SPIKES[] =
    "step,kind,value,z,center,scale,tensor1,growth1,tensor2,growth2,tensor3,growth3,batch_position,"
    "action\n"
    "12,grad,2.5,12,0.1,0.2,blocks.0.mlp.up.weight,8.5,tok_emb.weight,1.25,,,44,clip\n"
    "13,loss,9.87654321,7.5,2.5,0.025,a,inf,b,nan,c,0,48,log\n"
    "14,grad,inf,nan,nan,nan,,,,,,,52,skip\n"
    "14,loss,nan,nan,nan,nan,,,,,,,52,skip\n";

static void test_spikes(void) {
    RunLog runlog = runlog_create(folder, false);
    const char *const first[] = {"blocks.0.mlp.up.weight", "tok_emb.weight", NULL};
    const char *const second[] = {"a", "b", "c"}, *const none[3] = {NULL, NULL, NULL};
    const SpikeScore calm = {.value = 1, .z = 0, .scale = 1, .finite = true};
    const SpikeScore lost = {.value = -NAN, .z = NAN, .center = NAN, .scale = -NAN};
    SpikeScore endless = lost;
    endless.value = INFINITY;
    SpikeReport report = {
        .grad = {2.5, 12, 0.1, 0.2, true, true}, .loss = calm, .growth = {8.5, 1.25, NAN}};
    runlog_write_spikes(&runlog, 12, &report, first, 44, "clip");
    report = (SpikeReport){.grad = calm,
                           .loss = {9.876543211, 7.5, 2.5, 0.025, true, true},
                           .growth = {INFINITY, -NAN, 0}};
    runlog_write_spikes(&runlog, 13, &report, second, 48, "log");
    report = (SpikeReport){.grad = endless, .loss = lost};
    runlog_write_spikes(&runlog, 14, &report, none, 52, "skip");
    report = (SpikeReport){.grad = calm, .loss = calm};
    runlog_write_spikes(&runlog, 15, &report, none, 56, "log");
    check_file("spikes.csv", SPIKES);
    runlog_close(&runlog);
    check_file("spikes.csv", SPIKES);
}

/* --- a file that cannot be written ends the program with EXIT_IO, and is named --- */

typedef struct {
    const char *dir;
    size_t rows;
} Logging;

static void log_rows(const void *argument) {
    const Logging *logging = argument;
    const LogRow row = {.action = "log"};
    const SpikeReport report = {.spike = SPIKE_BOTH, .growth = {NAN, NAN, NAN}};
    const char *const none[3] = {NULL, NULL, NULL};
    RunLog runlog = runlog_create(logging->dir, false);
    for (size_t i = 0; i < logging->rows; i++) {
        runlog_write(&runlog, &row);
        runlog_write_spikes(&runlog, i, &report, none, 0, "log");
    }
    runlog_close(&runlog);
}

static void check_refused(const char *dir, size_t rows, const char *says) {
    int code = run_child(log_rows, &(Logging){dir, rows});
    CHECK(code == EXIT_IO, "exit %d: %s", code, said);
    CHECK(strstr(said, says) && strstr(said, "train: error: "), "\"%s\" does not say \"%s\"", said,
          says);
}

static void make_link(const char *target, const char *name) {
    unlink(path_of(name));
    if (symlink(target, path_of(name)) != 0) abort();
}

static void test_refused(void) {
    char file[64];
    strcpy(file, path_of("log.csv"));
    CHECK(run_child(log_rows, &(Logging){folder, 3}) == EXIT_DONE, "%s", said);
    check_refused("/nonexistent/run", 0, "cannot open /nonexistent/run/log.csv: No such file");
    check_refused(file, 0, "log.csv/log.csv: Not a directory");
    make_link("/dev/full", "log.csv");
    check_refused(folder, 0, "cannot write ");
    CHECK(strstr(said, "log.csv: No space left"), "%s", said);
    unlink(path_of("log.csv"));
    make_link("/dev/full", "spikes.csv");
    check_refused(folder, 0, "spikes.csv: No space left");
    unlink(path_of("spikes.csv"));
    mkdir(path_of("spikes.csv"), 0700);
    check_refused(folder, 0, "spikes.csv: Is a directory");
    rmdir(path_of("spikes.csv"));
}

static const Test TESTS[] = {
    {"optimizer: weight decay by kind of parameter", test_decays},
    {"optimizer: clipping", test_clip_scale},
    {"optimizer: the global gradient norm of a model", test_grad_norm},
    {"optimizer: fifty updates against scalar arithmetic", test_adamw},
    {"runlog: log.csv byte by byte", test_log},
    {"runlog: spikes.csv byte by byte", test_spikes},
    {"runlog: files that cannot be written", test_refused},
};

int main(int argc, char **argv) {
    ops_start(1); /* more threads would only slow down toy sizes */
    if (!mkdtemp(folder)) abort();
    int code = test_main(TESTS, sizeof TESTS / sizeof *TESTS, argc, argv);
    unlink(path_of("log.csv"));
    unlink(path_of("spikes.csv"));
    unlink(path_of("layers.csv"));
    unlink(path_of("tensors.csv"));
    rmdir(folder);
    return code;
}

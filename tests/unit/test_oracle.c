/* test_oracle.c - losses, gradients and steps against an independent PyTorch model.
 *
 * One idea: tests/oracle/ implements the model a second time, in another language and with
 * autograd. It shares with this program only the configs and a rule for weights and tokens.
 * fixtures.bin has its results; `make oracle` writes it again. The format: oracle.py. */
#include "ops/ops.h"
#include "run/train/trainer.h"
#include "tests/lib/data_files.h"
#include "tests/lib/nets.h"

enum { V = 11, STREAM = 71, CELLS = 256, NAME = 128, TOPOLOGIES_MAX = 64, NORMS_MAX = 32 };

static const bool IS_FLOAT = sizeof(real) == sizeof(float);
/* Gradients below this are rounding errors: softmax is invariant to a shift of all keys. */
static const double ZERO_NORM = 1e-12;

/* --- the rule that both sides implement (net.py) --- */

static uint64_t bits(uint64_t stream, size_t i) {
    uint64_t z = stream + ((uint64_t)i + 1) * 0x9E3779B97F4A7C15u;
    z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9u;
    z = (z ^ (z >> 27)) * 0x94D049BB133111EBu;
    return (z ^ (z >> 31)) >> 44;
}

static uint64_t stream_of(const char *label, const char *name) {
    return hash_text(hash_text(hash_text(HASH_START, label), "/"), name);
}

static bool ends_with(const char *text, const char *end) {
    size_t n = strlen(text), m = strlen(end);
    return n >= m && strcmp(text + n - m, end) == 0;
}

static bool is_coefficient(const char *name) {
    return name_index(coefficient_name, strrchr(name, '.') + 1) >= 0;
}

static double first_value(const char *name, uint64_t k) {
    double x = (double)k / 0x100000;
    if (ends_with(name, ".leave")) return 0.25 + x / 4;
    if (is_coefficient(name)) return 0.5 + x;
    if (ends_with(name, ".gamma") || ends_with(name, ".running_scale")) return 0.5 + x;
    if (ends_with(name, ".alpha")) return 0.25 + x / 2;
    if (ends_with(name, ".lambda")) return 2.5 + 5 * x;
    if (ends_with(name, ".beta")) return (0.25 + x / 2) * (k & 1 ? -1 : 1);
    return (strstr(name, "_emb.") ? 2 : 1) * (x - 0.5);
}

/* Statistics of BatchNorm have their usual initial values and are compared. Running scales of norm
 * removal are random like weights. */
static bool is_running(const Param *param) {
    return param->kind == PARAM_STATISTIC && !ends_with(param->name, ".running_scale");
}

static void set_weights(Params *params, const char *label) {
    for (size_t p = 0; p < params_count(params); p++) {
        const Param *param = &params->list[p];
        uint64_t stream = stream_of(label, param->name);
        real *value = params->values + param->offset;
        for (size_t i = 0; i < param->count; i++)
            value[i] = (real)first_value(param->name, bits(stream, i));
        if (is_running(param)) constant_fill(value, param->start, param->count);
    }
}

static void set_tokens(int *tokens, size_t n, const char *label, const char *name) {
    uint64_t stream = stream_of(label, name);
    for (size_t i = 0; i < n; i++) tokens[i] = (int)(bits(stream, i) % V);
}

/* --- reading --- */

/* Reads a whole file, NUL-terminated. */
static char *read_file(const char *path, size_t *size) {
    FILE *in = fopen(path, "rb");
    if (!in || fseek(in, 0, SEEK_END) != 0) die(EXIT_DATA, "cannot read %s: run make oracle", path);
    *size = (size_t)ftell(in);
    rewind(in);
    char *text = mem_alloc(*size + 1);
    if (fread(text, 1, *size, in) != *size) die(EXIT_IO, "%s ends early", path);
    fclose(in);
    return text;
}

typedef struct {
    char *text;
    const char *at, *end;
} Fixtures;

/* The rest of the line where it begins with `word`, NUL-terminated; else NULL. */
static char *take_line(Fixtures *f, const char *word) {
    size_t n = strlen(word);
    if (f->at >= f->end || strncmp(f->at, word, n) != 0) return NULL;
    char *line = f->text + (f->at - f->text);
    char *newline = memchr(line, '\n', (size_t)(f->end - line));
    if (!newline) die(EXIT_DATA, "fixtures.bin ends early: run make oracle");
    *newline = '\0';
    f->at = newline + 1;
    return line + n;
}

static char *need_line(Fixtures *f, const char *word) {
    char *line = take_line(f, word);
    if (!line) die(EXIT_DATA, "fixtures.bin lacks \"%s\": run make oracle", word);
    return line;
}

typedef struct {
    char name[NAME];
    size_t count;
    const char *bytes; /* little-endian doubles, not aligned */
} Array;

static double array_at(const Array *array, size_t i) {
    double x;
    memcpy(&x, array->bytes + i * sizeof x, sizeof x);
    return x;
}

static bool take_array(Fixtures *f, Array *array) {
    char *line = take_line(f, "array ");
    if (!line) return false;
    size_t size = 0;
    if (sscanf(line, "%127s %zu", array->name, &array->count) == 2)
        size = array->count * sizeof(double);
    if (size == 0 || size >= (size_t)(f->end - f->at)) die(EXIT_DATA, "fixtures.bin: %s", line);
    array->bytes = f->at;
    f->at += size + 1;
    return true;
}

static Array need_array(Fixtures *f, const char *name, size_t count) {
    Array array;
    if (!take_array(f, &array) || strcmp(array.name, name) != 0 || array.count != count)
        die(EXIT_DATA, "fixtures.bin lacks %s: run make oracle", name);
    return array;
}

static Fixtures fixtures_open(void) {
    size_t size;
    char *text = read_file("tests/oracle/fixtures.bin", &size);
    return (Fixtures){.text = text, .at = text, .end = text + size};
}

/* --- comparing --- */

typedef struct {
    double error;
    char where[2 * NAME + 4];
} Worst;

static void worst_see(Worst *worst, double error, const char *label, const char *name) {
    if (error <= worst->error) return;
    worst->error = error;
    snprintf(worst->where, sizeof worst->where, "%s: %s", label, name);
}

static void worst_print(const Worst *worst, const char *what) {
    printf("note: %s: worst error of %s %.1e (%s)\n", IS_FLOAT ? "float" : "double", what,
           worst->error, worst->where);
}

static double array_norm(const Array *array) {
    double squares = 0;
    for (size_t i = 0; i < array->count; i++) squares += array_at(array, i) * array_at(array, i);
    return sqrt(squares);
}

static double distance(const real *got, const Array *want) {
    double squares = 0;
    for (size_t i = 0; i < want->count; i++) {
        double d = (double)got[i] - array_at(want, i);
        squares += d * d;
    }
    return sqrt(squares);
}

/* The largest |got - want| / (atol + rtol |want|): 1 is the limit. */
static double element_error(const real *got, const Array *want, double rtol, double atol) {
    double worst = 0;
    for (size_t i = 0; i < want->count; i++) {
        double w = array_at(want, i), error = fabs((double)got[i] - w) / (atol + rtol * fabs(w));
        if (!(error <= worst)) worst = error;
    }
    return worst;
}

static const Param *find_param(const Params *params, const Array *array, const char *label) {
    size_t p = params_find(params, array->name);
    bool there = p < params_count(params) && params->list[p].count == array->count;
    CHECK(there, "%s: no tensor %s of %zu numbers", label, array->name, array->count);
    return there ? &params->list[p] : NULL;
}

static Config parse_config(const char *json, const char *label) {
    Config config;
    if (!config_parse(&config, json, label)) die(EXIT_DATA, "%s: not a config", label);
    char why[500];
    if (!model_check(&config.model, why, sizeof why)) die(EXIT_DATA, "%s: %s", label, why);
    return config;
}

/* --- models --- */

/* From tokens to gradients, as in a step; or to the loss of an evaluation. */
static double loss_of(Model *model, const Config *config, const char *label, size_t t,
                      bool training) {
    int tokens[CELLS], targets[CELLS];
    size_t n = config->train.batch * config->model.context;
    if (n > CELLS) die(EXIT_DATA, "%s: batch too large", label);
    set_tokens(tokens, n, label, "tokens");
    set_tokens(targets, n, label, "targets");
    params_zero_grads(&model->params);
    Pass pass = {.tokens = tokens,
                 .targets = targets,
                 .B = config->train.batch,
                 .T = config->model.context,
                 .gamma = (real)schedule_gamma(&config->gamma_warmup, t),
                 .branch = schedule_branch(&config->branch_warmup, t),
                 .grad_scale = (real)(1 / (double)n),
                 .training = training};
    if (training) return model_train(model, &pass) / (double)n;
    model_forward(model, &pass);
    return model_loss(model, &pass) / (double)n;
}

/* In a float build a number that is rounded to half precision may become the other neighbour of the
 * one in PyTorch, which is a much larger difference than a rounding error of float. */
static bool rounds_to_half(const Config *config) {
    return config->model.precision != PRECISION_FLOAT32 ||
           config->model.stream_precision != PRECISION_FLOAT32;
}

typedef struct {
    size_t count, evaluated;
    bool rounded;           /* this model rounds to half precision, in a float build */
    double off2, gradient2; /* of all tensors of this model: squared distance and norm */
    Worst loss, gradient, element, zero, statistic, whole;
    bool seen[TOPOLOGIES_MAX][NORMS_MAX],
        mlp[NORMS_MAX]; /* models of that topology and norm; MLPs */
} NetErrors;

static void compare_gradient(const real *grad, const Array *want, const char *label,
                             NetErrors *errors) {
    double norm = array_norm(want), off = distance(grad, want);
    errors->off2 += off * off;
    errors->gradient2 += norm * norm;
    if (errors->rounded) return;
    double element = element_error(grad, want, 1e-4, 1e-6);
    worst_see(&errors->element, element, label, want->name);
    if (IS_FLOAT) CHECK(element <= 1, "%s: gradient of %s is off by %.2g", label, want->name, off);
    if (norm < ZERO_NORM) {
        worst_see(&errors->zero, off, label, want->name);
        CHECK(off <= (IS_FLOAT ? 1e-6 : 1e-12), "%s: %s has no gradient, got %.2g", label,
              want->name, off);
        return;
    }
    worst_see(&errors->gradient, off / norm, label, want->name);
    if (!IS_FLOAT)
        CHECK(off <= 1e-8 * norm, "%s: gradient of %s is off by %.2g of its norm", label,
              want->name, off / norm);
}

static void compare_loss(double loss, const Array *want, const char *label, NetErrors *errors) {
    double error = fabs(loss / array_at(want, 0) - 1);
    worst_see(&errors->loss, error, label, want->name);
    CHECK(error <= (errors->rounded ? 1e-3
                    : IS_FLOAT      ? 1e-5
                                    : 1e-8),
          "%s: %s %.17g, want %.17g", label, want->name, loss, array_at(want, 0));
}

/* Running statistics are compared as values; they have no gradient. */
static void compare_tensor(const Params *params, const Array *want, const char *label,
                           NetErrors *errors) {
    const Param *param = find_param(params, want, label);
    if (!param) return;
    if (param_is_trained(param)) {
        compare_gradient(params->grads + param->offset, want, label, errors);
        return;
    }
    double error = distance(params->values + param->offset, want) / (1 + array_norm(want));
    worst_see(&errors->statistic, error, label, want->name);
    CHECK(error <= (errors->rounded ? 1e-3
                    : IS_FLOAT      ? 1e-5
                                    : 1e-10),
          "%s: %s is off by %.2g", label, want->name, error);
}

static void compare_net(Fixtures *f, const char *label, NetErrors *errors) {
    Config config = parse_config(need_line(f, "config "), label);
    size_t t = strtoul(need_line(f, "t "), NULL, 10), compared = 0;
    Model *model = model_create(&config.model, &config.gamma_warmup, V, config.train.batch, true);
    const Params *params = &model->params;
    errors->rounded = IS_FLOAT && rounds_to_half(&config);
    errors->off2 = errors->gradient2 = 0;
    set_weights(&model->params, label);
    model_remove_norms(model, t);
    double loss = loss_of(model, &config, label, t, true);
    Array want = need_array(f, "loss", 1);
    compare_loss(loss, &want, label, errors);
    while (take_array(f, &want)) {
        if (strcmp(want.name, "eval_loss") == 0) {
            compare_loss(loss_of(model, &config, label, t, false), &want, label, errors);
            errors->evaluated++;
            continue;
        }
        compare_tensor(params, &want, label, errors);
        compared++;
    }
    double whole = sqrt(errors->off2 / errors->gradient2);
    worst_see(&errors->whole, errors->rounded ? whole : 0, label, "gradient");
    CHECK(!errors->rounded || whole <= 1e-3, "%s: the gradient is off by %.2g of its norm", label,
          whole);
    size_t known = 0;
    for (size_t p = 0; p < params_count(params); p++)
        known += param_is_trained(&params->list[p]) || is_running(&params->list[p]);
    CHECK(compared == known, "%s: %zu tensors, want %zu", label, known, compared);
    model_free(model);
    errors->count++;
    errors->seen[config.model.topology][config.model.norm] = true;
    errors->mlp[config.model.mlp] = true;
    config_free(&config);
}

/* --- runs of 20 steps by the trainer --- */

/* The config of the fixture, with the token stream that both sides generate. */
static char *run_config(const char *json) {
    uint16_t stream[STREAM];
    int tokens[STREAM];
    set_tokens(tokens, STREAM, "runs", "tokens");
    for (size_t i = 0; i < STREAM; i++) stream[i] = (uint16_t)tokens[i];
    const char *path = put("tokens.bin", stream, sizeof stream);
    static const char FORMAT[] =
        "{\"data\": {\"train\": \"%s\", \"format\": \"raw_u16\", \"vocab_size\": %d, "
        "\"val_fraction\": 0, \"order\": \"sequential\"}, \"spike\": {\"threshold\": 1e9}, %s";
    size_t size = strlen(FORMAT) + strlen(path) + strlen(json) + 20;
    char *text = mem_alloc(size);
    snprintf(text, size, FORMAT, path, V, json + 1);
    return text;
}

static const struct {
    const char *name;
    LogColumn column;
} COLUMNS[] = {{"train_loss", LOG_TRAIN_LOSS},
               {"grad_norm", LOG_GRAD_NORM},
               {"clip_scale", LOG_CLIP_SCALE},
               {"lr", LOG_LR},
               {"gamma_scale", LOG_GAMMA_SCALE}};
enum { COLUMN_COUNT = sizeof COLUMNS / sizeof *COLUMNS };

typedef struct {
    size_t count;
    Worst column[COLUMN_COUNT], weights;
} RunErrors;

static double run_tolerance(const Config *config) {
    return !IS_FLOAT ? 1e-7 : rounds_to_half(config) ? 1e-3 : 1e-4;
}

/* Every step, and its log. */
static void compare_updates(Fixtures *f, Run *run, const char *label, RunErrors *errors) {
    const double tolerance = run_tolerance(run->config);
    size_t steps = run->config->train.steps;
    Array want[COLUMN_COUNT];
    for (size_t c = 0; c < COLUMN_COUNT; c++) want[c] = need_array(f, COLUMNS[c].name, steps);
    for (size_t s = 1; s <= steps; s++) {
        LogRow row = {0};
        run_update(run, s, &row);
        for (size_t c = 0; c < COLUMN_COUNT; c++) {
            double got = row.value[COLUMNS[c].column], w = array_at(&want[c], s - 1);
            double error = fabs(got - w) / (w != 0 ? fabs(w) : 1);
            worst_see(&errors->column[c], error, label, "every step");
            CHECK(error <= tolerance, "%s: %s of step %zu is %.17g, want %.17g", label,
                  COLUMNS[c].name, s, got, w);
        }
    }
}

static void compare_run(Fixtures *f, const char *label, RunErrors *errors) {
    char *json = run_config(need_line(f, "config "));
    Config config = parse_config(json, label);
    size_t compared = 0;
    Run run;
    run_open(&run, &config, 0, NULL);
    const Params *params = &run.model->params;
    set_weights(&run.model->params, label);
    compare_updates(f, &run, label, errors);
    Array want;
    for (; take_array(f, &want); compared++) {
        const Param *param = find_param(params, &want, label);
        if (!param) continue;
        double norm =
            array_norm(&want) + (param_is_trained(param) ? 0 : 1); /* running means can be 0 */
        double error = distance(params->values + param->offset, &want) / norm;
        worst_see(&errors->weights, error, label, want.name);
        CHECK(error <= run_tolerance(&config), "%s: %s is off by %.2g of its norm", label,
              want.name, error);
    }
    CHECK(compared == params_count(params), "%s: %zu tensors, want %zu", label,
          params_count(params), compared);
    run_close(&run);
    config_free(&config);
    mem_free(json);
    errors->count++;
}

/* --- tests --- */

/* The fixtures contain a hash of the sources that wrote them. */
static void test_fresh(void) {
    static const char *const SOURCES[] = {"values", "scaling", "options", "half",  "net",
                                          "norms",  "cases",   "runs",    "oracle"};
    Fixtures f = fixtures_open();
    uint64_t hash = HASH_START, written = strtoull(need_line(&f, "peri-oracle 1 "), NULL, 16);
    for (size_t i = 0; i < sizeof SOURCES / sizeof *SOURCES; i++) {
        size_t size;
        char path[64];
        snprintf(path, sizeof path, "tests/oracle/%s.py", SOURCES[i]);
        char *text = read_file(path, &size);
        hash = hash_text(hash, text);
        mem_free(text);
    }
    CHECK(hash == written, "tests/oracle/fixtures.bin is older than its sources: run make oracle");
    mem_free(f.text);
}

/* Reads the file, and compares every model, or every run. */
static void compare_all(NetErrors *nets, RunErrors *runs) {
    Fixtures f = fixtures_open();
    ops_start(1); /* models this small are slower with more */
    need_line(&f, "peri-oracle 1 ");
    while (f.at < f.end) {
        Array skipped;
        char *net = take_line(&f, "gradients "), *run = net ? NULL : need_line(&f, "run ");
        if (net && nets) compare_net(&f, net, nets);
        if (run && runs) compare_run(&f, run, runs);
        if ((net && !nets) || (run && !runs)) {
            need_line(&f, "config ");
            take_line(&f, "t ");
            while (take_array(&f, &skipped)) continue;
        }
        need_line(&f, "end");
    }
    mem_free(f.text);
}

/* Lists topologies, norms and MLPs that the oracle does not have. A new one may be added before its
 * second implementation, but must not be forgotten. */
static void check_coverage(const NetErrors *errors) {
    int rows = 0;
    for (int i = 0; topology_name(i); i++) {
        bool seen = errors->seen[i][index_named(norm_name, "layernorm")] &&
                    errors->seen[i][index_named(norm_name, "rmsnorm")];
        if (!seen) printf("note: the oracle lacks topology %s\n", topology_name(i));
        rows += seen;
    }
    for (int n = 0; norm_name(n); n++) {
        bool seen = false;
        for (int i = 0; topology_name(i); i++) seen |= errors->seen[i][n];
        if (!seen) printf("note: the oracle lacks norm %s\n", norm_name(n));
    }
    for (int i = 0; mlp_name(i); i++)
        if (!errors->mlp[i]) printf("note: the oracle lacks mlp %s\n", mlp_name(i));
    CHECK(rows >= 19, "only %d topologies with both norms", rows);
}

static void test_nets(void) {
    NetErrors errors = {0};
    compare_all(&errors, NULL);
    printf("note: %zu models\n", errors.count);
    worst_print(&errors.loss, "the loss, relative,");
    worst_print(&errors.gradient, "a gradient, relative to its norm,");
    worst_print(&errors.zero, "a gradient that is zero, absolute,");
    worst_print(&errors.statistic, "a running statistic, relative to 1 + its norm,");
    worst_print(&errors.element, "one element in units of 1e-6 + 1e-4 |g|,");
    check_coverage(&errors);
    CHECK(errors.count >= 48, "only %zu models", errors.count);
    CHECK(errors.evaluated >= 11, "only %zu evaluated models", errors.evaluated);
}

static void test_runs(void) {
    RunErrors errors = {0};
    compare_all(NULL, &errors);
    printf("note: %zu runs of 20 steps\n", errors.count);
    for (size_t c = 0; c < COLUMN_COUNT; c++) worst_print(&errors.column[c], COLUMNS[c].name);
    worst_print(&errors.weights, "last weights, relative to their norm,");
    CHECK(errors.count >= 10, "only %zu runs", errors.count);
}

static const Test TESTS[] = {
    {"oracle: fixtures are newer than their sources", test_fresh},
    {"oracle: loss and gradients of every model", test_nets},
    {"oracle: twenty steps of every run", test_runs},
};

TEST_MAIN(TESTS)

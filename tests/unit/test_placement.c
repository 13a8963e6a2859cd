/* test_placement.c - properties of norm placements from the literature, measured on a model with
 * its initial values; and training on a toy problem: it overfits and allocates nothing.
 *
 * Peri-LN: Kim et al. 2025 (2502.02732). */
#include "model/model.h"
#include "ops/ops.h"
#include "run/optim/optimizer.h"
#include "tests/lib/nets.h"

#include <errno.h>

enum { V = 32, B = 4, T = 16 };

static int tokens[B * T], targets[B * T];

static ModelOptions options_of(const char *topology, const char *norm) {
    ModelOptions options = net_options(topology, norm);
    options.d_model = 32;
    options.d_ff = 0;
    options.context = T;
    return options;
}

static Model *model_of(const ModelOptions *options, const GammaWarmup *warmup) {
    Model *model = model_create(options, warmup, V, B, true);
    model_init(model, 11);
    net_tokens(tokens, B * T, V, 3);
    net_tokens(targets, B * T, V, 4);
    return model;
}

static double train(Model *model, double w) {
    Pass pass = net_pass(tokens, targets, B, T);
    pass.gamma = (real)w;
    params_zero_grads(&model->params);
    return model_train(model, &pass);
}

/* Variance over the features of a token, averaged over tokens. */
static double variance(const real *x, size_t rows, size_t C) {
    double total = 0;
    for (size_t r = 0; r < rows; r++) {
        double mean = 0;
        for (size_t c = 0; c < C; c++) mean += (double)x[r * C + c] / (double)C;
        for (size_t c = 0; c < C; c++) total += pow((double)x[r * C + c] - mean, 2);
    }
    return total / (double)(rows * C);
}

/* The stream has variance 1 after every norm of it: rows with a norm after both sums of a block. */
static void test_post_variance(void) {
    const GammaWarmup off = {0};
    for (size_t row = 0; row < ROW_COUNT; row++) {
        if (ROWS[row].attn[2] != 'n' || ROWS[row].mlp[2] != 'n') continue;
        ModelOptions options = options_of(ROWS[row].name, "layernorm");
        options.norm_eps = 1e-12;
        Model *model = model_of(&options, &off);
        train(model, 1);
        for (size_t l = 0; l < 4; l++) {
            CHECK_NEAR(variance(model->block[l].attn.y, B * T, 32), 1, 1e-3);
            CHECK_NEAR(variance(model->block[l].mlp.y, B * T, 32), 1, 1e-3);
        }
        model_free(model);
    }
}

/* Peri-LN: each of 2L sublayers adds w^2 to the variance 1 of the embedding norm. */
static void test_peri_variance(void) {
    const GammaWarmup warmup = {.steps = 10, .from = 0.1, .to = 1, .slots = 1 << SLOT_OUT};
    ModelOptions options = options_of("peri", "layernorm");
    options.n_layer = 12;
    options.d_model = 128;
    options.norm_eps = 1e-12;
    Model *model = model_of(&options, &warmup);
    train(model, 0.1);
    CHECK_NEAR(variance(model->x, B * T, 128), 1.24, 0.05);
    train(model, 1);
    CHECK_NEAR(variance(model->x, B * T, 128), 25, 3);
    model_free(model);
}

static void multiply(Model *model, const char *name, double factor) {
    real *value = net_value(model, name);
    size_t count = model->params.list[params_find(&model->params, name)].count;
    for (size_t i = 0; i < count; i++) value[i] *= (real)factor;
}

/* A branch with an output norm is scale invariant: h stays the same, and the gradient of its last
 * matrix shrinks by the factor. Without the norm neither is true. */
static void test_scale_invariance(void) {
    static const char *const MATRICES[] = {"blocks.1.attn.proj.weight", "blocks.2.mlp.down.weight"};
    static const char *const NAMES[] = {"peri", "olmo2", "sandwich", "pre"};
    const GammaWarmup off = {0};
    for (size_t i = 0; i < 8; i++) {
        const char *matrix = MATRICES[i % 2];
        ModelOptions options = options_of(NAMES[i / 2], "rmsnorm");
        bool invariant = strcmp(NAMES[i / 2], "pre") != 0;
        options.norm_eps = 1e-14;
        Model *model = model_of(&options, &off), *scaled = model_of(&options, &off);
        multiply(scaled, matrix, 10);
        train(model, 1);
        train(scaled, 1);
        double moved = 0, shrunk = 0, size = 0;
        for (size_t k = 0; k < B * T * 32; k++)
            moved = fmax(moved, fabs((double)model->h[k] - (double)scaled->h[k]));
        for (size_t k = 0; k < 32 * 32; k++) {
            double a = (double)net_grad(model, matrix)[k], b = (double)net_grad(scaled, matrix)[k];
            shrunk += pow(a - 10 * b, 2);
            size += a * a;
        }
        CHECK((moved < 1e-4) == invariant, "%s %s: h moves by %.3g", NAMES[i / 2], matrix, moved);
        CHECK((sqrt(shrunk / size) < 1e-3) == invariant, "%s %s: gradient off by %.3g",
              NAMES[i / 2], matrix, sqrt(shrunk / size));
        model_free(model);
        model_free(scaled);
    }
}

/* Whether a gain can be folded into a matrix: into the columns of the one that reads its output, or
 * the rows of the one that computes its input. The output of an in or mid norm goes nowhere else. The
 * output of an output or post norm also goes into the stream, and its input is normalized again, so
 * these gains are parameters in their own right. Without a norm, S scales the rows of the branch.
 */
static const struct {
    const char *topology, *gamma, *matrix;
    bool rows, folds;
} FOLDS[] = {
    {"pre", "blocks.2.attn.norm_in", "blocks.2.attn.qkv", .folds = true},
    {"pre", "blocks.2.mlp.norm_in", "blocks.2.mlp.up", .folds = true},
    {"peri", "blocks.2.attn.norm_in", "blocks.2.attn.qkv", .folds = true},
    {"peri", "blocks.2.mlp.norm_in", "blocks.2.mlp.up", .folds = true},
    {"subln", "blocks.2.attn.norm_mid", "blocks.2.attn.proj", .folds = true},
    {"subln", "blocks.2.mlp.norm_mid", "blocks.2.mlp.down", .folds = true},
    {"lns", "blocks.2.attn.norm_in", "blocks.2.attn.qkv", .folds = true},
    {"lns", "blocks.2.mlp.norm_in", "blocks.2.mlp.up", .folds = true},
    {"layerscale", "blocks.2.attn.norm_in", "blocks.2.attn.qkv", .folds = true},
    {"layerscale", "blocks.2.mlp.norm_in", "blocks.2.mlp.up", .folds = true},
    {"layerscale", "blocks.2.attn.norm_out", "blocks.2.attn.proj", .rows = true, .folds = true},
    {"layerscale", "blocks.2.mlp.norm_out", "blocks.2.mlp.down", .rows = true, .folds = true},
    {"layerscale", "blocks.2.attn.norm_out", "blocks.2.mlp.up"},
    {"peri", "blocks.2.attn.norm_out", "blocks.2.mlp.up"},
    {"peri", "blocks.2.attn.norm_out", "blocks.2.attn.proj", .rows = true},
    {"peri", "blocks.2.mlp.norm_out", "blocks.3.attn.qkv"},
    {"peri", "blocks.2.mlp.norm_out", "blocks.2.mlp.down", .rows = true},
    {"post", "blocks.2.attn.norm_post", "blocks.2.mlp.up"},
    {"post", "blocks.2.attn.norm_post", "blocks.2.attn.proj", .rows = true},
    {"post", "blocks.2.mlp.norm_post", "blocks.3.attn.qkv"},
    {"post", "blocks.2.mlp.norm_post", "blocks.2.mlp.down", .rows = true},
};

static real *value_of(const Model *model, const char *layer, const char *what) {
    char name[64];
    snprintf(name, sizeof name, "%s.%s", layer, what);
    return net_value(model, name);
}

static void fold(Model *model, const char *norm, const char *layer, bool rows) {
    real *gamma = value_of(model, norm, "gamma"), *w = value_of(model, layer, "weight");
    real *bias = value_of(model, layer, "bias");
    const Param *matrix = model->params.list;
    while (model->params.values + matrix->offset != w) matrix++;
    const size_t out = matrix->shape[0], in = matrix->shape[1];
    for (size_t i = 0; i < out * in; i++) w[i] *= gamma[rows ? i / in : i % in];
    for (size_t i = 0; rows && i < out; i++) bias[i] *= gamma[i];
    for (size_t c = 0; c < (rows ? out : in); c++) gamma[c] = 1;
}

static void test_folding(void) {
    const GammaWarmup off = {0};
    for (size_t i = 0; i < sizeof FOLDS / sizeof *FOLDS; i++) {
        ModelOptions options = options_of(FOLDS[i].topology, "rmsnorm");
        Model *model = model_of(&options, &off), *folded = model_of(&options, &off);
        net_draw(model, 5);
        net_draw(folded, 5);
        fold(folded, FOLDS[i].gamma, FOLDS[i].matrix, FOLDS[i].rows);
        double loss = train(model, 1), changed = fabs(train(folded, 1) / loss - 1), moved = 0;
        for (size_t k = 0; k < B * T * 32; k++) {
            double h = (double)model->h[k];
            moved = fmax(moved, fabs(h - (double)folded->h[k]) / fmax(1, fabs(h)));
        }
        if (FOLDS[i].folds)
            CHECK(changed <= net_tolerance() && moved <= 10 * net_tolerance(),
                  "%s: %s does not fold into %s: h moves by %.3g, the loss by %.3g",
                  FOLDS[i].topology, FOLDS[i].gamma, FOLDS[i].matrix, moved, changed);
        else
            CHECK(changed > 1e-4 && moved > 0.01,
                  "%s: %s folds into %s: h moves by %.3g, the loss by %.3g", FOLDS[i].topology,
                  FOLDS[i].gamma, FOLDS[i].matrix, moved, changed);
        model_free(model);
        model_free(folded);
    }
}

/* --- training on a toy problem --- */

static const OptimOptions OPTIM = {
    .lr = 1e-2, .beta1 = 0.9, .beta2 = 0.99, .eps = 1e-8, .weight_decay = 0.01, .clip = 1};

static double step(Model *model, Optimizer *optimizer) {
    double loss = train(model, 1) / (B * T), norm = optimizer_grad_norm(optimizer);
    optimizer_update(optimizer, (Rates){.adamw = OPTIM.lr}, optimizer_clip_scale(&OPTIM, norm),
                     NULL);
    return loss;
}

static void test_overfit(void) {
    static const char *const NAMES[] = {"post", "pre", "peri"};
    const GammaWarmup off = {0};
    for (size_t i = 0; i < 6; i++) {
        ModelOptions options = options_of(NAMES[i / 2], i % 2 ? "rmsnorm" : "layernorm");
        options.n_layer = 2;
        Model *model = model_of(&options, &off);
        Optimizer optimizer = optimizer_create(&OPTIM, &model->params);
        double loss = INFINITY;
        size_t steps = 0;
        while (loss >= 0.05 && steps < 300) loss = step(model, &optimizer), steps++;
        CHECK(loss < 0.05, "%s %s: loss %.3f after %zu steps", NAMES[i / 2],
              norm_name(options.norm), loss, steps);
        optimizer_free(&optimizer);
        model_free(model);
    }
}

/* Counts every allocation of the program, but not those of the OpenMP runtime for its teams.
 * Sanitizers have their own malloc, so with them nothing is counted. */
static size_t allocations;

#if !SANITIZED
extern char __executable_start, etext; /* from the linker: the code of the program */
extern void *__libc_malloc(size_t size);
extern void *__libc_calloc(size_t count, size_t size);
extern void *__libc_realloc(void *pointer, size_t size);
extern void *__libc_memalign(size_t alignment, size_t size);

static void count(const char *caller) {
    allocations += caller >= &__executable_start && caller < &etext;
}

void *malloc(size_t size) {
    count(__builtin_return_address(0));
    return __libc_malloc(size);
}
void *calloc(size_t number, size_t size) {
    count(__builtin_return_address(0));
    return __libc_calloc(number, size);
}
void *realloc(void *pointer, size_t size) {
    count(__builtin_return_address(0));
    return __libc_realloc(pointer, size);
}
int posix_memalign(void **pointer, size_t alignment, size_t size) {
    count(__builtin_return_address(0));
    *pointer = __libc_memalign(alignment, size);
    return *pointer ? 0 : ENOMEM;
}
#endif

/* The first step is excluded, because libraries allocate in their first call. */
static void check_allocations(const ModelOptions *options, size_t steps) {
    const GammaWarmup warmup = {.steps = 10, .from = 0.1, .to = 1, .slots = (1 << SLOTS) - 1};
    Model *model = model_of(options, &warmup);
    Optimizer optimizer = optimizer_create(&OPTIM, &model->params);
    step(model, &optimizer);
    size_t before = allocations;
    for (size_t i = 0; i < steps; i++) step(model, &optimizer);
    CHECK(allocations == before, "%s: %zu allocations in %zu steps",
          topology_name(options->topology), allocations - before, steps);
    optimizer_free(&optimizer);
    model_free(model);
}

static void test_allocations(void) {
    size_t before = allocations;
    mem_free(mem_alloc(1));
    CHECK(allocations > before || SANITIZED, "the hooks do not count");
    for (size_t row = 0; row < ROW_COUNT; row++) {
        ModelOptions options = options_of(ROWS[row].name, net_norm(row));
        options.dropout = 0.1;
        options.position = row % 2 ? POSITION_ROPE : POSITION_LEARNED;
        check_allocations(&options, 3);
    }
    ModelOptions wide = options_of("peri", "rmsnorm"); /* wide enough for multi-threaded loops */
    wide.d_model = 256;
    wide.n_layer = 1;
    ops_start(2);
    check_allocations(&wide, 1);
    ops_start(1);
}

static const Test TESTS[] = {
    {"placement: post norms keep the variance at 1", test_post_variance},
    {"placement: peri's variance grows by w^2 per sublayer", test_peri_variance},
    {"placement: scale invariance under an output norm", test_scale_invariance},
    {"placement: input gains fold into matrices, others do not", test_folding},
    {"training: overfits one batch", test_overfit},
    {"training: a step allocates nothing", test_allocations},
};

int main(int argc, char **argv) {
    ops_start(1);
    return test_main(TESTS, sizeof TESTS / sizeof *TESTS, argc, argv);
}

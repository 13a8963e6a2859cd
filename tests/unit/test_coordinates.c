/* test_coordinates.c - the coordinate check of model.scaling: over width and depth, how large activations are at
 * initialization and how far a few updates move them. What moves does not depend on the size of the model with
 * a scaling, and does without, which shows that the check can fail. At initialization branches are independent: their
 * sum over depth is as large as that of the base with depth_mup, and 1/sqrt(m_L) times as large with completep. */
#include "ops/ops.h"
#include "run/optim/optimizer.h"
#include "tests/lib/nets.h"

enum { V = 32, B = 4, T = 8, HS = 8, UPDATES = 4, SEEDS = 3 };
enum { BASE_WIDTH = 32, BASE_DEPTH = 4, WIDE = 256, DEEP = 32 };

/* Root mean squares. */
typedef struct {
    double stream; /* what the blocks add to the embedding, at initialization */
    double moved;  /* change of that after UPDATES updates */
    double logits; /* change of the logits of one token */
} Coordinates;

static ModelOptions options_of(const char *scaling, size_t width, size_t depth) {
    ModelOptions options = net_options("pre", "layernorm");
    options.d_model = width;
    options.n_layer = depth;
    options.n_head = width / HS;
    options.d_ff = 0;
    options.context = T;
    options.tie_embeddings = false;
    options.init = INIT_PLAIN;
    options.init_std = 0.05;
    options.scaling = index_named(scaling_name, scaling);
    if (options.scaling) options.base_d_model = BASE_WIDTH, options.base_n_layer = BASE_DEPTH;
    return options;
}

/* What the blocks added to the embedding of every token, into `added`; then the logits of the last. */
static void look(Model *model, const Pass *pass, real *added, real *logits) {
    const size_t n = pass->B * pass->T * model->shape.C;
    model_forward(model, pass);
    for (size_t i = 0; i < n; i++) added[i] = model->x[i] - model->x0[i];
    memcpy(logits, model_logits(model, T - 1), V * sizeof *logits);
}

static double rms_apart(const real *x, const real *y, size_t n) {
    double squares = 0;
    for (size_t i = 0; i < n; i++)
        squares += pow((double)x[i] - (y ? (double)y[i] : 0), 2) / (double)n;
    return sqrt(squares);
}

static void measure_seed(Coordinates *sum, const ModelOptions *options, uint32_t seed) {
    static int tokens[B * T], targets[B * T];
    const OptimOptions optim = {.lr = 0.01, .beta1 = 0.9, .beta2 = 0.99, .eps = 1e-12};
    const GammaWarmup off = {0};
    Model *model = model_create(options, &off, V, B, true);
    Optimizer optimizer = optimizer_create(&optim, &model->params);
    const size_t n = B * T * model->shape.C;
    real *before = mem_alloc(n * sizeof *before), *after = mem_alloc(n * sizeof *after);
    real logits[2][V];
    net_tokens(tokens, B * T, V, seed);
    net_tokens(targets, B * T, V, seed + 100);
    Pass pass = net_pass(tokens, targets, B, T);
    model_init(model, seed);
    look(model, &pass, before, logits[0]);
    for (size_t s = 0; s < UPDATES; s++) {
        params_zero_grads(&model->params);
        model_train(model, &pass);
        optimizer_update(&optimizer, (Rates){.adamw = optim.lr}, 1, NULL);
    }
    look(model, &pass, after, logits[1]);
    sum->stream += rms_apart(before, NULL, n) / SEEDS;
    sum->moved += rms_apart(after, before, n) / SEEDS;
    sum->logits += rms_apart(logits[1], logits[0], V) / SEEDS;
    mem_free(before);
    mem_free(after);
    optimizer_free(&optimizer);
    model_free(model);
}

static Coordinates measure(const char *scaling, size_t width, size_t depth) {
    const ModelOptions options = options_of(scaling, width, depth);
    Coordinates mean = {0};
    for (uint32_t seed = 1; seed <= SEEDS; seed++) measure_seed(&mean, &options, seed);
    printf("note: %-9s width %3zu, depth %2zu: stream %.3f, moved %.3f, logits moved %.3f\n",
           scaling, width, depth, mean.stream, mean.moved, mean.logits);
    return mean;
}

static bool within(double ratio, double factor) {
    return ratio <= factor && ratio >= 1 / factor;
}

/* With a scaling: `stream` is how many times as large the sum of the branches should be. */
static void check_scaled(const char *scaling, size_t width, size_t depth, double stream) {
    const Coordinates base = measure(scaling, BASE_WIDTH, BASE_DEPTH),
                      model = measure(scaling, width, depth);
    const double streams = model.stream / base.stream, moved = model.moved / base.moved,
                 logits = model.logits / base.logits;
    CHECK(within(streams / stream, 1.25), "%s: stream %.2f times as large, want %.2f", scaling,
          streams, stream);
    CHECK(within(moved, 1.4), "%s: stream moves %.2f times as far", scaling, moved);
    CHECK(within(logits, 1.4), "%s: logits move %.2f times as far", scaling, logits);
}

static void test_completep(void) {
    check_scaled("completep", WIDE, BASE_DEPTH, 1);
    check_scaled("completep", BASE_WIDTH, DEEP, 1 / sqrt((double)DEEP / BASE_DEPTH));
    check_scaled("completep", 4 * BASE_WIDTH, 4 * BASE_DEPTH, 0.5);
}

static void test_depth_mup(void) {
    check_scaled("depth_mup", WIDE, BASE_DEPTH, 1);
    check_scaled("depth_mup", BASE_WIDTH, DEEP, 1);
}

static void test_none(void) {
    const Coordinates base = measure("none", BASE_WIDTH, BASE_DEPTH),
                      wide = measure("none", WIDE, BASE_DEPTH),
                      deep = measure("none", BASE_WIDTH, DEEP);
    CHECK(wide.moved > 5 * base.moved && wide.logits > 3 * base.logits, "%.2f, %.2f", wide.moved,
          wide.logits);
    CHECK(deep.moved > 5 * base.moved && deep.stream > 2 * base.stream, "%.2f, %.2f", deep.moved,
          deep.stream);
}

static const Test TESTS[] = {
    {"coordinates: completep over width and depth", test_completep},
    {"coordinates: depth_mup over width and depth", test_depth_mup},
    {"coordinates: without scaling", test_none},
};

int main(int argc, char **argv) {
    ops_start(1);
    return test_main(TESTS, sizeof TESTS / sizeof *TESTS, argc, argv);
}

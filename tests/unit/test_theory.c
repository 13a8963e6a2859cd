/* test_theory.c - what the literature derives for initialized models, measured and printed: one
 * line per number, with its expected value and the accepted range. And: no two topologies compute
 * the same function.
 *
 * Xiong et al. 2020 (2002.04745): growth of the stream, gradients of the last layer. Kim et al.
 * 2025 (2502.02732): the same for Peri-LN. Wang et al. 2022: the constants of DeepNet.
 * docs/theory.md quotes the numbers of these tests. Properties that hold exactly, such as folding
 * and scale invariance, are in test_placement.c. */
#include "model/mlp.h"
#include "run/optim/schedule.h"
#include "tests/lib/theory.h"

/* --- growth of the stream, T2 to T4 and T9b --- */

enum { L = 12 };

/* means[0] = 1 at the embedding, means[l] = E|x|^2/d after block l; with `middle`, of the input of
 * the second norm of the block instead. */
static void growth(const char *topology, size_t T, double w, bool middle, double means[L + 1]) {
    Model *model = theory_model(topology, L, T, 1 << SLOT_OUT);
    for (size_t l = 0; l <= L; l++) means[l] = 0;
    for (uint32_t net = 0; net < NETS; net++) {
        theory_draw(model, net);
        theory_forward(model, w);
        means[0] += theory_square(model->x0) / NETS;
        for (size_t l = 0; l < L; l++) {
            const Sublayer *mlp = &model->block[l].mlp;
            means[l + 1] += theory_square(middle ? mlp->s : mlp->y) / NETS;
        }
    }
    model_free(model);
}

static void test_post_growth(void) {
    double means[L + 1], least = INFINITY, most = 0, mean = 0;
    growth("post", ROW, 1, true, means);
    for (size_t l = 1; l <= L; l++) {
        least = fmin(least, means[l]);
        most = fmax(most, means[l]);
        mean += means[l] / L;
    }
    measured("T2", mean, 1.5, 1.47, 1.53, "post: E|x|^2/d before the second norm, mean");
    measured("T2", least, 1.5, 1.425, 1.575, "post: the same, least of %d blocks", L);
    measured("T2", most, 1.5, 1.425, 1.575, "post: the same, most of %d blocks", L);
}

/* Each MLP adds 1/2. Attention adds the squared mean of the tokens that it sees: 1 where a token
 * sees only itself, 1/n for n independent tokens, and in between for similar tokens. */
static void test_pre_growth(void) {
    static const size_t SHOWN[] = {1, 4, 8, 12};
    double means[L + 1], slope, r2, alone = 0;
    for (int n = 1; n <= ROW; n++) alone += 1.0 / n / ROW;
    growth("pre", ROW, 1, false, means);
    measured("T3", means[1], 1.5 + alone, 1.67, 1.75, "pre: E|x_1|^2/d, sequences of %d tokens",
             ROW);
    for (size_t i = 0; i < sizeof SHOWN / sizeof *SHOWN; i++) {
        double l = (double)SHOWN[i];
        measured("T3", means[SHOWN[i]], NAN, 1 + l / 2, 1 + 3 * l / 2, "pre: E|x_%zu|^2/d",
                 SHOWN[i]);
    }
    line_fit(means, L + 1, &slope, &r2);
    for (size_t l = 1; l <= L; l++)
        CHECK(means[l] >= 1 + (double)l / 2 && means[l] <= 1 + 1.5 * (double)l, "block %zu: %g", l,
              means[l]);
    measured("T3", r2, 1, 0.98, 1, "pre: R^2 of a line through all blocks");
    growth("pre", 1, 1, false, means);
    line_fit(means, L + 1, &slope, &r2);
    measured("T3", slope, 1.5, 1.42, 1.58, "pre: slope per block, rows of one token");
}

/* The largest distance from 1 of the mean square of a token behind the embedding norm. */
static double embedding_spread(void) {
    Model *model = theory_model("peri", 1, ROW, 0);
    double most = 0;
    theory_draw(model, 0);
    theory_forward(model, 1);
    for (size_t t = 0; t < TOKENS; t++)
        most = fmax(most, fabs(sum_of_squares(model->x0 + t * WIDTH, WIDTH) / WIDTH - 1));
    model_free(model);
    return most;
}

static void test_peri_growth(void) {
    double means[L + 1], slope, r2;
    growth("peri", ROW, 1, false, means);
    line_fit(means, L + 1, &slope, &r2);
    measured("T4", embedding_spread(), 0, 0, 1e-5, "peri: ||x_0|^2/d - 1|, most of all tokens");
    measured("T4", means[L], 1 + 2 * L, 23.5, 26.5, "peri: E|x_%d|^2/d", L);
    measured("T4", slope, 2, 1.7, 2.3, "peri: slope per block");
    measured("T4", r2, 1, 0.98, 1, "peri: R^2 of a line through all blocks");
    growth("peri", ROW, 0.1, false, means);
    measured("T9b", means[L], 1 + 2 * L * 0.01, 1.19, 1.29, "peri: E|x_%d|^2/d at w = 0.1", L);
}

/* --- gradients of the last MLP, T5 --- */

/* Root mean square over models of |dL/dW_2| in the last block, by placement and depth. */
static void test_last_gradient(void) {
    static const char *const NAMES[] = {"post", "pre", "peri"};
    static const size_t DEPTHS[] = {6, 12, DEEPEST};
    double size[3][3] = {{0}};
    Model *source = theory_model("peri", DEEPEST, ROW, 0), *model[3][3];
    for (size_t i = 0; i < 9; i++)
        model[i / 3][i % 3] = theory_model(NAMES[i / 3], DEPTHS[i % 3], ROW, 0);
    for (uint32_t net = 0; net < GRADIENT_NETS; net++) {
        theory_draw(source, net);
        for (size_t i = 0; i < 9; i++) {
            Model *m = model[i / 3][i % 3];
            theory_share(m, source);
            theory_gradient(m);
            real *grad = m->block[DEPTHS[i % 3] - 1].mlp.mlp.down.weight.grad;
            size[i / 3][i % 3] += sum_of_squares(grad, (size_t)WIDTH * WIDTH);
        }
    }
    for (size_t i = 0; i < 9; i++) {
        size[i / 3][i % 3] = sqrt(size[i / 3][i % 3]);
        model_free(model[i / 3][i % 3]);
    }
    model_free(source);
    const char *format = "%s: |dL/dW_2| of the last block, 24 : 6 blocks";
    measured("T5", size[0][2] / size[0][0], 1, 0.85, 1.15, format, "post");
    measured("T5", size[1][2] / size[1][0], 0.5, 0.4, 0.6, format, "pre");
    measured("T5", size[2][2] / size[2][0], sqrt(13.0 / 49), 0.4, 0.6, format, "peri");
    measured("T5", size[0][1] / size[1][1], 3, 2.4, 3.6, "post : pre, 12 blocks");
}

/* --- the variances of GPT-2's initialization, T6 --- */

typedef struct {
    size_t d, L;
    InitRule init;
    double fc, gelu2, added; /* variance of up(u), E[gelu^2], variance added by an MLP */
    uint32_t nets;
} Bookkeeping;

static const Bookkeeping BOOKKEEPING[] = {
    {128, 4, INIT_PLAIN, 0.0512, 0.01395, 2.86e-3, 16},
    {128, 4, INIT_AUTO, 0.0512, 0.01395, 3.57e-4, 16},
    {384, 6, INIT_AUTO, 0.1536, 0, 2.43e-3, 4},
    {768, 12, INIT_AUTO, 0.3072, 0.10648, 5.45e-3, 2},
    {768, 12, INIT_PLAIN, 0.3072, 0.10648, 0.1309, 2},
};

static Model *bookkeeping_model(const Bookkeeping *b, size_t width, size_t blocks) {
    const GammaWarmup off = {0};
    ModelOptions options = net_options("pre", "layernorm");
    options.n_layer = blocks;
    options.d_model = width;
    options.d_ff = 0;
    options.context = ROW;
    options.init = b->init;
    Model *model = model_create(&options, &off, TOKENS, TOKENS / ROW, false);
    model_init(model, 0);
    return model;
}

/* Draws every matrix with its initial std in the model `deep`. */
static void draw_as(const Params *params, const Params *deep, uint32_t seed) {
    for (size_t p = 0; p < params_count(params); p++) {
        const Param *param = &params->list[p];
        double std = deep->list[params_find(deep, param->name)].std;
        if (param->kind != PARAM_MATRIX) continue;
        normal_fill(params->values + param->offset, seed, param->name, std, 0, param->count);
    }
}

/* The initial std of a block does not depend on the width, and the output of its MLP not on later
 * blocks. So the stds come from a narrow model of the full depth, and the numbers from the first
 * block at full width. */
static void check_bookkeeping(const Bookkeeping *b) {
    Model *deep = bookkeeping_model(b, 16, b->L), *wide = bookkeeping_model(b, b->d, 1);
    const Sublayer *mlp = &wide->block[0].mlp;
    const size_t n = TOKENS * b->d, hidden = TOKENS * wide->shape.F;
    double fc = 0, gelu2 = 0, added = 0, terms = (double)b->nets * TOKENS;
    char net[64];
    for (uint32_t seed = 0; seed < b->nets; seed++) {
        draw_as(&wide->params, &deep->params, seed);
        theory_forward(wide, 1);
        fc += sum_of_squares(mlp->mlp.up_x, hidden) / (terms * (double)wide->shape.F);
        gelu2 += sum_of_squares(mlp->mlp.h, hidden) / (terms * (double)wide->shape.F);
        added += (sum_of_squares(mlp->y, n) - sum_of_squares(mlp->x, n)) / (terms * (double)b->d);
    }
    snprintf(net, sizeof net, "pre, d %zu, %zu blocks, %s init", b->d, b->L,
             b->init == INIT_PLAIN ? "plain" : "scaled");
    measured("T6", fc, b->fc, 0.9 * b->fc, 1.1 * b->fc, "%s: variance of fc", net);
    if (b->gelu2 > 0)
        measured("T6", gelu2, b->gelu2, 0.9 * b->gelu2, 1.1 * b->gelu2, "%s: E[gelu^2]", net);
    measured("T6", added, b->added, 0.9 * b->added, 1.1 * b->added, "%s: added", net);
    model_free(deep);
    model_free(wide);
}

static void test_bookkeeping(void) {
    for (size_t i = 0; i < sizeof BOOKKEEPING / sizeof *BOOKKEEPING; i++)
        check_bookkeeping(&BOOKKEEPING[i]);
}

/* --- gamma-warmup, T9a and T9c (T9b is with the growth of peri) --- */

/* For the same dy and xhat, dgamma at w is w times dgamma at 1. */
static void test_warm_gradient(void) {
    Model *model = theory_model("peri", 1, ROW, 1 << SLOT_OUT);
    Sublayer *mlp = &model->block[0].mlp;
    const Norm *norm = &mlp->norm[SLOT_OUT];
    real one[WIDTH], dy[TOKENS * WIDTH];
    double size = 0, off = 0;
    real *dgamma = norm->grad[0];
    CHECK(dgamma, "peri has no output norm");
    if (!dgamma) {
        model_free(model);
        return;
    }
    theory_draw(model, 1);
    theory_forward(model, 1);
    for (size_t i = 0; i < TOKENS * WIDTH; i++) dy[i] = (real)net_normal(8, i);
    zero(dgamma, WIDTH);
    norm_backward(norm, mlp->shared->db, dy, mlp->b, 1, TOKENS, GRAD_ADD);
    copy(one, dgamma, WIDTH);
    zero(dgamma, WIDTH);
    norm_backward(norm, mlp->shared->db, dy, mlp->b, (real)0.1, TOKENS, GRAD_ADD);
    for (size_t c = 0; c < WIDTH; c++) {
        size = fmax(size, fabs((double)one[c]));
        off = fmax(off, fabs((double)dgamma[c] - (double)(real)0.1 * (double)one[c]));
    }
    double epsilon = sizeof(real) == sizeof(float) ? 0x1p-23 : 0x1p-52;
    measured("T9a", off / (0.1 * size) / epsilon, 0, 0, 4,
             "peri: dgamma(0.1) - 0.1 dgamma(1), last digits");
    model_free(model);
}

/* From t = steps on, a model with gamma-warmup has the logits of one without, to the bit. */
static void test_warm_end(void) {
    const GammaWarmup warmup = {.steps = 10, .from = 0.1, .to = 1, .slots = (1 << SLOTS) - 1},
                      off = {0};
    const size_t TIMES[] = {0, 9, 10, 11, 1000};
    int tokens[6] = {0, 1, 2, 3, 4, 5};
    size_t equal[5] = {0};
    for (size_t row = 0; row < ROW_COUNT; row++) {
        ModelOptions options = net_options(ROWS[row].name, "layernorm");
        Model *plain = model_create(&options, &off, 8, 1, false);
        Model *warm = model_create(&options, &warmup, 8, 1, false);
        Pass pass = net_pass(tokens, NULL, 1, 6);
        pass.training = false;
        net_draw(plain, 3);
        net_draw(warm, 3);
        model_forward(plain, &pass);
        for (size_t i = 0; i < 5; i++) {
            pass.gamma = (real)schedule_gamma(&warmup, TIMES[i]);
            model_forward(warm, &pass);
            equal[i] +=
                memcmp(model_logits(plain, 5), model_logits(warm, 5), 8 * sizeof(real)) == 0;
        }
        model_free(plain);
        model_free(warm);
    }
    /* Without a norm in a block gamma-warmup has no effect. */
    size_t bare = 0;
    for (size_t row = 0; row < ROW_COUNT; row++)
        bare += strcmp(ROWS[row].attn, "...") == 0 && strcmp(ROWS[row].mlp, "...") == 0;
    for (size_t i = 0; i < 5; i++) {
        double want = (double)(TIMES[i] < warmup.steps ? bare : ROW_COUNT);
        measured("T9c", (double)equal[i], want, want, want,
                 "rows of the table with equal logits at t = %zu", TIMES[i]);
    }
}

/* --- constants of DeepNet, T12 --- */

static double root_mean_square(const real *x, size_t n) {
    return sqrt(sum_of_squares(x, n) / (double)n);
}

static void check_deepnorm(size_t M, double alpha, double beta) {
    static const char *const SMALL[] = {"attn.proj", "mlp.up", "mlp.down"};
    const GammaWarmup off = {0};
    ModelOptions options = net_options("deepnorm", "layernorm");
    char name[64];
    double drawn = 0;
    options.n_layer = M;
    options.d_model = 32;
    options.d_ff = 0;
    Model *model = model_create(&options, &off, 8, 1, false);
    model_init(model, 5);
    for (size_t l = 0; l < M; l++) {
        const Param *list = model->params.list;
        const BlockWiring *wiring = &model->wiring.block[l];
        CHECK_NEAR(wiring->attn.coefficient[COEF_SKIP].value, alpha, 5e-5);
        CHECK_NEAR(wiring->mlp.coefficient[COEF_SKIP].value, alpha, 5e-5);
        for (size_t i = 0; i < 3; i++) {
            snprintf(name, sizeof name, "blocks.%zu.%s.weight", l, SMALL[i]);
            const Param *param = &list[params_find(&model->params, name)];
            CHECK_NEAR(param->std / 0.02, beta, 5e-5);
            drawn += pow(root_mean_square(net_value(model, name), param->count) / 0.02, 2);
        }
        snprintf(name, sizeof name, "blocks.%zu.attn.qkv.weight", l);
        const real *qkv = net_value(model, name);
        CHECK_NEAR(root_mean_square(qkv, 2 * 32 * 32) / 0.02, 1, 0.1);
        drawn += pow(root_mean_square(qkv + 2 * 32 * 32, 32 * 32) / 0.02, 2);
    }
    measured("T12", model->wiring.block[0].attn.coefficient[COEF_SKIP].value, alpha, alpha - 5e-5,
             alpha + 5e-5, "deepnorm, M = %zu: alpha", M);
    measured("T12",
             model->params.list[params_find(&model->params, "blocks.0.mlp.up.weight")].std / 0.02,
             beta, beta - 5e-5, beta + 5e-5, "deepnorm, M = %zu: beta, asked for", M);
    measured("T12", sqrt(drawn / (4 * (double)M)), beta, 0.98 * beta, 1.02 * beta,
             "deepnorm, M = %zu: beta, drawn for v, o, up, down", M);
    model_free(model);
}

static void test_deepnorm(void) {
    check_deepnorm(12, 2.2134, 0.3195);
    check_deepnorm(24, 2.6321, 0.2686);
}

/* --- all topologies are different functions --- */

/* With norm none every slot is the identity, so that rows differ in coefficients, reads and S only.
 * u, which an MLP may read, is then the block's input, unless attention scales it. */
static char read_without_norms(const RowBlock *block, char read) {
    bool scaled = block->attn.slot[ROW_IN] == 'S' || block->attn.number[ROW_GAIN] != 1;
    return read == 'u' && !scaled ? 'b' : read;
}

static bool same_sublayer(const RowBlock *a, const RowBlock *b, bool mlp) {
    const RowSublayer *s = mlp ? &a->mlp : &a->attn, *t = mlp ? &b->mlp : &b->attn;
    for (int slot = 0; slot < ROW_SLOTS; slot++) {
        if ((s->slot[slot] == 'S') != (t->slot[slot] == 'S')) return false;
    }
    for (int i = 0; i < ROW_NUMBERS; i++) {
        if (s->number[i] != t->number[i] || s->learn[i] != t->learn[i]) return false;
    }
    return read_without_norms(a, s->read) == read_without_norms(b, t->read);
}

/* Whether two rows without norms are one function when they share weights. */
static bool same_by_construction(const char *a, const char *b) {
    const RowNet net = row_net(a, 4), other = row_net(b, 4);
    bool same = net.dual == other.dual;
    for (size_t l = 0; l < 4; l++) {
        same &= same_sublayer(&net.block[l], &other.block[l], false) &&
                same_sublayer(&net.block[l], &other.block[l], true);
    }
    return same;
}

/* Rows that differ only in their initial values, such as sandwich and dssn. */
static bool same_but_initially(const char *a, const char *b) {
    const RowNet net = row_net(a, 4), other = row_net(b, 4);
    bool same =
        net.emb == other.emb && net.dual == other.dual && net.final_norm == other.final_norm;
    for (size_t l = 0; l < 4; l++) {
        const RowBlock *s = &net.block[l], *t = &other.block[l];
        same &= s->qkv == t->qkv && s->attn.read == t->attn.read && s->mlp.read == t->mlp.read;
        same &= memcmp(s->attn.slot, t->attn.slot, ROW_SLOTS) == 0 &&
                memcmp(s->mlp.slot, t->mlp.slot, ROW_SLOTS) == 0;
        same &= same_sublayer(s, t, false) && same_sublayer(s, t, true);
    }
    return same;
}

typedef struct {
    const char *row, *norm;
    double loss;
} Itself;

/* Without gains the two norms of parallel2 are the one of parallel. */
static bool same_without_gains(const Itself *a, const Itself *b) {
    return strcmp(a->norm, "rmsnorm_plain") == 0 && strcmp(b->norm, "rmsnorm_plain") == 0 &&
           strcmp(a->row, "parallel") == 0 && strcmp(b->row, "parallel2") == 0;
}

/* Values that depend on a tensor's name only, so that equal names have equal weights. */
static void draw_by_name(const Params *params) {
    for (size_t p = 0; p < params_count(params); p++) {
        const Param *param = &params->list[p];
        real *value = params->values + param->offset;
        double gain = param->kind == PARAM_NORM ? 0.5 : net_is_gamma(param) ? 1 : 0;
        normal_fill(value, 7, param->name, 0.25, 0, param->count);
        for (size_t i = 0; i < param->count; i++) value[i] += (real)gain;
        if (param->kind == PARAM_STATISTIC) constant_fill(value, 0.5, param->count);
    }
}

static double loss_of(const char *row, const char *norm) {
    enum { V = 13, B = 3, T = 6 };
    const GammaWarmup off = {0};
    ModelOptions options = net_options(row, norm);
    int tokens[B * T], targets[B * T];
    Pass pass = net_pass(tokens, targets, B, T);
    Model *model = model_create(&options, &off, V, B, false);
    net_tokens(tokens, B * T, V, 1);
    net_tokens(targets, B * T, V, 2);
    draw_by_name(&model->params);
    pass.training = false;
    model_forward(model, &pass);
    double loss = model_loss(model, &pass) / (B * T);
    model_free(model);
    return loss;
}

/* Every row with every norm; returns how many. */
static size_t losses_of_all(Itself *net) {
    size_t count = 0;
    for (size_t row = 0; row < ROW_COUNT; row++) {
        for (int i = 0; norm_name(i); i++) {
            char error[256];
            const ModelOptions options = net_options(ROWS[row].name, norm_name(i));
            if (!model_check(&options, error, sizeof error)) continue; /* keel needs a norm */
            net[count++] =
                (Itself){ROWS[row].name, norm_name(i), loss_of(ROWS[row].name, norm_name(i))};
        }
    }
    return count;
}

static void test_itself(void) {
    size_t norms = 0, pairs = 0, same = 0;
    double nearest = INFINITY,
           farthest = 0; /* distances of those that must differ, and that must agree */
    while (norm_name((int)norms)) norms++;
    Itself *net = mem_alloc(ROW_COUNT * norms * sizeof *net);
    const size_t count = losses_of_all(net);
    for (size_t a = 0; a < count; a++) {
        for (size_t b = a + 1; b < count; b++, pairs++) {
            double off = fabs(net[a].loss - net[b].loss) / net[a].loss;
            bool none = strcmp(net[a].norm, "none") == 0 && strcmp(net[b].norm, "none") == 0;
            bool one = (none && same_by_construction(net[a].row, net[b].row)) ||
                       same_without_gains(&net[a], &net[b]);
            one |=
                strcmp(net[a].norm, net[b].norm) == 0 && same_but_initially(net[a].row, net[b].row);
            CHECK((off < net_tolerance() / 100) == one, "%s %s %.9g and %s %s %.9g", net[a].row,
                  net[a].norm, net[a].loss, net[b].row, net[b].norm, net[b].loss);
            same += one;
            farthest = fmax(farthest, one ? off : 0);
            nearest = fmin(nearest, one ? INFINITY : off);
        }
    }
    printf("    %zu models, %zu pairs: %zu are one function, farthest %.2g; nearest of the others "
           "%.2g\n",
           count, pairs, same, farthest, nearest);
    mem_free(net);
}

static const Test TESTS[] = {
    {"theory: T2, post's sum before its second norm", test_post_growth},
    {"theory: T3, pre's stream grows linearly", test_pre_growth},
    {"theory: T4 and T9b, peri's stream grows by 2 w^2 a block", test_peri_growth},
    {"theory: T5, gradients of the last MLP", test_last_gradient},
    {"theory: T6, GPT-2's variances at initialization", test_bookkeeping},
    {"theory: T9a, the gradient of gamma is linear in w", test_warm_gradient},
    {"theory: T9c, no effect after gamma-warmup", test_warm_end},
    {"theory: T12, DeepNet's constants", test_deepnorm},
    {"theory: all topologies and norms are different functions", test_itself},
};

int main(int argc, char **argv) {
    ops_start(1);
    return test_main(TESTS, sizeof TESTS / sizeof *TESTS, argc, argv);
}

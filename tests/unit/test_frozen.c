/* test_frozen.c - frozen norms: the right constants, for the right tokens, and thawing.
 *
 * A frozen norm is an affine map, so its gradient can be tested with steps of any size: for any v,
 * <dy, f(x+v) - f(x)> = <dx, v>. */
#include "model/model.h"
#include "ops/ops.h"
#include "tests/lib/nets.h"
#include "tests/lib/norms.h"

#include <malloc.h>

enum { V = 32, T = 8, N_ROWS = 40, WIDTH = 23 };

static double tolerance(void) {
    return sizeof(real) == sizeof(float) ? 2e-5 : 1e-12;
}

/* --- one norm --- */

enum { PARAM_MAX = WIDTH * (WIDTH / 8), STATS_MAX = 1 + 2 * (WIDTH / 8) };

typedef struct {
    real x[N_ROWS * WIDTH], y[N_ROWS * WIDTH], dy[N_ROWS * WIDTH], dx[N_ROWS * WIDTH],
        moved[N_ROWS * WIDTH];
    real param[NORM_PARAMS][PARAM_MAX], grad[NORM_PARAMS][PARAM_MAX];
    real stats[STATS_MAX * N_ROWS], r[N_ROWS];
    long double wide[NORM_PARAMS][PARAM_MAX]; /* the parameters */
} Arrays;

static void fill(real *x, size_t n, uint32_t stream, double shift) {
    for (size_t i = 0; i < n; i++) x[i] = (real)(shift + net_normal(stream, i));
}

static double dot(const real *a, const real *b, size_t n) {
    double sum = 0;
    for (size_t i = 0; i < n; i++) sum += (double)a[i] * (double)b[i];
    return sum;
}

/* Parameters around 1 if they are gains and 0 if not. */
static void draw_params(Arrays *a, Norm *norm, const NormFormula *formula) {
    for (size_t i = 0; i < formula_params(formula); i++) {
        const FormulaParam *param = &formula->param[i];
        const size_t n = formula_size(param, WIDTH);
        fill(a->param[i], n, (uint32_t)(10 + i), 0);
        for (size_t k = 0; k < n; k++) {
            a->param[i][k] = (real)((param->role == 'g' ? 1 : 0) + 0.3 * (double)a->param[i][k]);
            a->wide[i][k] = (long double)a->param[i][k];
        }
        norm->param[i] = a->param[i];
        norm->grad[i] = a->grad[i];
    }
}

/* y of every row with the constants of the rows. */
static void check_values(const Arrays *a, const NormFormula *formula, bool centers, double w) {
    const long double *values[NORM_PARAMS];
    for (size_t i = 0; i < NORM_PARAMS; i++) values[i] = a->wide[i];
    for (size_t row = 0; row < N_ROWS; row++) {
        long double x[WIDTH], f[WIDTH], mean = 0, r = (long double)a->r[(3 + row) % 7];
        for (size_t c = 0; c < WIDTH; c++) mean += (long double)a->x[row * WIDTH + c] / WIDTH;
        for (size_t c = 0; c < WIDTH; c++)
            x[c] = (long double)a->x[row * WIDTH + c] - (centers && formula->centers ? mean : 0);
        formula->row(f, x, WIDTH, values, r);
        for (size_t c = 0; c < WIDTH; c++) {
            double want = w * (double)f[c];
            if (formula->param[1].name && formula->param[1].role == 's')
                want += (double)a->wide[1][c];
            CHECK_NEAR(a->y[row * WIDTH + c], want, tolerance() * 10);
        }
    }
}

/* sum(dy y) with x + h moved. */
static double loss_at(Arrays *a, const Norm *norm, double w, double h) {
    static real x[N_ROWS * WIDTH];
    for (size_t i = 0; i < N_ROWS * WIDTH; i++)
        x[i] = (real)((double)a->x[i] + h * (double)a->moved[i]);
    norm_forward(norm, a->y, x, (real)w, N_ROWS);
    return dot(a->dy, a->y, N_ROWS * WIDTH);
}

/* <dy, f(x + v) - f(x)> = <dx, v> for any v if f is affine, and in the limit if it is not. */
static void check_dx(Arrays *a, const Norm *norm, const NormFormula *formula, double w) {
    fill(a->moved, N_ROWS * WIDTH, 6, 0);
    const double by_dx = dot(a->dx, a->moved, N_ROWS * WIDTH);
    if (!formula->bends) {
        CHECK_NEAR(loss_at(a, norm, w, 1) - loss_at(a, norm, w, 0), by_dx, tolerance() * 1e3);
    } else if (sizeof(real) == sizeof(double)) {
        const double h = 1e-3, near = loss_at(a, norm, w, h) - loss_at(a, norm, w, -h),
                     far = loss_at(a, norm, w, 2 * h) - loss_at(a, norm, w, -2 * h);
        CHECK_NEAR((8 * near - far) / (12 * h), by_dx, 1e-8);
    }
}

static void check_norm(const NormKind *kind, bool centers) {
    static Arrays a;
    const size_t n = N_ROWS * WIDTH;
    NormFrozen frozen = {.r = a.r, .rows = 7, .first = 3, .centers = centers};
    const NormFormula *formula = norm_formula(kind->name);
    Norm norm = {.kind = kind,
                 .C = WIDTH,
                 .eps = (real)1e-5,
                 .stats = a.stats,
                 .frozen = &frozen,
                 .partials = mem_alloc(norm_partials(kind, WIDTH) * sizeof(real) + 1)};
    const double w = 0.7;
    memset(&a, 0, sizeof a);
    fill(a.x, n, 1, 0.5);
    fill(a.dy, n, 2, 0);
    draw_params(&a, &norm, formula);
    for (size_t i = 0; i < N_ROWS; i++) a.r[i] = (real)net_uniform(5, i, 0.5, 2);
    norm_forward(&norm, a.y, a.x, (real)w, N_ROWS);
    norm_backward(&norm, a.dx, a.dy, a.x, (real)w, N_ROWS, GRAD_SET);
    check_values(&a, formula, centers, w);
    check_dx(&a, &norm, formula, w);
    if (formula_params(formula) && formula->param[0].role == 'g') {
        const size_t size = formula_size(&formula->param[0], WIDTH);
        const bool linear = !formula->n_ranks; /* the gate depends on gamma */
        const double before = loss_at(&a, &norm, w, 0), by_dgamma = dot(a.grad[0], a.moved, size);
        for (size_t c = 0; c < size; c++) a.param[0][c] += a.moved[c];
        if (linear) CHECK_NEAR(loss_at(&a, &norm, w, 0) - before, by_dgamma, tolerance() * 1e3);
    }
    mem_free(norm.partials);
}

static void test_one_norm(void) {
    for (int i = 0; norm_kind(i); i++) {
        if (!norm_kind(i)->n_stats) continue; /* nothing to freeze */
        check_norm(norm_kind(i), true);
        check_norm(norm_kind(i), false);
    }
}

/* --- whole models --- */

static int tokens[T];

static Model *drawn_model(const char *topology, const char *norm, size_t batch) {
    static const GammaWarmup WARMUP = {
        .steps = 10, .from = 0.1, .to = 1, .slots = (1 << SLOTS) - 1};
    static ModelOptions options;
    options = net_options(topology, norm);
    options.context = T;
    options.qk_norm = index_named(switch_name, "on");
    Model *model = model_create(&options, &WARMUP, V, batch, MODEL_FORWARD);
    net_draw(model, 9);
    net_tokens(tokens, T, V, 5);
    return model;
}

/* Logits (T,V) of the sequence; with `alone` one token at a time, through the KV cache. */
static void logits_of(Model *model, real *logits, bool alone) {
    for (size_t t = 0; t < T; t++) {
        Pass pass = {.tokens = tokens, .B = 1, .T = T, .gamma = (real)0.7};
        if (alone && t) {
            pass.tokens += t;
            pass.T = 1;
            pass.past = t;
        } else if (alone) {
            pass.T = 1;
        }
        if (alone || t == 0) model_forward(model, &pass);
        memcpy(logits + t * V, model_logits(model, alone ? 0 : t), V * sizeof *logits);
    }
}

static double distance(const real *a, const real *b) {
    double worst = 0, largest = 0;
    for (size_t i = 0; i < T * V; i++) {
        worst = fmax(worst, fabs((double)(a[i] - b[i])));
        largest = fmax(largest, fabs((double)a[i]));
    }
    return worst / largest;
}

/* With the true r of every token as constants, a frozen model gives the same logits. */
static void test_true_statistics(void) {
    for (size_t row = 0; row < ROW_COUNT; row++) {
        for (int k = 0; norm_kind(k); k++) {
            if (!norm_kind(k)->n_stats) continue;
            if (row_refuses(ROWS[row].name, norm_name(k))) continue;
            Model *model = drawn_model(ROWS[row].name, norm_name(k), 1);
            real real_logits[T * V], frozen_logits[T * V], alone[T * V];
            logits_of(model, real_logits, false);
            for (size_t i = 0; i < model->n_sites; i++) {
                NormSite *site = &model->site[i];
                ScaleSums one = {{1, 1}, {1, 1}};
                norm_site_freeze(site, &one, T, false);
                for (size_t j = 0; j < site->frozen.rows; j++)
                    site->r[j] = site->stats[j * site->n_stats + site->n_stats - 1];
            }
            logits_of(model, frozen_logits, false);
            logits_of(model, alone, true);
            CHECK(distance(real_logits, frozen_logits) <= 1e-5, "%s, %s: off by %g", ROWS[row].name,
                  norm_name(k), distance(real_logits, frozen_logits));
            CHECK(distance(real_logits, alone) <= 1e-4, "%s, %s, token by token: off by %g",
                  ROWS[row].name, norm_name(k), distance(real_logits, alone));
            for (size_t i = 0; i < model->n_sites; i++) norm_site_thaw(&model->site[i]);
            logits_of(model, alone, false);
            CHECK(memcmp(real_logits, alone, sizeof alone) == 0, "a thawed model differs");
            model_free(model);
        }
    }
}

/* Constants are means over tokens, separately for first tokens, and over all heads of a token. */
static void test_constants(void) {
    Model *model = drawn_model("peri", "rmsnorm", 2);
    int sequences[2 * T];
    net_tokens(sequences, 2 * T, V, 8);
    model_forward(model, &(Pass){.tokens = sequences, .B = 2, .T = T, .gamma = 1});
    for (size_t i = 0; i < model->n_sites; i++) {
        NormSite *site = &model->site[i];
        const size_t each = site->per_token;
        double first = 0, rest = 0;
        ScaleSums sums = {{0, 0}, {0, 0}};
        for (size_t t = 0; t < 2 * T; t++) {
            for (size_t h = 0; h < each; h++)
                *(t % T ? &rest : &first) += 1 / (double)site->stats[t * each + h];
        }
        norm_site_observe(site, &sums, 2, T);
        norm_site_freeze(site, &sums, T, false);
        double all = 2 * T * (double)each / (first + rest);
        CHECK_NEAR(site->frozen.r[0], all, tolerance() * all);
        CHECK_NEAR(site->frozen.r[T * each - 1], all, tolerance() * all);
        norm_site_freeze(site, &sums, T, true);
        first = 2 * (double)each / first;
        rest = 2 * (T - 1) * (double)each / rest;
        CHECK_NEAR(site->frozen.r[0], first, tolerance() * first);
        CHECK_NEAR(site->frozen.r[each - 1], first, tolerance() * first);
        CHECK_NEAR(site->frozen.r[each], rest, tolerance() * rest);
        CHECK(site->frozen.rows == T * each, "%zu rows", site->frozen.rows);
        norm_site_identity(site, T);
        CHECK(site->frozen.r[each] == 1 && !site->frozen.centers, "identity normalizes");
    }
    size_t held = mallinfo2().uordblks;
    for (size_t i = 0; i < 10 * model->n_sites; i++) norm_site_identity(&model->site[i / 10], T);
    CHECK(mallinfo2().uordblks < held + 4096, "constants are not freed"); /* they have 15 KB */
    CHECK(model->n_sites == 2 + 4 * 6, "%zu sites", model->n_sites); /* in, out twice; q and k */
    CHECK(strcmp(model->site[0].name, "emb_norm") == 0, "%s", model->site[0].name);
    model_free(model);
}

static const Test TESTS[] = {
    {"frozen: one norm and its gradients", test_one_norm},
    {"frozen: true statistics as constants change nothing", test_true_statistics},
    {"frozen: constants are means over tokens", test_constants},
};

int main(int argc, char **argv) {
    ops_start(1);
    return test_main(TESTS, sizeof TESTS / sizeof *TESTS, argc, argv);
}

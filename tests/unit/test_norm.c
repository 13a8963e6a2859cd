/* test_norm.c - the table of norms, and the forward pass of every norm against its formula. */
#include "tests/bench/norm_bench.h"

#include "ops/ops.h"

/* --- the table --- */

static void the_table_of_norms(void) {
    static const NormKind TABLE[] = {
        {.name = "layernorm",
         .gamma = true,
         .beta = true,
         .gamma_start = 1,
         .eps = 1e-5,
         .eps_out = 1e-6,
         .n_stats = 2},
        {.name = "rmsnorm",
         .gamma = true,
         .gamma_start = 1,
         .eps = 1e-6,
         .eps_out = 1e-6,
         .n_stats = 1},
        {.name = "rmsnorm_plus1",
         .gamma = true,
         .gamma_zero = -1,
         .eps = 1e-6,
         .eps_out = 1e-6,
         .n_stats = 1},
        {.name = "dyt",
         .gamma = true,
         .beta = true,
         .alpha = true,
         .gamma_start = 1,
         .alpha_start = 0.5},
        {.name = "scale", .gamma = true, .gamma_start = 1},
        {.name = "none"},
    };
    for (size_t i = 0; i < COUNT(TABLE); i++) {
        const NormKind *got = NORM_KINDS[i], *want = &TABLE[i];
        CHECK(strcmp(got->name, want->name) == 0, "%s is not %s", got->name, want->name);
        CHECK(got->gamma == want->gamma && got->beta == want->beta && got->alpha == want->alpha,
              "parameters of %s", got->name);
        CHECK(got->gamma_start == want->gamma_start && got->gamma_zero == want->gamma_zero &&
                  got->alpha_start == want->alpha_start,
              "initial values of %s", got->name);
        CHECK(got->eps == want->eps && got->eps_out == want->eps_out, "eps of %s", got->name);
        CHECK(got->n_stats == want->n_stats, "statistics of %s", got->name);
        CHECK(norm_is_rms(got) == (strncmp(got->name, "rmsnorm", 7) == 0), "%s", got->name);
    }
}

/* scale, the gain of layerscale, is not a value of model.norm. */
static void names_of_norms(void) {
    static const char *const NAMES[] = {"layernorm", "rmsnorm", "rmsnorm_plus1",
                                        "dyt",       "none",    "batchnorm"};
    for (int i = 0; i < (int)COUNT(NAMES); i++) {
        CHECK(strcmp(norm_name(i), NAMES[i]) == 0, "%d is %s", i, norm_name(i));
        CHECK(norm_kind(i) && norm_kind(i)->name == norm_name(i), "%d", i);
    }
    CHECK(!norm_kind(COUNT(NAMES)) && !norm_name(COUNT(NAMES)), "past the end");
    CHECK(!norm_kind(-1) && !norm_name(-1), "before the first");
}

/* --- forward --- */

static void check_row(const Bench *b, size_t row) {
    static RowFormula f;
    row_formula(&f, b, row);
    const char *name = b->norm.kind->name;
    for (size_t c = 0; c < b->C; c++) {
        double got = (double)b->y[row * b->C + c], want = (double)f.y[c], gain = (double)f.gain[c];
        double size = fabs(gain * (double)f.xhat[c]) + fabs(want) + fabs(gain) * f.condition;
        CHECK(fabs(got - want) <= 16 * (double)REAL_EPSILON * size,
              "%s, row %zu, column %zu of %zu: %.9g, want %.9g", name, row, c, b->C, got, want);
    }
    const real *stats = b->norm.stats;
    if (b->norm.kind->n_stats == 2) {
        double largest = f.condition / f.unit;
        CHECK_NEAR(stats[2 * row], f.mean, 16 * (double)REAL_EPSILON * largest);
        CHECK_NEAR(stats[2 * row + 1], f.r, 16 * (double)(REAL_EPSILON * f.r));
    } else if (b->norm.kind->n_stats == 1) {
        CHECK_NEAR(stats[row], f.r, 16 * (double)(REAL_EPSILON * f.r));
    }
}

static void forward_matches_formula(void) {
    for (size_t k = 0; k < COUNT(NORM_KINDS); k++) {
        for (size_t i = 0; i < COUNT(NORM_WIDTHS); i++) {
            for (size_t w = 0; w < COUNT(NORM_FACTORS); w++) {
                Bench b = bench_draw(NORM_KINDS[k], 40, NORM_WIDTHS[i], NORM_FACTORS[w]);
                for (int beta = 1; beta >= 0;
                     beta--) { /* with beta, and as with model.bias = false */
                    if (!beta) b.norm.beta = NULL;
                    bench_forward(&b);
                    for (size_t row = 0; row < b.rows; row++) check_row(&b, row);
                }
                free_all();
            }
        }
    }
}

/* With eps inside the root, a zero row has r = 1/sqrt(eps), for any eps. */
static void eps_is_inside_the_root(void) {
    static const double EPS[] = {1e-5, 1e-6, 1e-2};
    for (size_t k = 0; k < 3; k++) {
        for (size_t e = 0; e < COUNT(EPS); e++) {
            Bench b = bench_draw(NORM_KINDS[k], 1, 8, 1);
            b.norm.eps = (real)EPS[e];
            zero(b.x, 8);
            bench_forward(&b);
            double want = 1 / sqrt((double)b.norm.eps),
                   got = b.norm.stats[b.norm.kind->n_stats - 1];
            CHECK_NEAR(got, want, 4 * (double)REAL_EPSILON * want);
            for (size_t c = 0; c < 8; c++) {
                CHECK(b.y[c] == (b.norm.beta ? b.norm.beta[c] : 0), "%s", b.norm.kind->name);
            }
            free_all();
        }
    }
}

/* rmsnorm_plus1 with gamma has the arithmetic of rmsnorm with 1 + gamma. */
static void plus1_is_rmsnorm_with_gain_plus_1(void) {
    for (size_t i = 0; i < COUNT(NORM_WIDTHS); i++) {
        const size_t C = NORM_WIDTHS[i];
        Bench b = bench_draw(&norm_rmsnorm_plus1, 40, C, 0.3);
        bench_forward(&b);
        bench_backward(&b);
        real *y = new_copy(b.y, 40 * C), *dx = new_copy(b.dx, 40 * C);
        real *dgamma = new_copy(b.norm.dgamma, C);
        for (size_t c = 0; c < C; c++) b.gamma[c] += 1;
        zero(b.dx, 40 * C);
        zero(b.norm.dgamma, C);
        b.norm.kind = &norm_rmsnorm;
        bench_forward(&b);
        bench_backward(&b);
        CHECK(same_bits(b.y, y, 40 * C), "y, width %zu", C);
        CHECK(same_bits(b.dx, dx, 40 * C), "dx, width %zu", C);
        CHECK(same_bits(b.norm.dgamma, dgamma, C), "dgamma, width %zu", C);
        free_all();
    }
}

/* --- none --- */

static void none_in_place_changes_nothing(void) {
    Bench b = bench_draw(&norm_none, 3, 5, 0.1);
    b.x[7] = NAN;
    real *x = new_copy(b.x, 15), *dx = new_drawn(15, 1), *before = new_copy(dx, 15);
    norm_forward(&b.norm, b.x, b.x, b.w, 3);
    CHECK(same_bits(b.x, x, 15), "forward");
    norm_backward(&b.norm, dx, dx, b.x, b.w, 3, GRAD_ADD);
    CHECK(same_bits(dx, before, 15), "backward");
    free_all();
}

static void none_copies_and_adds(void) {
    Bench b = bench_draw(&norm_none, 3, 5, 0.1);
    bench_forward(&b);
    CHECK(same_bits(b.y, b.x, 15), "forward");
    for (size_t i = 0; i < 15; i++) b.dx[i] = 2;
    bench_backward(&b);
    for (size_t i = 0; i < 15; i++) CHECK(b.dx[i] == 2 + b.dy[i], "backward, element %zu", i);
    free_all();
}

/* Divergence must stay visible. */
static void nan_propagates(void) {
    for (size_t k = 0; k < COUNT(NORM_KINDS); k++) {
        Bench b = bench_draw(NORM_KINDS[k], 2, 13, 1);
        b.x[4] = NAN;
        bench_forward(&b);
        CHECK(isnan(b.y[4]), "%s", b.norm.kind->name);
        for (size_t c = 0; c < 13; c++) {
            CHECK(isnan(b.y[c]) || !b.norm.kind->n_stats, "%s, column %zu", b.norm.kind->name, c);
            CHECK(isfinite(b.y[13 + c]), "%s, the other row", b.norm.kind->name);
        }
        free_all();
    }
}

static const Test TESTS[] = {
    {"the table of norms", the_table_of_norms},
    {"names of norms", names_of_norms},
    {"forward and statistics match the formula", forward_matches_formula},
    {"eps is inside the root", eps_is_inside_the_root},
    {"rmsnorm_plus1 is rmsnorm with 1 + gamma, bit for bit", plus1_is_rmsnorm_with_gain_plus_1},
    {"none in place changes nothing", none_in_place_changes_nothing},
    {"none copies forward and adds backward", none_copies_and_adds},
    {"NaN propagates within its row", nan_propagates},
};

int main(int argc, char **argv) {
    ops_start(1); /* small sizes: more threads would be slower */
    return test_main(TESTS, COUNT(TESTS), argc, argv);
}

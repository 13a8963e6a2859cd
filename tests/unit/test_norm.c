/* test_norm.c - the table of norms, and the forward pass of every norm against its formula. */
#include "tests/bench/norm_bench.h"

#include "ops/ops.h"

/* --- the table --- */

static void check_kind(const NormKind *got) {
    const NormFormula *want = norm_formula(got->name);
    CHECK(want, "norm %s has no row in tests/lib/norms.h", got->name);
    if (!want) return;
    CHECK(got->gamma == norm_formula_has(want, "gamma") &&
              got->beta == norm_formula_has(want, "beta") &&
              got->alpha == norm_formula_has(want, "alpha"),
          "parameters of %s", got->name);
    CHECK(got->gamma_start == want->gamma_start && got->gamma_zero == want->gamma_zero &&
              got->alpha_start == want->alpha_start,
          "initial values of %s", got->name);
    CHECK(got->eps == want->eps && got->eps_out == want->eps_out, "eps of %s", got->name);
    CHECK(got->n_stats == want->n_stats, "statistics of %s", got->name);
    CHECK((got->gather != NULL) == want->batch, "what %s gathers", got->name);
    CHECK(norm_is_rms(got) == (strncmp(got->name, "rmsnorm", 7) == 0), "%s", got->name);
}

static void the_table_of_norms(void) {
    for (int i = 0; norm_kind(i); i++) check_kind(norm_kind(i));
    check_kind(&norm_scale);
}

/* The program has every row of norms.h, once; scale, the gain of layerscale, is not a value of
 * model.norm. */
static void names_of_norms(void) {
    int count = 0;
    for (; norm_kind(count); count++)
        CHECK(norm_kind(count)->name == norm_name(count), "%d", count);
    CHECK(!norm_kind(count) && !norm_name(count), "past the end");
    CHECK(!norm_kind(-1) && !norm_name(-1), "before the first");
    for (size_t row = 0; row < NORM_FORMULA_COUNT; row++) {
        const char *name = NORM_FORMULAS[row].name;
        int found = 0;
        for (int i = 0; i < count; i++) found += strcmp(norm_name(i), name) == 0;
        CHECK(found == (strcmp(name, norm_scale.name) != 0), "%d norms are called %s", found, name);
    }
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
    for (size_t k = 0; bench_kind(k); k++) {
        for (size_t i = 0; i < COUNT(NORM_WIDTHS); i++) {
            for (size_t w = 0; w < COUNT(NORM_FACTORS); w++) {
                Bench b = bench_draw(bench_kind(k), 40, NORM_WIDTHS[i], NORM_FACTORS[w]);
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
    for (size_t k = 0; bench_kind(k); k++) {
        for (size_t e = 0; bench_kind(k)->n_stats && e < COUNT(EPS); e++) {
            Bench b = bench_draw(bench_kind(k), 1, 8, 1);
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
    for (size_t k = 0; bench_kind(k); k++) {
        Bench b = bench_draw(bench_kind(k), 2, 13, 1);
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

/* test_norm.c - the table of norms, and the forward pass of every norm against its formula. */
#include "tests/bench/norm_bench.h"

#include "ops/ops.h"

/* --- the table --- */

static void check_param(const NormKind *kind, const NormParam *got, const FormulaParam *want) {
    static const size_t WIDTHS[] = {1, 7, 8, 15, 16, 129};
    const NormRole role = want->role == 'g'   ? NORM_GAIN
                          : want->role == 's' ? NORM_SHIFT
                                              : NORM_OTHER;
    CHECK(strcmp(got->name, want->name) == 0 && got->role == role, "%s of %s", got->name,
          kind->name);
    CHECK(got->start == want->start && got->zero == want->zero && got->by_width == want->by_width,
          "initial value of %s of %s", got->name, kind->name);
    for (size_t i = 0; i < COUNT(WIDTHS); i++)
        CHECK(norm_param_rows(got, WIDTHS[i]) == formula_rows(want, WIDTHS[i]) &&
                  norm_param_columns(got, WIDTHS[i]) == formula_columns(want, WIDTHS[i]),
              "shape of %s of %s, width %zu", got->name, kind->name, WIDTHS[i]);
    if (role != NORM_OTHER)
        CHECK(norm_param(kind, role) == got, "%s has two of a role", kind->name);
}

static void check_kind(const NormKind *got) {
    const NormFormula *want = norm_formula(got->name);
    CHECK(want, "norm %s has no row in tests/lib/norms.h", got->name);
    if (!want) return;
    CHECK(norm_param_count(got) == formula_params(want), "parameters of %s", got->name);
    for (size_t i = 0; i < formula_params(want); i++)
        check_param(got, &got->param[i], &want->param[i]);
    CHECK(got->eps == want->eps && got->eps_out == want->eps_out, "eps of %s", got->name);
    CHECK(got->n_stats == want->n_stats && got->n_ranks == want->n_ranks, "statistics of %s",
          got->name);
    CHECK((got->gather != NULL) == want->batch, "what %s gathers", got->name);
    CHECK(norm_is_rms(got) ==
              (strcmp(got->name, "rmsnorm") == 0 || strcmp(got->name, "rmsnorm_plus1") == 0),
          "%s", got->name);
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

static void check_row(RowFormula *f, const Bench *b, size_t row) {
    row_formula(f, b, row);
    const NormKind *kind = b->norm.kind;
    const size_t n_stats = norm_stats(kind, b->C);
    const double gain = LARGEST_GAIN * (double)b->w;
    for (size_t c = 0; c < b->C; c++) {
        double got = (double)b->y[row * b->C + c], want = (double)f->y[c];
        double size = (double)b->w * fabs((double)f->f[c]) + fabs(want) + gain * f->condition;
        if (kind->n_ranks) size *= 4; /* sums in front of the gate */
        CHECK(fabs(got - want) <= 16 * (double)REAL_EPSILON * size,
              "%s, row %zu, column %zu of %zu: %.9g, want %.9g", kind->name, row, c, b->C, got,
              want);
    }
    if (!n_stats) return;
    const real *stats = b->norm.stats + row * n_stats;
    if (b->formula->centers)
        CHECK_NEAR(stats[0], f->mean, 16 * (double)REAL_EPSILON * f->condition / f->unit);
    CHECK_NEAR(stats[n_stats - 1], f->r, 16 * (double)(REAL_EPSILON * f->r));
}

static void check_forward(const NormKind *kind, size_t C, double w) {
    Bench b = bench_draw(kind, 40, C, w);
    const size_t beta = bench_role(&b, 's');
    for (int with_beta = 1; with_beta >= 0; with_beta--) { /* 0 as with model.bias = false */
        static RowFormula f;
        f = (RowFormula){.b = NULL};
        if (!with_beta && beta < NORM_PARAMS) b.norm.param[beta] = NULL;
        bench_forward(&b);
        for (size_t row = 0; row < b.rows; row++) check_row(&f, &b, row);
    }
    free_all();
}

static void forward_matches_formula(void) {
    for (size_t k = 0; bench_kind(k); k++) {
        for (size_t i = 0; i < COUNT(NORM_WIDTHS); i++) {
            for (size_t w = 0; w < COUNT(NORM_FACTORS); w++)
                check_forward(bench_kind(k), NORM_WIDTHS[i], NORM_FACTORS[w]);
        }
    }
}

/* With eps inside the root, a zero row has r = 1/sqrt(eps), for any eps. */
static void eps_is_inside_the_root(void) {
    static const double EPS[] = {1e-5, 1e-6, 1e-2};
    for (size_t k = 0; bench_kind(k); k++) {
        for (size_t e = 0; bench_kind(k)->n_stats && e < COUNT(EPS); e++) {
            Bench b = bench_draw(bench_kind(k), 1, 8, 1);
            const size_t beta = bench_role(&b, 's');
            b.norm.eps = (real)EPS[e];
            zero(b.x, 8);
            bench_forward(&b);
            double want = 1 / sqrt((double)b.norm.eps),
                   got = b.norm.stats[norm_stats(b.norm.kind, 8) - 1];
            CHECK_NEAR(got, want, 4 * (double)REAL_EPSILON * want);
            for (size_t c = 0; c < 8; c++) {
                CHECK(b.y[c] == (beta < NORM_PARAMS ? b.param[beta][c] : 0), "%s",
                      b.norm.kind->name);
            }
            free_all();
        }
    }
}

/* --- norms that are equal --- */

/* Both passes of `other`, with the parameters of b and what `change` does to them, give the bits of
 * b. */
static void check_same_bits(Bench *b, const NormKind *other, void (*change)(Bench *b),
                            bool gain_too) {
    const size_t n = b->rows * b->C;
    bench_forward(b);
    bench_backward(b);
    real *y = new_copy(b->y, n), *dx = new_copy(b->dx, n);
    real *dgamma = gain_too ? new_copy(b->norm.grad[0], b->C) : NULL;
    bench_zero_grads(b);
    change(b);
    const char *name = b->norm.kind->name;
    b->norm.kind = other;
    bench_forward(b);
    bench_backward(b);
    CHECK(same_bits(b->y, y, n), "%s and %s: y, width %zu", name, other->name, b->C);
    CHECK(same_bits(b->dx, dx, n), "%s and %s: dx, width %zu", name, other->name, b->C);
    CHECK(!gain_too || same_bits(b->norm.grad[0], dgamma, b->C), "%s and %s: dgamma, width %zu",
          name, other->name, b->C);
}

static void add_1_to_gamma(Bench *b) {
    for (size_t c = 0; c < b->C; c++) b->param[0][c] += 1;
}

static void change_nothing(Bench *b) {
    (void)b;
}

/* rmsnorm_plus1 with gamma has the arithmetic of rmsnorm with 1 + gamma. */
static void plus1_is_rmsnorm_with_gain_plus_1(void) {
    for (size_t i = 0; i < COUNT(NORM_WIDTHS); i++) {
        Bench b = bench_draw(&norm_rmsnorm_plus1, 40, NORM_WIDTHS[i], 0.3);
        check_same_bits(&b, &norm_rmsnorm, add_1_to_gamma, true);
        free_all();
    }
}

/* With b = 0, its initial value, whatever a and gamma are. */
static void seednorm_starts_as_rmsnorm(void) {
    for (size_t i = 0; i < COUNT(NORM_WIDTHS); i++) {
        Bench b = bench_draw(&norm_seednorm, 40, NORM_WIDTHS[i], 0.3);
        zero(b.param[2], b.C);
        check_same_bits(&b, &norm_rmsnorm, change_nothing, true);
        free_all();
    }
}

/* With g = sqrt(C), its initial value: a root of C that is rounded gives the quotient 1. */
static void scalenorm_starts_as_rmsnorm_plain(void) {
    for (size_t i = 0; i < COUNT(NORM_WIDTHS); i++) {
        Bench b = bench_draw(&norm_scalenorm, 40, NORM_WIDTHS[i], 0.3);
        b.param[0][0] = (real)sqrt((real)b.C);
        check_same_bits(&b, &norm_rmsnorm_plain, change_nothing, false);
        free_all();
    }
}

/* With up = 0 the gate is 1/2 everywhere, so the norm is half of rmsnorm. */
static void a_shut_gate_halves_rmsnorm(void) {
    for (size_t i = 0; i < COUNT(NORM_WIDTHS); i++) {
        Bench b = bench_draw(&norm_gated, 40, NORM_WIDTHS[i], 1);
        const size_t n = b.rows * b.C;
        zero(b.param[2], bench_size(&b, 2));
        bench_forward(&b);
        real *y = new_copy(b.y, n);
        b.norm.kind = &norm_rmsnorm;
        bench_forward(&b);
        for (size_t k = 0; k < n; k++) b.y[k] /= 2;
        CHECK(same_bits(b.y, y, n), "width %zu", b.C);
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
    {"seednorm starts as rmsnorm, bit for bit", seednorm_starts_as_rmsnorm},
    {"scalenorm starts as rmsnorm_plain, bit for bit", scalenorm_starts_as_rmsnorm_plain},
    {"gated with a gate of 1/2 is half of rmsnorm, bit for bit", a_shut_gate_halves_rmsnorm},
    {"none in place changes nothing", none_in_place_changes_nothing},
    {"none copies forward and adds backward", none_copies_and_adds},
    {"NaN propagates within its row", nan_propagates},
};

int main(int argc, char **argv) {
    ops_start(1); /* small sizes: more threads would be slower */
    return test_main(TESTS, COUNT(TESTS), argc, argv);
}

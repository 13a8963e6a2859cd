/* test_norm_gradients.c - the gradients of every norm: against the derived formula in both builds,
 * and against finite differences of the forward pass in double, which test the formula itself. */
#include "tests/bench/norm_bench.h"

#include "ops/ops.h"

static const size_t ROW_COUNTS[] = {1, 5, 40}; /* fewer than the 16 chunks, and no multiple of 16 */

enum { CHECKED = 24 }; /* elements of a long array that are checked, the last one included */

static size_t checked_count(size_t n) {
    return n < CHECKED ? n : CHECKED;
}

/* Element j of the checked ones of n. */
static size_t checked(size_t j, size_t n) {
    return n - 1 - (n < CHECKED ? j : j * 7919 % n);
}

static double dx_distance(RowFormula *f, const real *dx) {
    double error = 0;
    for (size_t j = 0; j < checked_count(f->C); j++) {
        const size_t c = checked(j, f->C);
        double off = (double)((long double)dx[c] - row_dx(f, c));
        error += off * off;
    }
    return sqrt(error);
}

static void check_gradients(const NormKind *kind, size_t rows, size_t C, double w) {
    static RowFormula f;
    static long double want[NORM_PARAMS][CHECKED];
    Bench b = bench_draw(kind, rows, C, w);
    double size = 0;
    const double bound = sqrt(NMSE_GRADIENT);
    f = (RowFormula){.b = NULL};
    memset(want, 0, sizeof want);
    bench_forward(&b);
    bench_backward(&b);
    for (size_t row = 0; row < rows; row++) {
        row_formula(&f, &b, row);
        double off = dx_distance(&f, b.dx + row * C);
        CHECK(off <= bound * (1 + f.condition) * f.unit * f.size,
              "dx of %s, row %zu of %zu, width %zu: off by %g of %g", kind->name, row, rows, C, off,
              f.unit * f.size);
        double largest = 0;
        for (size_t i = 0; i < norm_param_count(kind); i++) {
            const size_t n = bench_size(&b, i);
            for (size_t j = 0; j < checked_count(n); j++) {
                long double own = row_dparam(&f, i, checked(j, n));
                want[i][j] += own;
                largest = fmax(largest, fabs((double)own));
            }
        }
        size += f.size * (1 + f.condition) + largest;
    }
    for (size_t i = 0; i < norm_param_count(kind); i++) {
        const size_t n = bench_size(&b, i);
        for (size_t j = 0; j < checked_count(n); j++) {
            const size_t at = checked(j, n);
            double off = fabs((double)((long double)b.norm.grad[i][at] - want[i][j]));
            CHECK(off <= bound * size, "d%s[%zu] of %s, %zu rows, width %zu: off by %g of %g",
                  kind->param[i].name, at, kind->name, rows, C, off, size);
        }
    }
    free_all();
}

static void gradients_match_formula(void) {
    for (size_t k = 0; bench_kind(k); k++) {
        for (size_t i = 0; i < COUNT(NORM_WIDTHS) * COUNT(ROW_COUNTS); i++) {
            size_t C = NORM_WIDTHS[i / COUNT(ROW_COUNTS)], rows = ROW_COUNTS[i % COUNT(ROW_COUNTS)];
            const bool slow = C > 13; /* one factor, and few rows of matrices */
            for (size_t w = slow ? 1 : 0; w < (slow ? 2 : COUNT(NORM_FACTORS)); w++) {
                if (slow && bench_kind(k)->n_ranks && rows > 5) continue;
                check_gradients(bench_kind(k), rows, C, NORM_FACTORS[w]);
            }
        }
    }
}

/* --- finite differences, in the double build --- */

static long double weighted_output(void *self) {
    Bench *b = (Bench *)self;
    long double sum = 0;
    bench_forward(b);
    for (size_t i = 0; i < b->rows * b->C; i++) sum += (long double)b->dy[i] * (long double)b->y[i];
    return sum;
}

/* A difference over a small step contains the rounding errors of the output, divided by the step. */
static void check_differences(Bench *b, size_t i, double step) {
    double error = 0, norm = 0, rounding = 0;
    for (size_t k = 0; k < b->rows * b->C; k++)
        rounding += (double)REAL_EPSILON * fabs((double)b->dy[k] * (double)b->y[k]) / step;
    const size_t n = bench_size(b, i);
    for (size_t j = 0; j < checked_count(n); j++) {
        const size_t at = checked(j, n);
        const double d = (double)b->norm.grad[i][at];
        error = fmax(error, fabs(difference(weighted_output, b, &b->param[i][at], step) - d));
        norm += d * d;
    }
    CHECK(error <= 1e-8 * sqrt(norm) + rounding, "d%s of %s: off by %g of %g",
          b->norm.kind->param[i].name, b->norm.kind->name, error, sqrt(norm));
}

/* Steps are 2 % of the scale of the row; errors are relative to the part of dx that is r u. */
static void check_row_differences(RowFormula *f, Bench *b, size_t row) {
    row_formula(f, b, row);
    const double size = f->unit * f->size * (1 + f->condition);
    for (size_t i = row * b->C; i < (row + 1) * b->C; i++) {
        double numeric = difference(weighted_output, b, &b->x[i], 0.02 * f->step);
        CHECK(fabs(numeric - (double)b->dx[i]) <= 1e-9 * size, "dx of %s, row %zu: %g, want %g",
              b->norm.kind->name, row, (double)b->dx[i], numeric);
    }
}

static void gradients_match_differences(void) {
    static const size_t WIDTHS[] = {1, 2, 13};
    static RowFormula f;
    if (sizeof(real) < sizeof(double)) return;
    for (size_t k = 0; bench_kind(k); k++) {
        const NormKind *kind = bench_kind(k);
        for (size_t i = 0; i < COUNT(WIDTHS) * COUNT(NORM_FACTORS); i++) {
            size_t C = WIDTHS[i / COUNT(NORM_FACTORS)];
            Bench b = bench_draw(kind, 19, C, NORM_FACTORS[i % COUNT(NORM_FACTORS)]);
            f = (RowFormula){.b = NULL};
            bench_forward(&b);
            bench_backward(&b);
            for (size_t row = 0; row < b.rows; row++) check_row_differences(&f, &b, row);
            for (size_t p = 0; p < norm_param_count(kind); p++)
                check_differences(&b, p,
                                  kind->n_ranks                       ? 0.01
                                  : kind->param[p].role == NORM_OTHER ? 1e-6
                                                                      : 0.1);
            free_all();
        }
    }
}

/* --- invariants --- */

enum { ROWS_IN = 40, WIDTH = 48, GRADIENTS = 1 + NORM_PARAMS };

/* The gradients of a bench: dx, then those of the parameters. Returns how many. */
static size_t gradients_of(const Bench *b, real *gradient[GRADIENTS], size_t size[GRADIENTS]) {
    const size_t count = norm_param_count(b->norm.kind);
    gradient[0] = b->dx;
    size[0] = b->rows * b->C;
    for (size_t i = 0; i < count; i++) {
        gradient[1 + i] = b->norm.grad[i];
        size[1 + i] = bench_size(b, i);
    }
    return 1 + count;
}

/* Gradients that start at 3 end 3 higher than gradients that start at 0. */
static void gradients_add(void) {
    for (size_t k = 0; bench_kind(k); k++) {
        Bench b = bench_draw(bench_kind(k), ROWS_IN, WIDTH, 0.5);
        real *gradient[GRADIENTS];
        double *want[GRADIENTS];
        size_t size[GRADIENTS];
        const size_t count = gradients_of(&b, gradient, size);
        bench_forward(&b);
        bench_backward(&b);
        for (size_t g = 0; g < count; g++) {
            want[g] = new_widened(gradient[g], size[g]);
            for (size_t i = 0; i < size[g]; i++) want[g][i] += 3;
            constant_fill(gradient[g], 3, size[g]);
        }
        bench_backward(&b);
        for (size_t g = 0; g < count; g++) {
            double error = 0, norm = 0; /* a sum may be near 0 */
            for (size_t i = 0; i < size[g]; i++) {
                error += pow((double)gradient[g][i] - want[g][i], 2);
                norm += 9 + pow(want[g][i] - 3, 2);
            }
            CHECK(error <= NMSE_GRADIENT * norm, "%s, gradient %zu: off by %g of %g",
                  b.norm.kind->name, g, sqrt(error), sqrt(norm));
        }
        free_all();
    }
}

/* w is a factor of everything but beta: for a given dy, all gradients are linear in w, and dbeta does
 * not depend on it. */
static void check_linear_in_w(const NormKind *kind, double w) {
    Bench b = bench_draw(kind, ROWS_IN, WIDTH, 1);
    real *gradient[GRADIENTS];
    double *want[GRADIENTS];
    size_t size[GRADIENTS];
    const size_t count = gradients_of(&b, gradient, size);
    bench_forward(&b);
    bench_backward(&b);
    real *dbeta = NULL;
    for (size_t g = 0; g < count; g++) {
        want[g] = new_widened(gradient[g], size[g]);
        for (size_t i = 0; i < size[g]; i++) want[g][i] *= w;
        if (g && kind->param[g - 1].role == NORM_SHIFT) dbeta = new_copy(gradient[g], size[g]);
    }
    bench_zero_grads(&b);
    b.w = (real)w;
    bench_backward(&b);
    for (size_t g = 0; g < count; g++) {
        if (g && kind->param[g - 1].role == NORM_SHIFT)
            CHECK(same_bits(dbeta, gradient[g], size[g]), "dbeta of %s", kind->name);
        else
            CHECK_NMSE(gradient[g], want[g], size[g], NMSE_GRADIENT, "%s, gradient %zu", kind->name,
                       g);
    }
    free_all();
}

static void warmup_scales_all_but_beta(void) {
    for (size_t k = 0; bench_kind(k); k++) {
        for (size_t i = 0; bench_kind(k) != &norm_none && i < COUNT(NORM_FACTORS); i++)
            check_linear_in_w(bench_kind(k), (double)(real)NORM_FACTORS[i]);
    }
}

/* The derivative of the loss along x if r is constant: sum(dz x), where dz is dx without the terms
 * that come from r. */
static double along_x(RowFormula *f) {
    static const double WEIGHTS[] = {4.0 / 5, -1.0 / 5, 4.0 / 105, -1.0 / 280};
    const double step = 1.0 / 128;
    long double sum = 0, start[WIDEST], value[WIDEST];
    memcpy(start, f->x, sizeof start);
    for (int i = -4; i <= 4; i++) {
        for (size_t c = 0; c < f->C; c++)
            f->x[c] = f->mean + (start[c] - f->mean) * (1 + i * (long double)step);
        if (!i) continue;
        formula_value(f, value, &f->r);
        const long double weight = (i < 0 ? -1 : 1) * (long double)WEIGHTS[abs(i) - 1];
        for (size_t c = 0; c < f->C; c++) sum += weight * f->dy[c] * value[c];
    }
    memcpy(f->x, start, sizeof start);
    return (double)((long double)f->b->w * sum) / step;
}

/* Norms that subtract the mean are invariant to a shift of the row: sum(dx) = 0. Up to eps, norms
 * that only have x r are invariant to the scale of the row: sum(dx (x - mean)) is eps r^2 times what
 * it would be with a constant r. */
static void invariants(void) {
    static RowFormula f;
    for (size_t k = 0; bench_kind(k); k++) {
        if (!bench_kind(k)->n_stats) continue;
        Bench b = bench_draw(bench_kind(k), ROWS_IN, WIDTH, 0.5);
        f = (RowFormula){.b = NULL};
        bench_forward(&b);
        bench_backward(&b);
        for (size_t row = 0; row < b.rows; row++) {
            long double shift = 0, scaling = 0;
            row_formula(&f, &b, row);
            for (size_t c = 0; c < b.C; c++) {
                long double dx = (long double)b.dx[row * b.C + c];
                shift += dx;
                scaling += dx * (f.x[c] - f.mean) * f.r;
            }
            double from_eps = (double)((long double)b.norm.eps * f.r * f.r * f.r) * along_x(&f);
            double tolerance = 16 * (double)(REAL_EPSILON * f.r) * f.size * sqrt((double)WIDTH) *
                               (1 + f.condition);
            if (b.formula->centers) CHECK_NEAR(shift, 0, tolerance);
            if (!b.formula->raw) CHECK_NEAR(scaling, from_eps, tolerance);
        }
        free_all();
    }
}

/* Without beta the other gradients do not change. */
static void beta_is_optional(void) {
    for (size_t k = 0; bench_kind(k); k++) {
        Bench b = bench_draw(bench_kind(k), 40, 13, 0.5);
        const size_t beta = bench_role(&b, 's');
        if (beta < NORM_PARAMS) {
            bench_forward(&b);
            bench_backward(&b);
            real *dx = new_copy(b.dx, 40 * 13), *dgamma = new_copy(b.norm.grad[0], 13);
            bench_zero_grads(&b);
            b.norm.param[beta] = NULL;
            b.norm.grad[beta] = NULL;
            bench_forward(&b);
            bench_backward(&b);
            CHECK(same_bits(b.dx, dx, 40 * 13), "dx of %s", b.norm.kind->name);
            CHECK(same_bits(b.norm.grad[0], dgamma, 13), "dgamma of %s", b.norm.kind->name);
        }
        free_all();
    }
}

static const Test TESTS[] = {
    {"gradients of norms match the formula", gradients_match_formula},
    {"gradients of norms match finite differences", gradients_match_differences},
    {"gradients of norms are added", gradients_add},
    {"the warm-up scales all gradients but that of beta", warmup_scales_all_but_beta},
    {"norms are invariant to shift and scale of a row", invariants},
    {"beta is optional", beta_is_optional},
};

int main(int argc, char **argv) {
    ops_start(1); /* small sizes: more threads would be slower */
    return test_main(TESTS, COUNT(TESTS), argc, argv);
}

/* test_norm_gradients.c - the gradients of every norm: against the derived formula in both builds,
 * and against finite differences of the forward pass in double, which test the formula itself. */
#include "tests/bench/norm_bench.h"

#include "ops/ops.h"

static const size_t ROW_COUNTS[] = {1, 5, 40}; /* fewer than the 16 chunks, and no multiple of 16 */

/* Euclidean distance from `want`, relative to `size`. */
static double distance(const real *got, const long double *want, double size, size_t n) {
    double error = 0;
    for (size_t i = 0; i < n; i++) {
        double off = (double)((long double)got[i] - want[i]);
        error += off * off;
    }
    return sqrt(error) / size;
}

static double length_of(const long double *a, size_t n) {
    return sqrt((double)mean_of(a, a, n) * (double)n);
}

static void check_gradients(const NormKind *kind, size_t rows, size_t C, double w) {
    static RowFormula f;
    Bench b = bench_draw(kind, rows, C, w);
    long double *dgamma = (long double *)new_array(C, sizeof *dgamma), dalpha = 0;
    long double *dbeta = (long double *)new_array(C, sizeof *dbeta);
    double gamma_size = 0, beta_size = 0, alpha_size = 0;
    const double bound = sqrt(NMSE_GRADIENT);
    bench_forward(&b);
    bench_backward(&b);
    for (size_t row = 0; row < rows; row++) {
        row_formula(&f, &b, row);
        double u_length = length_of(f.u, C), off;
        off = distance(b.dx + row * C, f.dx, f.unit * u_length, C);
        CHECK(off <= bound * (1 + f.condition), "dx of %s, row %zu of %zu, width %zu: %g",
              kind->name, row, rows, C, off);
        for (size_t c = 0; c < C; c++) {
            long double dy = (long double)b.dy[row * C + c];
            dgamma[c] += (long double)b.w * dy * f.xhat[c];
            dbeta[c] += dy;
            gamma_size += fabs(w * (double)dy) * (fabs((double)f.xhat[c]) + f.condition);
            beta_size += fabs((double)dy);
        }
        dalpha += f.dalpha;
        alpha_size += u_length * (1 + fabs((double)f.dalpha));
    }
    if (kind->gamma) {
        double off = distance(b.norm.dgamma, dgamma, gamma_size, C);
        CHECK(off <= bound, "dgamma of %s, %zu rows, width %zu: %g", kind->name, rows, C, off);
    }
    if (kind->beta) {
        double off = distance(b.norm.dbeta, dbeta, beta_size, C);
        CHECK(off <= bound, "dbeta of %s, %zu rows, width %zu: %g", kind->name, rows, C, off);
    }
    if (kind->alpha) {
        double off = distance(b.norm.dalpha, &dalpha, alpha_size, 1);
        CHECK(off <= bound, "dalpha of %s, %zu rows, width %zu: %g", kind->name, rows, C, off);
    }
    free_all();
}

static void gradients_match_formula(void) {
    for (size_t k = 0; bench_kind(k); k++) {
        for (size_t i = 0; i < COUNT(NORM_WIDTHS) * COUNT(ROW_COUNTS); i++) {
            size_t C = NORM_WIDTHS[i / COUNT(ROW_COUNTS)], rows = ROW_COUNTS[i % COUNT(ROW_COUNTS)];
            for (size_t w = 0; w < COUNT(NORM_FACTORS); w++) {
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
static void check_differences(Bench *b, real *at, const real *d, size_t n, double step,
                              const char *what) {
    double error = 0, norm = 0, rounding = 0;
    for (size_t i = 0; i < b->rows * b->C; i++)
        rounding += (double)REAL_EPSILON * fabs((double)b->dy[i] * (double)b->y[i]) / step;
    for (size_t i = 0; i < n; i++) {
        error = fmax(error, fabs(difference(weighted_output, b, &at[i], step) - (double)d[i]));
        norm += (double)d[i] * (double)d[i];
    }
    CHECK(error <= 1e-8 * sqrt(norm) + rounding, "%s of %s: off by %g of %g", what,
          b->norm.kind->name, error, sqrt(norm));
}

/* Steps are 2 % of the scale of the row; errors are relative to the part of dx that is r u. */
static void check_row_differences(Bench *b, size_t row) {
    static RowFormula f;
    row_formula(&f, b, row);
    double size = f.unit * length_of(f.u, b->C) * (1 + f.condition);
    for (size_t i = row * b->C; i < (row + 1) * b->C; i++) {
        double numeric = difference(weighted_output, b, &b->x[i], 0.02 / f.unit);
        CHECK(fabs(numeric - (double)b->dx[i]) <= 1e-9 * size, "dx of %s, row %zu: %g, want %g",
              b->norm.kind->name, row, (double)b->dx[i], numeric);
    }
}

static void gradients_match_differences(void) {
    static const size_t WIDTHS[] = {1, 2, 13};
    if (sizeof(real) < sizeof(double)) return;
    for (size_t k = 0; bench_kind(k); k++) {
        for (size_t i = 0; i < COUNT(WIDTHS) * COUNT(NORM_FACTORS); i++) {
            size_t C = WIDTHS[i / COUNT(NORM_FACTORS)];
            Bench b = bench_draw(bench_kind(k), 19, C, NORM_FACTORS[i % COUNT(NORM_FACTORS)]);
            bench_forward(&b);
            bench_backward(&b);
            for (size_t row = 0; row < b.rows; row++) check_row_differences(&b, row);
            if (b.gamma) check_differences(&b, b.gamma, b.norm.dgamma, C, 0.1, "dgamma");
            if (b.beta) check_differences(&b, b.beta, b.norm.dbeta, C, 0.1, "dbeta");
            if (b.alpha) check_differences(&b, b.alpha, b.norm.dalpha, 1, 1e-6, "dalpha");
            free_all();
        }
    }
}

/* --- invariants --- */

/* Gradients that start at 3 end 3 higher than gradients that start at 0. */
static void gradients_add(void) {
    enum { ROWS_IN = 40, WIDTH = 48, GRADIENTS = 4 };
    static const size_t SIZES[GRADIENTS] = {ROWS_IN * WIDTH, WIDTH, WIDTH, 1};
    for (size_t k = 0; bench_kind(k); k++) {
        Bench b = bench_draw(bench_kind(k), ROWS_IN, WIDTH, 0.5);
        real *gradients[GRADIENTS] = {b.dx, b.norm.dgamma, b.norm.dbeta, b.norm.dalpha};
        double *want[GRADIENTS] = {NULL};
        bench_forward(&b);
        bench_backward(&b);
        for (size_t g = 0; g < GRADIENTS; g++) {
            if (!gradients[g]) continue;
            want[g] = new_widened(gradients[g], SIZES[g]);
            for (size_t i = 0; i < SIZES[g]; i++) want[g][i] += 3;
            constant_fill(gradients[g], 3, SIZES[g]);
        }
        bench_backward(&b);
        for (size_t g = 0; g < GRADIENTS; g++) {
            if (!gradients[g]) continue;
            CHECK_NMSE(gradients[g], want[g], SIZES[g], NMSE_GRADIENT, "%s, gradient %zu",
                       b.norm.kind->name, g);
        }
        free_all();
    }
}

/* gamma is the parameter and w a factor of it: for a given dy, dgamma and dx are linear in w, and
 * dbeta does not depend on it. */
static void warmup_scales_the_gradient_of_gamma(void) {
    for (size_t k = 0; bench_kind(k); k++) {
        for (size_t i = 0; bench_kind(k)->gamma && i < COUNT(NORM_FACTORS); i++) {
            const double w = (double)(real)NORM_FACTORS[i];
            Bench b = bench_draw(bench_kind(k), 40, 13, 1);
            bench_forward(&b);
            bench_backward(&b);
            double *dgamma = new_widened(b.norm.dgamma, 13), *dx = new_widened(b.dx, 40 * 13);
            real *dbeta = b.norm.dbeta ? new_copy(b.norm.dbeta, 13) : NULL;
            for (size_t c = 0; c < 13; c++) dgamma[c] *= w;
            for (size_t j = 0; j < 40 * 13; j++) dx[j] *= w;
            zero(b.norm.dgamma, 13);
            zero(b.dx, 40 * 13);
            if (dbeta) zero(b.norm.dbeta, 13);
            b.w = (real)w;
            bench_backward(&b);
            CHECK_NMSE(b.norm.dgamma, dgamma, 13, NMSE_GRADIENT, "%s", b.norm.kind->name);
            CHECK_NMSE(b.dx, dx, 40 * 13, NMSE_GRADIENT, "%s", b.norm.kind->name);
            CHECK(!dbeta || same_bits(dbeta, b.norm.dbeta, 13), "%s", b.norm.kind->name);
            free_all();
        }
    }
}

/* Norms that subtract the mean are invariant to a shift of the row: sum(dx) = 0. Up to eps, norms are invariant to the
 * scale of the row: sum(dx (x - mean)) = eps r^2 r sum(u (x - mean)). */
static void invariants(void) {
    static RowFormula f;
    for (size_t k = 0; bench_kind(k); k++) {
        if (!bench_kind(k)->n_stats) continue;
        Bench b = bench_draw(bench_kind(k), 40, 48, 0.5);
        bench_forward(&b);
        bench_backward(&b);
        for (size_t row = 0; row < b.rows; row++) {
            long double shift = 0, scaling = 0, from_eps = 0, size = 0;
            row_formula(&f, &b, row);
            for (size_t c = 0; c < b.C; c++) {
                long double dx = (long double)b.dx[row * b.C + c];
                shift += dx;
                scaling += dx * f.xhat[c];
                from_eps += f.u[c] * f.xhat[c] * f.r * f.r * f.r * (long double)b.norm.eps;
                size += fabsl(f.u[c]) * f.r;
            }
            double tolerance = 16 * (double)(REAL_EPSILON * size) * (1 + f.condition);
            if (b.formula->centers) CHECK_NEAR(shift, 0, tolerance);
            CHECK_NEAR(scaling, from_eps, tolerance);
        }
        free_all();
    }
}

/* Without beta the other gradients do not change. */
static void beta_is_optional(void) {
    for (size_t k = 0; bench_kind(k); k++) {
        if (!bench_kind(k)->beta) continue;
        Bench b = bench_draw(bench_kind(k), 40, 13, 0.5);
        bench_forward(&b);
        bench_backward(&b);
        real *dx = new_copy(b.dx, 40 * 13), *dgamma = new_copy(b.norm.dgamma, 13);
        b.norm.beta = NULL;
        b.norm.dbeta = NULL;
        zero(b.dx, 40 * 13);
        zero(b.norm.dgamma, 13);
        bench_forward(&b);
        bench_backward(&b);
        CHECK(same_bits(b.dx, dx, 40 * 13), "dx of %s", b.norm.kind->name);
        CHECK(same_bits(b.norm.dgamma, dgamma, 13), "dgamma of %s", b.norm.kind->name);
        free_all();
    }
}

static const Test TESTS[] = {
    {"gradients of norms match the formula", gradients_match_formula},
    {"gradients of norms match finite differences", gradients_match_differences},
    {"gradients of norms are added", gradients_add},
    {"the warm-up scales the gradient of gamma", warmup_scales_the_gradient_of_gamma},
    {"norms are invariant to shift and scale of a row", invariants},
    {"beta is optional", beta_is_optional},
};

int main(int argc, char **argv) {
    ops_start(1); /* small sizes: more threads would be slower */
    return test_main(TESTS, COUNT(TESTS), argc, argv);
}

/* test_ops_muon.c - Muon's update of a matrix: against plain loops in double, against matrices of known
 * singular values, and what it returns for zero and tiny gradients. */
#include "ops/ops.h"
#include "tests/lib/numbers.h"

/* --- plain loops --- */

/* y (n,m) = a (n,k) b (k,m). */
static void product(double *y, const double *a, const double *b, size_t n, size_t k, size_t m) {
    for (size_t i = 0; i < n; i++) {
        for (size_t j = 0; j < m; j++) {
            double sum = 0;
            for (size_t l = 0; l < k; l++) sum += a[i * k + l] * b[l * m + j];
            y[i * m + j] = sum;
        }
    }
}

/* x (n,m), always by the Gram matrix of its rows: x = 3.4445 x - 4.775 (x x') x + 2.0315 (x x')^2 x. */
static void orthogonalize(double *x, size_t n, size_t m) {
    double *turned = new_doubles(m * n), *gram = new_doubles(n * n), *once = new_doubles(n * m),
           *twice = new_doubles(n * m), squares = 0;
    for (size_t i = 0; i < n * m; i++) squares += x[i] * x[i];
    for (size_t i = 0; i < n * m; i++) x[i] /= sqrt(squares) + 1e-7;
    for (int step = 0; step < 5; step++) {
        for (size_t i = 0; i < n * m; i++) turned[i % m * n + i / m] = x[i];
        product(gram, x, turned, n, m, n);
        product(once, gram, x, n, n, m);
        product(twice, gram, once, n, n, m);
        for (size_t i = 0; i < n * m; i++)
            x[i] = 3.4445 * x[i] - 4.775 * once[i] + 2.0315 * twice[i];
    }
}

static void plain_update(double *p, double *m, const real *g, const Muon *muon, size_t rows,
                         size_t cols) {
    const double mu = muon->momentum;
    double *u = new_doubles(rows * cols);
    for (size_t i = 0; i < rows * cols; i++) {
        const double grad = muon->grad_scale * (double)g[i];
        m[i] += (1 - mu) * (grad - m[i]);
        u[i] = grad + mu * (m[i] - grad);
    }
    orthogonalize(u, rows, cols);
    for (size_t i = 0; i < rows * cols; i++) p[i] -= muon->step * u[i] + muon->decay * p[i];
}

/* Square, wide, tall, rows and columns alone, tails of vectors and of the blocks of a GEMM, more rows
 * than a thread takes. */
static const struct {
    size_t rows, cols;
} SHAPES[] = {{1, 1},   {1, 9},   {9, 1},    {1, 200},  {200, 1}, {2, 2},    {16, 16},
              {17, 33}, {33, 17}, {31, 100}, {100, 31}, {65, 65}, {40, 390}, {300, 47}};

/* Four updates, whose steps and gradients differ, and what each returns. Rounding errors of the small
 * singular values are multiplied by up to 3.4445^5 = 485. */
static void updates_match_plain_loops(void) {
    const double near = sizeof(real) == sizeof(float) ? 1e-4 : 1e-11;
    double worst = 0;
    ops_start(1); /* matrices this small are slower with more */
    for (size_t k = 0; k < COUNT(SHAPES); k++) {
        const size_t rows = SHAPES[k].rows, cols = SHAPES[k].cols, n = rows * cols;
        real *p = new_drawn(n, 0.1), *m = new_reals(n), *g = new_reals(n);
        real *scratch = new_reals(muon_scratch(rows, cols));
        double *want_p = new_widened(p, n), *want_m = new_doubles(n);
        for (size_t step = 1; step <= 4; step++) {
            const Muon muon = {.momentum = 0.9,
                               .grad_scale = step % 2 ? 1 : 0.25,
                               .step = 0.1 / (double)step,
                               .decay = step % 3 ? 0.01 : 0};
            double change = 0, off = 0, moved = 0, *old = new_widened(p, n);
            double *want_old = new_doubles(n);
            memcpy(want_old, want_p, n * sizeof *old);
            for (size_t i = 0; i < n; i++) g[i] = (real)(1e-3 * draw_normal());
            plain_update(want_p, want_m, g, &muon, rows, cols);
            const double got = muon_update(p, m, g, scratch, &muon, rows, cols);
            for (size_t i = 0; i < n; i++) {
                change += pow((double)p[i] - old[i], 2);
                moved += pow(want_p[i] - want_old[i], 2);
                off += pow((double)p[i] - old[i] - (want_p[i] - want_old[i]), 2);
            }
            worst = fmax(worst, sqrt(off / moved));
            CHECK(off <= near * near * moved, "%zu x %zu, step %zu: off by %.2g", rows, cols, step,
                  sqrt(off / moved));
            CHECK(fabs(got - change) <= 200 * (double)REAL_EPSILON * change,
                  "returns %.17g, want %.17g", got, change);
            CHECK_NMSE(m, want_m, n, NMSE_FORWARD, "momentum of %zu x %zu", rows, cols);
            for (size_t i = 0; i < n; i++) want_p[i] = (double)p[i]; /* errors do not add up */
        }
        free_all();
    }
    printf("note: worst error of an update, relative to its norm, %.1e\n", worst);
}

/* --- singular values --- */

/* k orthonormal columns of n numbers each, one after the other (Gram-Schmidt, twice). */
static double *orthonormal(size_t n, size_t k) {
    double *q = new_doubles(n * k);
    for (size_t c = 0; c < k; c++) {
        double *own = q + c * n, squares = 0;
        for (size_t i = 0; i < n; i++) own[i] = draw_normal();
        for (size_t pass = 0; pass < 2; pass++) {
            for (size_t b = 0; b < c; b++) {
                double along = 0;
                for (size_t i = 0; i < n; i++) along += own[i] * q[b * n + i];
                for (size_t i = 0; i < n; i++) own[i] -= along * q[b * n + i];
            }
        }
        for (size_t i = 0; i < n; i++) squares += own[i] * own[i];
        for (size_t i = 0; i < n; i++) own[i] /= sqrt(squares);
    }
    return q;
}

/* x (rows,cols) = sum_k s_k left_k right_k'. */
static void compose(double *x, const double *left, const double *right, const double *s,
                    size_t rows, size_t cols, size_t count) {
    for (size_t i = 0; i < rows; i++) {
        for (size_t j = 0; j < cols; j++) {
            x[i * cols + j] = 0;
            for (size_t k = 0; k < count; k++)
                x[i * cols + j] += s[k] * left[k * rows + i] * right[k * cols + j];
        }
    }
}

static double five_steps(double s) {
    for (int step = 0; step < 5; step++) s = 3.4445 * s - 4.775 * pow(s, 3) + 2.0315 * pow(s, 5);
    return s;
}

static const Muon ONCE = {.momentum = 0, .grad_scale = 1, .step = -1, .decay = 0};

/* The singular vectors stay, and each singular value becomes what the polynomial makes of it: 0.68 to
 * 1.14 for those above a hundredth of the norm. One is smaller. */
static void singular_values_follow_the_polynomial(void) {
    const double near = sizeof(real) == sizeof(float) ? 2e-4 : 1e-11;
    ops_start(1);
    for (size_t k = 0; k < COUNT(SHAPES); k++) {
        const size_t rows = SHAPES[k].rows, cols = SHAPES[k].cols, n = rows * cols;
        const size_t side = rows < cols ? rows : cols;
        double *left = orthonormal(rows, side), *right = orthonormal(cols, side);
        double *s = new_doubles(side), *x = new_doubles(n), squares = 0, least = INFINITY, most = 0;
        for (size_t i = 0; i < side; i++) s[i] = pow(10, draw_uniform(-1, 0));
        if (side > 2) s[0] = 1e-4;
        for (size_t i = 0; i < side; i++) squares += s[i] * s[i];
        compose(x, left, right, s, rows, cols, side);
        real *p = new_reals(n), *m = new_reals(n), *g = new_reals(n);
        for (size_t i = 0; i < n; i++) g[i] = (real)x[i];
        muon_update(p, m, g, new_reals(muon_scratch(rows, cols)), &ONCE, rows, cols);
        for (size_t i = 0; i < side; i++) {
            s[i] = five_steps(s[i] / (sqrt(squares) + 1e-7));
            if (side > 2 && i == 0) continue;
            least = fmin(least, s[i]);
            most = fmax(most, s[i]);
        }
        compose(x, left, right, s, rows, cols, side);
        CHECK(least > 0.68 && most < 1.14, "%zu x %zu: %g to %g", rows, cols, least, most);
        CHECK_NMSE(p, x, n, near * near, "%zu x %zu", rows, cols);
        free_all();
    }
}

/* A reflection I - 2 v v' with |v| = 1, so large that OpenBLAS multiplies: all singular values are equal. */
static void large_matrices(void) {
    enum { SIDE = 1100, N = SIDE * SIDE };
    const double want = five_steps(1 / (sqrt(SIDE) + 1e-7)), *v = orthonormal(SIDE, 1);
    real *p = new_reals(N), *m = new_reals(N), *g = new_reals(N);
    double off = 0;
    for (size_t i = 0; i < N; i++)
        g[i] = (real)((i / SIDE == i % SIDE) - 2 * v[i / SIDE] * v[i % SIDE]);
    muon_update(p, m, g, new_reals(muon_scratch(SIDE, SIDE)), &ONCE, SIDE, SIDE);
    for (size_t i = 0; i < N; i++) off += pow((double)p[i] - want * (double)g[i], 2);
    const double near = sizeof(real) == sizeof(float) ? 1e-5 : 1e-13;
    CHECK(sqrt(off / SIDE) <= near * want, "off by %.2g", sqrt(off / SIDE) / want);
    free_all();
}

/* Rotates the columns of x (n,k), one after the other, until they are orthogonal (one-sided Jacobi); their
 * lengths are then the singular values. */
static void singular_values(double *s, double *x, size_t n, size_t k) {
    for (int sweep = 0; sweep < 30; sweep++) {
        for (size_t a = 0; a < k; a++) {
            for (size_t b = a + 1; b < k; b++) {
                double aa = 0, bb = 0, ab = 0, *p = x + a * n, *q = x + b * n;
                for (size_t i = 0; i < n; i++)
                    aa += p[i] * p[i], bb += q[i] * q[i], ab += p[i] * q[i];
                if (fabs(ab) <= 1e-14 * sqrt(aa * bb)) continue;
                double angle = 0.5 * atan2(2 * ab, aa - bb), c = cos(angle), d = sin(angle);
                for (size_t i = 0; i < n; i++) {
                    const double old = p[i];
                    p[i] = c * old + d * q[i];
                    q[i] = c * q[i] - d * old;
                }
            }
        }
    }
    for (size_t a = 0; a < k; a++) {
        double squares = 0;
        for (size_t i = 0; i < n; i++) squares += x[a * n + i] * x[a * n + i];
        s[a] = sqrt(squares);
    }
}

/* Random matrices become nearly orthogonal. */
static void updates_are_nearly_orthogonal(void) {
    static const size_t SIZES[][2] = {{1, 50}, {50, 1}, {8, 40}, {40, 8}, {24, 30}, {12, 12}};
    for (size_t k = 0; k < COUNT(SIZES); k++) {
        const size_t rows = SIZES[k][0], cols = SIZES[k][1], n = rows * cols;
        const size_t side = rows < cols ? rows : cols, length = n / side;
        real *p = new_reals(n), *m = new_reals(n), *g = new_drawn(n, 10);
        double *columns = new_doubles(n), *s = new_doubles(side);
        muon_update(p, m, g, new_reals(muon_scratch(rows, cols)), &ONCE, rows, cols);
        for (size_t i = 0; i < n; i++)
            columns[rows < cols ? i : i % cols * length + i / cols] = (double)p[i];
        singular_values(s, columns, length, side);
        for (size_t i = 0; i < side; i++)
            CHECK(s[i] > 0.68 && s[i] < 1.2, "%zu x %zu: singular value %g", rows, cols, s[i]);
        free_all();
    }
}

/* --- corner cases --- */

/* Without a gradient and momentum there is only weight decay. */
static void zero_gradients_only_decay(void) {
    const Muon muon = {.momentum = 0.95, .grad_scale = 1, .step = 0.5, .decay = 0.25};
    real p[6] = {1, -2, 4, 8, -16, 0}, m[6] = {0}, g[6] = {0}, scratch[20];
    const real want[6] = {(real)0.75, (real)-1.5, 3, 6, -12, 0};
    CHECK(muon_scratch(2, 3) == COUNT(scratch), "scratch of %zu", muon_scratch(2, 3));
    const double squares = muon_update(p, m, g, scratch, &muon, 2, 3);
    CHECK(same_bits(p, want, 6), "%g %g", (double)p[0], (double)p[4]);
    CHECK(squares == 341.0 / 16, "%.17g", squares);
    for (size_t i = 0; i < 6; i++) CHECK(m[i] == 0, "momentum %g", (double)m[i]);
}

/* One row has one singular value, its norm. A norm of 1e-7 is halved by what is added to it. */
static void tiny_gradients_are_damped(void) {
    const double sizes[] = {1, 1e-5, 1e-7, 1e-9, 1e-30};
    for (size_t k = 0; k < COUNT(sizes); k++) {
        real p[2] = {0}, m[2] = {0}, scratch[6];
        const real g[2] = {(real)(0.6 * sizes[k]), (real)(-0.8 * sizes[k])};
        muon_update(p, m, g, scratch, &ONCE, 1, 2);
        const double squares = pow((double)g[0], 2) + pow((double)g[1], 2);
        /* below the smallest float, a square is 0 */
        const double norm = (double)(real)squares > 0 ? sqrt(squares) : 0;
        const double want = five_steps(sizes[k] / (norm + 1e-7));
        const double near = sizeof(real) == sizeof(float) ? 1e-5 : 1e-13;
        CHECK_NEAR(p[0], 0.6 * want, near * want);
        CHECK_NEAR(p[1], -0.8 * want, near * want);
    }
}

/* Newton-Schulz steps do not round their operands, and the passes that follow do as before. */
static void precision_is_float32(void) {
    enum { ROWS = 24, COLS = 40, N = ROWS * COLS };
    const real *g = new_drawn(N, 1);
    real *p[2], *m = new_reals(N), *scratch = new_reals(muon_scratch(ROWS, COLS));
    for (int rounded = 0; rounded < 2; rounded++) {
        const Precision precision = rounded ? PRECISION_BFLOAT16 : PRECISION_FLOAT32;
        p[rounded] = new_reals(N);
        ops_set_precision(precision);
        muon_update(p[rounded], m, g, scratch, &ONCE, ROWS, COLS);
        CHECK(ops_precision() == precision, "precision %d", (int)ops_precision());
    }
    ops_set_precision(PRECISION_FLOAT32);
    CHECK(same_bits(p[0], p[1], N), "rounded");
    free_all();
}

/* 2 x 3 and 3 x 2: G = x x' has 2*2*3 products and sums, G G has 2*2*2, P x has 2*2*3. */
static void flops_are_counted(void) {
    CHECK(muon_flops(2, 3) == 5 * 2 * (12 + 8 + 12), "%g", muon_flops(2, 3));
    CHECK(muon_flops(3, 2) == muon_flops(2, 3), "%g", muon_flops(3, 2));
    CHECK(muon_scratch(3, 2) == muon_scratch(2, 3), "%zu", muon_scratch(3, 2));
}

static const Test TESTS[] = {
    {"Muon matches plain loops", updates_match_plain_loops},
    {"Muon: singular values follow the polynomial", singular_values_follow_the_polynomial},
    {"Muon: updates are nearly orthogonal", updates_are_nearly_orthogonal},
    {"Muon: large matrices", large_matrices},
    {"Muon: zero gradients", zero_gradients_only_decay},
    {"Muon: tiny gradients", tiny_gradients_are_damped},
    {"Muon: operands are float32", precision_is_float32},
    {"Muon: FLOPs", flops_are_counted},
};
TEST_MAIN(TESTS)

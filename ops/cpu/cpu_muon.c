/* cpu_muon.c - the update of a matrix by Muon: momentum, Newton-Schulz steps, weight decay.
 *
 * One idea: a Newton-Schulz step applies the odd polynomial a s + b s^3 + c s^5 to every singular
 * value s of x and leaves its singular vectors. It is three GEMMs, on the Gram matrix of the shorter
 * side:
 *     G = x x^T    (x^T x for a tall x)
 *     P = a I + b G + c G G
 *     x = P x      (x P)
 * G and P are symmetric, so nothing is transposed. GEMMs, norms and elementwise loops do not depend on
 * the number of threads, so neither does the update. Scratch belongs to the caller.
 * Read next: run/optim/muon.h, which chooses matrices and rates. */
#include "ops/cpu/cpu.h"
#include "ops/cpu/vmath.h"
#include "ops/ops.h"

#include <math.h>

static const double NS_A = 3.4445, NS_B = -4.7750, NS_C = 2.0315;
static const double NORM_EPS = 1e-7; /* added to |u|: a zero matrix stays zero */
enum { NS_STEPS = 5 };

static size_t shorter(size_t rows, size_t cols) {
    return rows < cols ? rows : cols;
}

/* Two matrices of the shape of x, two Gram matrices. */
size_t muon_scratch(size_t rows, size_t cols) {
    const size_t side = shorter(rows, cols);
    return 2 * rows * cols + 2 * side * side;
}

double muon_flops(size_t rows, size_t cols) {
    const double side = (double)shorter(rows, cols), area = (double)rows * (double)cols;
    return NS_STEPS * 2 * side * (2 * area + side * side);
}

/* --- the Newton-Schulz steps --- */

/* x (rows,cols) with its singular values between 0 and 1, a second matrix y, and two of the shorter
 * side. */
typedef struct {
    size_t rows, cols, side;
    real *x, *y, *gram, *poly;
} Newton;

static void gram_of(const Newton *n) {
    const bool tall = n->rows > n->cols;
    gemm(&(Gemm){.ta = tall,
                 .tb = !tall,
                 .M = n->side,
                 .N = n->side,
                 .K = tall ? n->rows : n->cols,
                 .A = n->x,
                 .lda = n->cols,
                 .B = n->x,
                 .ldb = n->cols,
                 .alpha = 1,
                 .C = n->gram,
                 .ldc = n->side},
         NULL, NULL);
}

/* poly = a I + b gram + c gram gram. */
static void polynomial_of(const Newton *n) {
    const size_t side = n->side;
    copy(n->poly, n->gram, side * side);
    scale(n->poly, (real)NS_B, side * side);
    for (size_t i = 0; i < side; i++) n->poly[i * side + i] += (real)NS_A;
    gemm(&(Gemm){.M = side,
                 .N = side,
                 .K = side,
                 .A = n->gram,
                 .lda = side,
                 .B = n->gram,
                 .ldb = side,
                 .alpha = (real)NS_C,
                 .beta = 1,
                 .C = n->poly,
                 .ldc = side},
         NULL, NULL);
}

/* y = poly x, or x poly if x is tall. */
static void apply_polynomial(const Newton *n) {
    const bool tall = n->rows > n->cols;
    gemm(&(Gemm){.M = n->rows,
                 .N = n->cols,
                 .K = n->side,
                 .A = tall ? n->x : n->poly,
                 .lda = n->side,
                 .B = tall ? n->poly : n->x,
                 .ldb = n->cols,
                 .alpha = 1,
                 .C = n->y,
                 .ldc = n->cols},
         NULL, NULL);
}

/* Returns the matrix that has the result: x or y. */
static real *orthogonalize(Newton n) {
    const Precision before = ops_precision();
    if (before != PRECISION_FLOAT32) ops_set_precision(PRECISION_FLOAT32);
    const double norm = sqrt(sum_of_squares(n.x, n.rows * n.cols));
    scale(n.x, (real)(1 / (norm + NORM_EPS)), n.rows * n.cols);
    for (int step = 0; step < NS_STEPS; step++) {
        gram_of(&n);
        polynomial_of(&n);
        apply_polynomial(&n);
        real *old = n.x;
        n.x = n.y;
        n.y = old;
    }
    if (before != PRECISION_FLOAT32) ops_set_precision(before);
    return n.x;
}

/* --- the update --- */

static void nesterov(real *u, real *m, const real *g, const Muon *muon, size_t n) {
    const real mu = (real)muon->momentum, rest = (real)(1 - muon->momentum),
               grad_scale = (real)muon->grad_scale;
#pragma omp parallel for simd schedule(static) if (n > PARALLEL_MIN)
    for (size_t i = 0; i < n; i++) {
        const real part = rest * (grad_scale * g[i]);
        m[i] = fused(mu, m[i], part);
        u[i] = fused(mu, m[i], part);
    }
}

/* `update` becomes the change of p as it was rounded. */
static void apply(real *p, real *update, const Muon *muon, size_t n) {
    const real step = (real)muon->step, decay = (real)muon->decay;
#pragma omp parallel for simd schedule(static) if (n > PARALLEL_MIN)
    for (size_t i = 0; i < n; i++) {
        const real old = p[i];
        p[i] = old - fused(decay, old, step * update[i]);
        update[i] = p[i] - old;
    }
}

double muon_update(real *p, real *m, const real *g, real *scratch, const Muon *muon, size_t rows,
                   size_t cols) {
    PHASE(PHASE_OPTIMIZER);
    const size_t n = rows * cols, side = shorter(rows, cols);
    const Newton newton = {.rows = rows,
                           .cols = cols,
                           .side = side,
                           .x = scratch,
                           .y = scratch + n,
                           .gram = scratch + 2 * n,
                           .poly = scratch + 2 * n + side * side};
    nesterov(newton.x, m, g, muon, n);
    real *update = orthogonalize(newton);
    apply(p, update, muon, n);
    return sum_of_squares(update, n);
}

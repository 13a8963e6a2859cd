/* dyt.c - DyT, dynamic tanh (Zhu et al. 2025, arXiv 2503.10622): bounds features one by one.
 *
 *   t = tanh(alpha x)   y = w gamma t + beta, one scalar alpha for all features
 * Backward, with u = w gamma dy and dt/dz = 1 - t^2 for z = alpha x:
 *   dx = u alpha (1 - t^2)   dalpha = sum over rows and features of u x (1 - t^2)
 *   dgamma = w sum(dy t)     dbeta = sum(dy)
 * No statistics: rows do not look at themselves. eps is not used. */
#include "norm/norm.h"
#include "ops/cpu/vmath.h"

static void dyt_forward(const Norm *norm, real *y, const real *x, real w, size_t first,
                        size_t end) {
    const size_t C = norm->C;
    const real *gamma = norm->gamma, *beta = norm->beta, alpha = *norm->alpha;
    for (size_t row = first; row < end; row++) {
        const real *in = x + row * C;
        real *out = y + row * C;
        for (size_t c = 0; c < C; c++) out[c] = w * gamma[c] * real_tanh(alpha * in[c]);
        if (!beta) continue;
        for (size_t c = 0; c < C; c++) out[c] += beta[c];
    }
}

static void dyt_backward(const Norm *norm, NormSums sums, real *dx, const real *dy, const real *x,
                         real w, size_t first, size_t end, GradWrite write) {
    const size_t C = norm->C;
    const real *gamma = norm->gamma, alpha = *norm->alpha;
    for (size_t row = first; row < end; row++) {
        const real *in = x + row * C, *up = dy + row * C;
        real *out = dx + row * C, dalpha = 0;
        norm_row_start(out, C, write);
#pragma omp simd reduction(+ : dalpha)
        for (size_t c = 0; c < C; c++) {
            real t = real_tanh(alpha * in[c]), slope = w * gamma[c] * up[c] * (1 - t * t);
            out[c] += alpha * slope;
            dalpha += in[c] * slope;
            sums.dgamma[c] += up[c] * t;
            sums.dbeta[c] += up[c];
        }
        *sums.dalpha += dalpha;
    }
}

const NormKind norm_dyt = {
    .name = "dyt",
    .equation = "tanh(alpha x) * gamma + beta",
    .gamma = true,
    .beta = true,
    .alpha = true,
    .gamma_start = 1,
    .alpha_start = 0.5,
    .forward = dyt_forward,
    .backward = dyt_backward,
};

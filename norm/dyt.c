/* dyt.c - DyT, dynamic tanh (Zhu et al. 2025, arXiv 2503.10622): bounds each feature by itself.
 *
 *   t = tanh(alpha x)   y = w gamma t + beta, one scalar alpha for all features
 * Backward, with u = w gamma dy and dt/dz = 1 - t^2 for z = alpha x:
 *   dx = u alpha (1 - t^2)   dalpha = sum over rows and features of u x (1 - t^2)
 *   dgamma = w sum(dy t)     dbeta = sum(dy)
 * No statistics, and no eps. */
#include "norm/norm.h"
#include "ops/cpu/vmath.h"

enum { GAMMA, BETA, ALPHA };

static void dyt_forward(const Norm *norm, real *y, const real *x, NormSpan span) {
    const size_t C = norm->C;
    const real *gamma = norm->param[GAMMA], *beta = norm->param[BETA];
    const real alpha = *norm->param[ALPHA], w = span.w;
    for (size_t row = span.first; row < span.end; row++) {
        const real *x_row = x + row * C;
        real *y_row = y + row * C;
        for (size_t c = 0; c < C; c++) y_row[c] = w * gamma[c] * real_tanh(alpha * x_row[c]);
        if (!beta) continue;
        for (size_t c = 0; c < C; c++) y_row[c] += beta[c];
    }
}

static void dyt_backward(const Norm *norm, NormSums sums, real *dx, const real *dy, const real *x,
                         NormSpan span) {
    const size_t C = norm->C;
    const real *gamma = norm->param[GAMMA], alpha = *norm->param[ALPHA], w = span.w;
    real *dgamma = sums.sum[GAMMA], *dbeta = sums.sum[BETA];
    for (size_t row = span.first; row < span.end; row++) {
        const real *x_row = x + row * C, *dy_row = dy + row * C;
        real *dx_row = dx + row * C, dalpha = 0;
        norm_row_start(dx_row, C, span.write);
#pragma omp simd reduction(+ : dalpha)
        for (size_t c = 0; c < C; c++) {
            real t = real_tanh(alpha * x_row[c]), dz = w * gamma[c] * dy_row[c] * fused(-t, t, 1);
            dx_row[c] = fused(alpha, dz, dx_row[c]);
            dalpha += x_row[c] * dz;
            dgamma[c] = fused(dy_row[c], t, dgamma[c]);
            dbeta[c] += dy_row[c];
        }
        *sums.sum[ALPHA] += dalpha;
    }
}

const NormKind norm_dyt = {
    .name = "dyt",
    .equation = "tanh(alpha x) * gamma + beta",
    .param = {[GAMMA] = {"gamma", NORM_GAIN, NORM_VECTOR, .start = 1},
              [BETA] = {"beta", NORM_SHIFT, NORM_VECTOR},
              [ALPHA] = {"alpha", NORM_OTHER, NORM_SCALAR, .start = 0.5}},
    .forward = dyt_forward,
    .backward = dyt_backward,
};

/* derf.c - Derf, dynamic erf (Chen et al. 2025, arXiv 2512.10938): DyT with another bounded function.
 *
 *   t = erf(alpha x + shift)   y = w gamma t + beta, scalars alpha and shift for all features
 * Backward, with u = w gamma dy and dt/dz = 2/sqrt(pi) exp(-z^2) for z = alpha x + shift:
 *   dx = u alpha dt/dz   dalpha = sum over rows and features of u x dt/dz   dshift = sum of u dt/dz
 *   dgamma = w sum(dy t)   dbeta = sum(dy)
 * No statistics, and no eps. As in the paper, shift is inside erf, so it exists without model.bias,
 * too; beta does not. */
#include "norm/norm.h"
#include "ops/cpu/vmath.h"

enum { GAMMA, BETA, ALPHA, SHIFT };

static const real TWO_OVER_ROOT_PI = (real)1.1283791670955126;

static void derf_forward(const Norm *norm, real *y, const real *x, NormSpan span) {
    const size_t C = norm->C;
    const real *gamma = norm->param[GAMMA], *beta = norm->param[BETA];
    const real alpha = *norm->param[ALPHA], shift = *norm->param[SHIFT], w = span.w;
    for (size_t row = span.first; row < span.end; row++) {
        const real *x_row = x + row * C;
        real *y_row = y + row * C;
        for (size_t c = 0; c < C; c++)
            y_row[c] = w * gamma[c] * real_erf(fused(alpha, x_row[c], shift));
        if (!beta) continue;
        for (size_t c = 0; c < C; c++) y_row[c] += beta[c];
    }
}

static void derf_backward(const Norm *norm, NormSums sums, real *dx, const real *dy, const real *x,
                          NormSpan span) {
    const size_t C = norm->C;
    const real *gamma = norm->param[GAMMA], w = span.w;
    const real alpha = *norm->param[ALPHA], shift = *norm->param[SHIFT];
    real *dgamma = sums.sum[GAMMA], *dbeta = sums.sum[BETA];
    for (size_t row = span.first; row < span.end; row++) {
        const real *x_row = x + row * C, *dy_row = dy + row * C;
        real *dx_row = dx + row * C, dalpha = 0, dshift = 0;
        norm_row_start(dx_row, C, span.write);
#pragma omp simd reduction(+ : dalpha, dshift)
        for (size_t c = 0; c < C; c++) {
            real z = fused(alpha, x_row[c], shift), slope = TWO_OVER_ROOT_PI * real_exp(-z * z);
            real dz = w * gamma[c] * dy_row[c] * slope;
            dx_row[c] = fused(alpha, dz, dx_row[c]);
            dalpha += x_row[c] * dz;
            dshift += dz;
            dgamma[c] = fused(dy_row[c], real_erf(z), dgamma[c]);
            dbeta[c] += dy_row[c];
        }
        *sums.sum[ALPHA] += dalpha;
        *sums.sum[SHIFT] += dshift;
    }
}

const NormKind norm_derf = {
    .name = "derf",
    .equation = "erf(alpha x + shift) * gamma + beta",
    .param = {[GAMMA] = {"gamma", NORM_GAIN, NORM_VECTOR, .start = 1},
              [BETA] = {"beta", NORM_SHIFT, NORM_VECTOR},
              [ALPHA] = {"alpha", NORM_OTHER, NORM_SCALAR, .start = 0.5},
              [SHIFT] = {"shift", NORM_OTHER, NORM_SCALAR}},
    .forward = derf_forward,
    .backward = derf_backward,
};

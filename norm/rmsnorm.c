/* rmsnorm.c - RMSNorm (Zhang & Sennrich 2019, arXiv 1910.07467), eps inside the root.
 *
 *   r = 1/sqrt(mean(x^2) + eps)   xhat = x r   y = w gamma xhat
 * Backward, with u = w gamma dy. xhat depends on x directly and through r:
 *   dr/dx_i = -r^2 xhat_i / C, so
 *   dx_i = r u_i + sum_j u_j x_j dr/dx_i = r (u_i - xhat_i mean(u xhat))
 * If r is frozen, dx_i = r u_i.
 * Statistics per row: r. */
#include "norm/rmsnorm.h"
#include "ops/cpu/vmath.h"

enum { GAMMA };

void rms_forward(const Norm *norm, real *y, const real *x, real offset, NormSpan span) {
    const size_t C = norm->C;
    const real *gamma = norm->param[GAMMA], w = span.w;
    for (size_t row = span.first; row < span.end; row++) {
        const real *x_row = x + row * C;
        real *y_row = y + row * C, r = rms_row(norm, x_row, row);
        norm->stats[row] = r;
        for (size_t c = 0; c < C; c++) y_row[c] = w * (offset + gamma[c]) * (x_row[c] * r);
    }
}

void rms_backward(const Norm *norm, NormSums sums, real *dx, const real *dy, const real *x,
                  real offset, NormSpan span) {
    const size_t C = norm->C;
    const real *gamma = norm->param[GAMMA], w = span.w;
    real *dgamma = sums.sum[GAMMA];
    for (size_t row = span.first; row < span.end; row++) {
        const real *x_row = x + row * C, *dy_row = dy + row * C;
        real *dx_row = dx + row * C, r = norm->stats[row], u_xhat = 0;
        norm_row_start(dx_row, C, span.write);
#pragma omp simd reduction(+ : u_xhat)
        for (size_t c = 0; c < C; c++) {
            real xhat = x_row[c] * r;
            u_xhat += w * (offset + gamma[c]) * dy_row[c] * xhat;
            dgamma[c] = fused(dy_row[c], xhat, dgamma[c]);
        }
        real u_xhat_mean = norm_is_frozen(norm) ? 0 : u_xhat / (real)C;
        for (size_t c = 0; c < C; c++) {
            real du = fused(w * (offset + gamma[c]), dy_row[c], -(x_row[c] * r * u_xhat_mean));
            dx_row[c] = fused(r, du, dx_row[c]);
        }
    }
}

static void rmsnorm_forward(const Norm *norm, real *y, const real *x, NormSpan span) {
    rms_forward(norm, y, x, 0, span);
}

static void rmsnorm_backward(const Norm *norm, NormSums sums, real *dx, const real *dy,
                             const real *x, NormSpan span) {
    rms_backward(norm, sums, dx, dy, x, 0, span);
}

const NormKind norm_rmsnorm = {
    .name = "rmsnorm",
    .equation = "x / sqrt(mean(x^2) + eps) * gamma",
    .param = {[GAMMA] = {"gamma", NORM_GAIN, NORM_VECTOR, .start = 1}},
    .eps = 1e-6,
    .eps_out = 1e-6,
    .n_stats = 1,
    .forward = rmsnorm_forward,
    .backward = rmsnorm_backward,
};

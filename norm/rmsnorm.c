/* rmsnorm.c - RMSNorm (Zhang & Sennrich 2019, arXiv 1910.07467), eps inside the root.
 *
 *   r = 1/sqrt(mean(x^2) + eps)   xhat = x r   y = w gamma xhat
 * Backward, with u = w gamma dy. xhat depends on x directly and through r:
 *   dr/dx_i = -r^2 xhat_i / C, so
 *   dx_i = r u_i + sum_j u_j x_j dr/dx_i = r (u_i - xhat_i mean(u xhat))
 * and r u_i where r is frozen.
 * Statistics per row: r. */
#include "norm/rmsnorm.h"

#include <math.h>

void rms_forward(const Norm *norm, real *y, const real *x, real w, real offset, size_t first,
                 size_t end) {
    const size_t C = norm->C;
    const real *gamma = norm->gamma;
    for (size_t row = first; row < end; row++) {
        const real *in = x + row * C;
        real *out = y + row * C, squares = 0;
#pragma omp simd reduction(+ : squares)
        for (size_t c = 0; c < C; c++) squares += in[c] * in[c];
        real r = norm_is_frozen(norm) ? norm_frozen_r(norm, row)
                                      : 1 / (real)sqrt(squares / (real)C + norm->eps);
        norm->stats[row] = r;
        for (size_t c = 0; c < C; c++) out[c] = w * (offset + gamma[c]) * (in[c] * r);
    }
}

void rms_backward(const Norm *norm, NormSums sums, real *dx, const real *dy, const real *x, real w,
                  real offset, size_t first, size_t end, GradWrite write) {
    const size_t C = norm->C;
    const real *gamma = norm->gamma;
    for (size_t row = first; row < end; row++) {
        const real *in = x + row * C, *up = dy + row * C;
        real *out = dx + row * C, r = norm->stats[row], u_xhat = 0;
        norm_row_start(out, C, write);
#pragma omp simd reduction(+ : u_xhat)
        for (size_t c = 0; c < C; c++) {
            real xhat = in[c] * r;
            u_xhat += w * (offset + gamma[c]) * up[c] * xhat;
            sums.dgamma[c] += up[c] * xhat;
        }
        real slope = norm_is_frozen(norm) ? 0 : u_xhat / (real)C;
        for (size_t c = 0; c < C; c++)
            out[c] += r * (w * (offset + gamma[c]) * up[c] - in[c] * r * slope);
    }
}

static void rmsnorm_forward(const Norm *norm, real *y, const real *x, real w, size_t first,
                            size_t end) {
    rms_forward(norm, y, x, w, 0, first, end);
}

static void rmsnorm_backward(const Norm *norm, NormSums sums, real *dx, const real *dy,
                             const real *x, real w, size_t first, size_t end, GradWrite write) {
    rms_backward(norm, sums, dx, dy, x, w, 0, first, end, write);
}

const NormKind norm_rmsnorm = {
    .name = "rmsnorm",
    .equation = "x / sqrt(mean(x^2) + eps) * gamma",
    .gamma = true,
    .gamma_start = 1,
    .eps = 1e-6,
    .eps_out = 1e-6,
    .n_stats = 1,
    .forward = rmsnorm_forward,
    .backward = rmsnorm_backward,
};

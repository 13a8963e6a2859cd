/* rmsnorm_plain.c - RMSNorm without a gain, as in nanochat and modded-nanogpt.
 *
 *   r = 1/sqrt(mean(x^2) + eps)   xhat = x r   y = w gain xhat, where gain = 1
 * Backward, with u = w gain dy; the derivation is that of rmsnorm.c:
 *   dx_i = r (u_i - xhat_i mean(u xhat)), and dx_i = r u_i if r is frozen.
 * scalenorm has the same loops with a learned gain. Statistics per row: r. */
#include "norm/rmsnorm.h"
#include "ops/cpu/vmath.h"

void rms_scalar_forward(const Norm *norm, real *y, const real *x, real gain, NormSpan span) {
    const size_t C = norm->C;
    const real factor = span.w * gain;
    for (size_t row = span.first; row < span.end; row++) {
        const real *x_row = x + row * C;
        real *y_row = y + row * C, r = rms_row(norm, x_row, row);
        norm->stats[row] = r;
        for (size_t c = 0; c < C; c++) y_row[c] = factor * (x_row[c] * r);
    }
}

real rms_scalar_backward(const Norm *norm, real *dx, const real *dy, const real *x, real gain,
                         NormSpan span) {
    const size_t C = norm->C;
    const real factor = span.w * gain;
    real total = 0;
    for (size_t row = span.first; row < span.end; row++) {
        const real *x_row = x + row * C, *dy_row = dy + row * C;
        real *dx_row = dx + row * C, r = norm->stats[row], dy_xhat = 0;
        norm_row_start(dx_row, C, span.write);
#pragma omp simd reduction(+ : dy_xhat)
        for (size_t c = 0; c < C; c++) dy_xhat += dy_row[c] * (x_row[c] * r);
        real mean = norm_is_frozen(norm) ? 0 : dy_xhat / (real)C;
        total += dy_xhat;
        for (size_t c = 0; c < C; c++) {
            real du = factor * fused(-(x_row[c] * r), mean, dy_row[c]);
            dx_row[c] = fused(r, du, dx_row[c]);
        }
    }
    return total;
}

static void plain_forward(const Norm *norm, real *y, const real *x, NormSpan span) {
    rms_scalar_forward(norm, y, x, 1, span);
}

static void plain_backward(const Norm *norm, NormSums sums, real *dx, const real *dy, const real *x,
                           NormSpan span) {
    (void)sums;
    rms_scalar_backward(norm, dx, dy, x, 1, span);
}

const NormKind norm_rmsnorm_plain = {
    .name = "rmsnorm_plain",
    .equation = "x / sqrt(mean(x^2) + eps)",
    .eps = 1e-6,
    .eps_out = 1e-6,
    .n_stats = 1,
    .forward = plain_forward,
    .backward = plain_backward,
};

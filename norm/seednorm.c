/* seednorm.c - SeeDNorm (Cai et al. 2025, arXiv 2510.22777): RMSNorm whose gain depends on the row.
 *
 *   r = 1/sqrt(mean(x^2) + eps)   xhat = x r   t = tanh(x.b)   y = w (gamma + t a) xhat
 * a, b and gamma are vectors (C). b starts at 0, so the norm starts as rmsnorm, to the bit.
 * Backward, with u = w (gamma + t a) dy and the gradient of x.b, q = (1 - t^2) sum(w a dy xhat):
 *   dx_i = r (u_i - xhat_i mean(u xhat)) + q b_i   the first term as in rmsnorm.c
 *   dgamma = w sum(dy xhat)   da = w sum(t dy xhat)   db = sum(q x)
 * If r is frozen, the term with the mean is absent; t still depends on the row.
 * Statistics per row: t, r. The paper's form with several heads is left out. */
#include "norm/rmsnorm.h"
#include "ops/cpu/vmath.h"

enum { GAMMA, A, B };

static void seed_forward(const Norm *norm, real *y, const real *x, NormSpan span) {
    const size_t C = norm->C;
    const real *gamma = norm->param[GAMMA], *a = norm->param[A], *b = norm->param[B], w = span.w;
    for (size_t row = span.first; row < span.end; row++) {
        const real *x_row = x + row * C;
        real *y_row = y + row * C, r = rms_row(norm, x_row, row), x_b = 0;
#pragma omp simd reduction(+ : x_b)
        for (size_t c = 0; c < C; c++) x_b += x_row[c] * b[c];
        real t = real_tanh(x_b);
        norm->stats[2 * row] = t;
        norm->stats[2 * row + 1] = r;
        for (size_t c = 0; c < C; c++) y_row[c] = w * fused(t, a[c], gamma[c]) * (x_row[c] * r);
    }
}

static void seed_backward(const Norm *norm, NormSums sums, real *dx, const real *dy, const real *x,
                          NormSpan span) {
    const size_t C = norm->C;
    const real *gamma = norm->param[GAMMA], *a = norm->param[A], *b = norm->param[B], w = span.w;
    real *dgamma = sums.sum[GAMMA], *da = sums.sum[A], *db = sums.sum[B];
    for (size_t row = span.first; row < span.end; row++) {
        const real *x_row = x + row * C, *dy_row = dy + row * C;
        real *dx_row = dx + row * C, t = norm->stats[2 * row], r = norm->stats[2 * row + 1];
        real u_xhat = 0, dt = 0;
        norm_row_start(dx_row, C, span.write);
#pragma omp simd reduction(+ : u_xhat, dt)
        for (size_t c = 0; c < C; c++) {
            real xhat = x_row[c] * r;
            u_xhat += w * fused(t, a[c], gamma[c]) * dy_row[c] * xhat;
            dt += w * a[c] * dy_row[c] * xhat;
            dgamma[c] = fused(dy_row[c], xhat, dgamma[c]);
            da[c] = fused(w * t * dy_row[c], xhat, da[c]);
        }
        real u_xhat_mean = norm_is_frozen(norm) ? 0 : u_xhat / (real)C, q = fused(-t, t, 1) * dt;
        for (size_t c = 0; c < C; c++) {
            real gain = w * fused(t, a[c], gamma[c]);
            real du = fused(gain, dy_row[c], -(x_row[c] * r * u_xhat_mean));
            dx_row[c] = fused(q, b[c], fused(r, du, dx_row[c]));
            db[c] = fused(q, x_row[c], db[c]);
        }
    }
}

const NormKind norm_seednorm = {
    .name = "seednorm",
    .equation = "x / sqrt(mean(x^2) + eps) * (gamma + tanh(x.b) a)",
    .param = {[GAMMA] = {"gamma", NORM_GAIN, NORM_VECTOR, .start = 1},
              [A] = {"a", NORM_OTHER, NORM_VECTOR, .start = 1},
              [B] = {"b", NORM_OTHER, NORM_VECTOR}},
    .eps = 1e-6,
    .eps_out = 1e-6,
    .n_stats = 2,
    .forward = seed_forward,
    .backward = seed_backward,
};

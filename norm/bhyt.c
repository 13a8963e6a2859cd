/* bhyt.c - BHyT, bounded hyperbolic tangent (Byun et al. 2026, arXiv 2601.09719), its exact form.
 *
 *   r = 1/sqrt(mean(x^2) + eps)   xhat = x r   t = tanh(k xhat), k = lambda/10   y = w gamma t
 * gamma (C) and the scalar lambda are learned; kappa is 10. So it is in the authors' code
 * (github.com/MLAI-Yonsei/BHyT, class BHyT_Star of modeling_llama.py with learnable_lam and
 * bhyt_kappa 10), which starts lambda between 1 and 3, by slot; here it starts at 1 everywhere. Their
 * approximation of the second variance of a block is left out.
 * Backward, with dz = w gamma dy (1 - t^2), the gradient of k xhat; the rest is that of rmsnorm.c:
 *   dx_i = r k (dz_i - xhat_i mean(dz xhat))   dlambda = sum(dz xhat)/10   dgamma = w sum(dy t)
 * If r is frozen, dx_i = r k dz_i. Statistics per row: r. */
#include "norm/rmsnorm.h"
#include "ops/cpu/vmath.h"

enum { GAMMA, LAMBDA };

static const real KAPPA = 10;

static void bhyt_forward(const Norm *norm, real *y, const real *x, NormSpan span) {
    const size_t C = norm->C;
    const real *gamma = norm->param[GAMMA], k = *norm->param[LAMBDA] / KAPPA, w = span.w;
    for (size_t row = span.first; row < span.end; row++) {
        const real *x_row = x + row * C;
        real *y_row = y + row * C, r = rms_row(norm, x_row, row);
        norm->stats[row] = r;
        for (size_t c = 0; c < C; c++) y_row[c] = w * gamma[c] * real_tanh(k * (x_row[c] * r));
    }
}

static void bhyt_backward(const Norm *norm, NormSums sums, real *dx, const real *dy, const real *x,
                          NormSpan span) {
    const size_t C = norm->C;
    const real *gamma = norm->param[GAMMA], k = *norm->param[LAMBDA] / KAPPA, w = span.w;
    real *dgamma = sums.sum[GAMMA];
    for (size_t row = span.first; row < span.end; row++) {
        const real *x_row = x + row * C, *dy_row = dy + row * C;
        real *dx_row = dx + row * C, r = norm->stats[row], dz_xhat = 0;
        norm_row_start(dx_row, C, span.write);
#pragma omp simd reduction(+ : dz_xhat)
        for (size_t c = 0; c < C; c++) {
            real xhat = x_row[c] * r, t = real_tanh(k * xhat);
            dz_xhat += w * gamma[c] * dy_row[c] * fused(-t, t, 1) * xhat;
            dgamma[c] = fused(dy_row[c], t, dgamma[c]);
        }
        real mean = norm_is_frozen(norm) ? 0 : dz_xhat / (real)C;
        *sums.sum[LAMBDA] += dz_xhat / KAPPA;
        for (size_t c = 0; c < C; c++) {
            real xhat = x_row[c] * r, t = real_tanh(k * xhat);
            real dz = w * gamma[c] * dy_row[c] * fused(-t, t, 1);
            dx_row[c] = fused(r * k, fused(-xhat, mean, dz), dx_row[c]);
        }
    }
}

const NormKind norm_bhyt = {
    .name = "bhyt",
    .equation = "tanh(lambda/10 x / sqrt(mean(x^2) + eps)) * gamma",
    .param = {[GAMMA] = {"gamma", NORM_GAIN, NORM_VECTOR, .start = 1},
              [LAMBDA] = {"lambda", NORM_OTHER, NORM_SCALAR, .start = 1}},
    .eps = 1e-6,
    .eps_out = 1e-6,
    .n_stats = 1,
    .forward = bhyt_forward,
    .backward = bhyt_backward,
};

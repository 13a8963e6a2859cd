/* rmsnorm_plus1.c - RMSNorm with the gain stored as its difference from 1, as in Gemma.
 *
 *   r = 1/sqrt(mean(x^2) + eps)   xhat = x r   y = w (1 + gamma) xhat
 * Backward, with u = w (1 + gamma) dy; the derivation is that of rmsnorm.c:
 *   dx_i = r (u_i - xhat_i mean(u xhat)),  dgamma = w sum(dy xhat), without the 1.
 * Only weight decay acts differently: it pulls the gain to 1, not to 0. Statistics per row: r. */
#include "norm/rmsnorm.h"

static void plus1_forward(const Norm *norm, real *y, const real *x, NormSpan span) {
    rms_forward(norm, y, x, 1, span);
}

static void plus1_backward(const Norm *norm, NormSums sums, real *dx, const real *dy, const real *x,
                           NormSpan span) {
    rms_backward(norm, sums, dx, dy, x, 1, span);
}

const NormKind norm_rmsnorm_plus1 = {
    .name = "rmsnorm_plus1",
    .equation = "x / sqrt(mean(x^2) + eps) * (1 + gamma)",
    .param = {{"gamma", NORM_GAIN, NORM_VECTOR, .start = 0, .zero = -1}},
    .eps = 1e-6,
    .eps_out = 1e-6,
    .n_stats = 1,
    .forward = plus1_forward,
    .backward = plus1_backward,
};

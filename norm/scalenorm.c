/* scalenorm.c - ScaleNorm (Nguyen & Salazar 2019, arXiv 1910.05895): rows of length g, one scalar.
 *
 *   |x| = sqrt(C) sqrt(mean(x^2) + eps)   y = w g x / |x| = w g/sqrt(C) xhat, with xhat of rmsnorm.c
 * eps is added to the mean square, as in all norms here; the paper has the larger of |x| and eps. g
 * starts at sqrt(C), so the norm starts as rmsnorm_plain, whose loops it has.
 *   dg = w sum(dy xhat)/sqrt(C)
 * Statistics per row: r = 1/RMS. */
#include "norm/rmsnorm.h"

enum { G };

static real gain_of(const Norm *norm) {
    return *norm->param[G] / (real)sqrt((real)norm->C);
}

static void scalenorm_forward(const Norm *norm, real *y, const real *x, NormSpan span) {
    rms_scalar_forward(norm, y, x, gain_of(norm), span);
}

static void scalenorm_backward(const Norm *norm, NormSums sums, real *dx, const real *dy,
                               const real *x, NormSpan span) {
    const real dy_xhat = rms_scalar_backward(norm, dx, dy, x, gain_of(norm), span);
    *sums.sum[G] += dy_xhat / (real)sqrt((real)norm->C);
}

const NormKind norm_scalenorm = {
    .name = "scalenorm",
    .equation = "x / sqrt(sum(x^2) + C eps) * g",
    .param = {[G] = {"g", NORM_GAIN, NORM_SCALAR, .start = 1, .by_width = true}},
    .eps = 1e-6,
    .eps_out = 1e-6,
    .n_stats = 1,
    .forward = scalenorm_forward,
    .backward = scalenorm_backward,
};

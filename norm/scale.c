/* scale.c - a gain alone, for the S slots of LayerScale (Touvron et al. 2021, arXiv 2103.17239).
 *
 *   y = w gamma x
 *   dx = w gamma dy   dgamma = w sum(dy x)
 * No statistics. */
#include "norm/norm.h"
#include "ops/cpu/vmath.h"

enum { GAMMA };

static void scale_forward(const Norm *norm, real *y, const real *x, NormSpan span) {
    const size_t C = norm->C;
    const real *gamma = norm->param[GAMMA];
    for (size_t row = span.first; row < span.end; row++) {
        for (size_t c = 0; c < C; c++) y[row * C + c] = span.w * gamma[c] * x[row * C + c];
    }
}

static void scale_backward(const Norm *norm, NormSums sums, real *dx, const real *dy, const real *x,
                           NormSpan span) {
    const size_t C = norm->C;
    const real *gamma = norm->param[GAMMA];
    real *dgamma = sums.sum[GAMMA];
    for (size_t row = span.first; row < span.end; row++) {
        const real *x_row = x + row * C, *dy_row = dy + row * C;
        real *dx_row = dx + row * C;
        norm_row_start(dx_row, C, span.write);
#pragma omp simd
        for (size_t c = 0; c < C; c++) {
            dx_row[c] = fused(span.w * gamma[c], dy_row[c], dx_row[c]);
            dgamma[c] = fused(dy_row[c], x_row[c], dgamma[c]);
        }
    }
}

const NormKind norm_scale = {
    .name = "scale",
    .equation = "x * gamma",
    .param = {[GAMMA] = {"gamma", NORM_GAIN, NORM_VECTOR, .start = 1}},
    .forward = scale_forward,
    .backward = scale_backward,
};

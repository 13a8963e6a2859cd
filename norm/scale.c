/* scale.c - a gain alone, the S slots of LayerScale (Touvron et al. 2021, arXiv 2103.17239).
 *
 *   y = w gamma x
 *   dx = w gamma dy   dgamma = w sum(dy x) */
#include "norm/norm.h"

static void scale_forward(const Norm *norm, real *y, const real *x, real w, size_t first,
                          size_t end) {
    const size_t C = norm->C;
    for (size_t row = first; row < end; row++) {
        for (size_t c = 0; c < C; c++) y[row * C + c] = w * norm->gamma[c] * x[row * C + c];
    }
}

static void scale_backward(const Norm *norm, NormSums sums, real *dx, const real *dy, const real *x,
                           real w, size_t first, size_t end, GradWrite write) {
    const size_t C = norm->C;
    for (size_t row = first; row < end; row++) {
        const real *in = x + row * C, *up = dy + row * C;
        real *out = dx + row * C;
        norm_row_start(out, C, write);
#pragma omp simd
        for (size_t c = 0; c < C; c++) {
            out[c] += w * norm->gamma[c] * up[c];
            sums.dgamma[c] += up[c] * in[c];
        }
    }
}

const NormKind norm_scale = {
    .name = "scale",
    .equation = "x * gamma",
    .gamma = true,
    .gamma_start = 1,
    .forward = scale_forward,
    .backward = scale_backward,
};

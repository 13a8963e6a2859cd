/* scale.c - a gain alone, the S slots of LayerScale (Touvron et al. 2021, arXiv 2103.17239).
 *
 *   y = w gamma x
 *   dx = w gamma dy   dgamma = w sum(dy x) */
#include "norm/norm.h"
#include "norm/partials.h"

static void scale_forward(const Norm *norm, real *y, const real *x, real w, size_t rows) {
    const size_t C = norm->C;
#pragma omp parallel for schedule(static) if (rows * C > PARALLEL_MIN)
    for (size_t row = 0; row < rows; row++) {
        for (size_t c = 0; c < C; c++) y[row * C + c] = w * norm->gamma[c] * x[row * C + c];
    }
}

static void scale_backward(const Norm *norm, real *dx, const real *dy, const real *x, real w,
                           size_t rows) {
    const size_t C = norm->C;
#pragma omp parallel for schedule(static) if (rows * C > PARALLEL_MIN)
    for (size_t chunk = 0; chunk < ROW_CHUNKS; chunk++) {
        Partials sums = partials_begin(norm, chunk);
        for (size_t row = row_chunk_begin(chunk, rows); row < row_chunk_begin(chunk + 1, rows);
             row++) {
            const real *in = x + row * C, *up = dy + row * C;
            real *out = dx + row * C;
            for (size_t c = 0; c < C; c++) {
                out[c] += w * norm->gamma[c] * up[c];
                sums.dgamma[c] += up[c] * in[c];
            }
        }
    }
    partials_add(norm, w);
}

const NormKind norm_scale = {
    .name = "scale",
    .equation = "x * gamma",
    .gamma = true,
    .gamma_start = 1,
    .forward = scale_forward,
    .backward = scale_backward,
};

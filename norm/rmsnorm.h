/* rmsnorm.h - what the norms that divide by the RMS of a row share. Private to norm/.
 *
 * One idea: r = 1/sqrt(mean(x^2) + eps) is computed by one function, so norms that are equal by
 * their formulas, such as seednorm with its initial values and rmsnorm, are equal to the bit.
 * Read next: rmsnorm.c, rmsnorm_plain.c. */
#ifndef NORM_RMSNORM_H
#define NORM_RMSNORM_H

#include "norm/norm.h"

#include <math.h>

/* r of a row, or the constant that replaces it. */
static inline real rms_row(const Norm *norm, const real *x_row, size_t row) {
    const size_t C = norm->C;
    real squares = 0;
    if (norm_is_frozen(norm)) return norm_frozen_r(norm, row);
#pragma omp simd reduction(+ : squares)
    for (size_t c = 0; c < C; c++) squares += x_row[c] * x_row[c];
    return 1 / (real)sqrt(squares / (real)C + norm->eps);
}

/* A vector as gain: y = w (offset + gamma) x r. */
void rms_forward(const Norm *norm, real *y, const real *x, real offset, NormSpan span);
void rms_backward(const Norm *norm, NormSums sums, real *dx, const real *dy, const real *x,
                  real offset, NormSpan span);

/* A number as gain: y = w gain x r. The backward pass returns the sum of dy x r over the rows. */
void rms_scalar_forward(const Norm *norm, real *y, const real *x, real gain, NormSpan span);
real rms_scalar_backward(const Norm *norm, real *dx, const real *dy, const real *x, real gain,
                         NormSpan span);

#endif

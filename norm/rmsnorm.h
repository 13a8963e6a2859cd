/* rmsnorm.h - the kernels shared by rmsnorm and rmsnorm_plus1: gain = w (offset + gamma).
 * Private to norm/. */
#ifndef NORM_RMSNORM_H
#define NORM_RMSNORM_H

#include "norm/norm.h"

void rms_forward(const Norm *norm, real *y, const real *x, real offset, NormSpan span);
void rms_backward(const Norm *norm, NormSums sums, real *dx, const real *dy, const real *x,
                  real offset, NormSpan span);

#endif

/* rmsnorm.h - the kernels that rmsnorm and rmsnorm_plus1 share: gain = w (offset + gamma).
 * Private to norm/. */
#ifndef NORM_RMSNORM_H
#define NORM_RMSNORM_H

#include "norm/norm.h"

void rms_forward(const Norm *norm, real *y, const real *x, real w, real offset, size_t first,
                 size_t end);
void rms_backward(const Norm *norm, NormSums sums, real *dx, const real *dy, const real *x, real w,
                  real offset, size_t first, size_t end, GradWrite write);

#endif

/* none.c - no norm: y = x. An absent slot has y and x at one address, and then nothing happens.
 *
 *   y = x   dx = dy, and no parameters. */
#include "norm/norm.h"
#include "ops/ops.h"

static void none_forward(const Norm *norm, real *y, const real *x, real w, size_t first,
                         size_t end) {
    const size_t at = first * norm->C, n = (end - first) * norm->C;
    (void)w;
    if (y != x) scaled_piece(y + at, x + at, 1, n, GRAD_SET);
}

static void none_backward(const Norm *norm, NormSums sums, real *dx, const real *dy, const real *x,
                          real w, size_t first, size_t end, GradWrite write) {
    const size_t at = first * norm->C, n = (end - first) * norm->C;
    (void)sums, (void)x, (void)w;
    if (dx != dy) scaled_piece(dx + at, dy + at, 1, n, write);
}

const NormKind norm_none = {
    .name = "none",
    .equation = "x",
    .forward = none_forward,
    .backward = none_backward,
};

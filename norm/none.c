/* none.c - no norm: y = x, without parameters or statistics.
 *
 *   y = x   dx = dy
 * In an absent slot y and x are the same buffer, and nothing is computed. */
#include "norm/norm.h"
#include "ops/ops.h"

static void none_forward(const Norm *norm, real *y, const real *x, NormSpan span) {
    const size_t at = span.first * norm->C, n = (span.end - span.first) * norm->C;
    if (y != x) scaled_piece(y + at, x + at, 1, n, GRAD_SET);
}

static void none_backward(const Norm *norm, NormSums sums, real *dx, const real *dy, const real *x,
                          NormSpan span) {
    const size_t at = span.first * norm->C, n = (span.end - span.first) * norm->C;
    (void)sums, (void)x;
    if (dx != dy) scaled_piece(dx + at, dy + at, 1, n, span.write);
}

const NormKind norm_none = {
    .name = "none",
    .equation = "x",
    .forward = none_forward,
    .backward = none_backward,
};

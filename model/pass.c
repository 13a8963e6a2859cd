/* pass.c - see pass.h. */
#include "model/pass.h"

#include "model/options.h"

#include <math.h>

double branch_factor(const BranchRamp *ramp, size_t block) {
    double k = ramp->order == BRANCH_EQUAL ? 1 : (double)block + 1;
    if (!ramp->on || ramp->progress >= k) return 1;
    return ramp->from + (1 - ramp->from) * (ramp->progress / k);
}

real stream_scale(const Pass *pass) {
    int exponent;
    double part = frexp(1 / (double)pass->grad_scale, &exponent); /* 0.5 <= part < 1 */
    return (real)ldexp(1, part == 0.5 ? exponent - 1 : exponent);
}

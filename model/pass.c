/* pass.c - see pass.h. */
#include "model/pass.h"

#include "model/options.h"

double branch_factor(const BranchRamp *ramp, size_t block) {
    double k = ramp->order == BRANCH_EQUAL ? 1 : (double)block + 1;
    if (!ramp->on || ramp->progress >= k) return 1;
    return ramp->from + (1 - ramp->from) * (ramp->progress / k);
}

/* schedule.h - learning rate, gamma-warmup and branch-warmup as pure functions of the step.
 *
 * One idea: nothing here has state, so a resumed run, a skipped step and a plot all see the same
 * curve. Formulas: docs/schedules.md.
 * Read next: optimizer.h. */
#ifndef RUN_OPTIM_SCHEDULE_H
#define RUN_OPTIM_SCHEDULE_H

#include "model/options.h"
#include "model/pass.h"

typedef enum { SCHEDULE_COSINE, SCHEDULE_WSD, SCHEDULE_LINEAR, SCHEDULE_CONSTANT } Schedule;
const char *schedule_name(int i); /* cosine wsd linear constant; NULL past the end */

typedef struct {
    double lr, min_lr_ratio;
    int schedule; /* Schedule */
    size_t warmup_steps;
    double decay_fraction; /* wsd: the part of the run that decays */
    double rmsnorm_lr_scale;
    double beta1, beta2, eps, weight_decay;
    bool decay_gamma_in, decay_gamma_out;
    double clip; /* 0 = off */
} OptimOptions;

/* The learning rate of update `step` (1..steps), without rmsnorm_lr_scale. Exactly lr at the end of
 * the warm-up and, where the schedule decays, exactly lr * min_lr_ratio at the last step. */
double schedule_lr(const OptimOptions *options, size_t step, size_t steps);
/* w after `t` updates: from + (to-from)*min(1, t/steps), exactly `to` from t = steps on; 1 when
 * off. Update s runs with t = s - 1. */
double schedule_gamma(const GammaWarmup *warmup, size_t t);
/* Where branch-warmup stands after `t` updates; branch_factor has the factor of a block. */
BranchRamp schedule_branch(const BranchWarmup *warmup, size_t t);

#endif

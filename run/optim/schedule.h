/* schedule.h - learning rate, gamma-warmup and branch-warmup as pure functions of the step.
 *
 * One idea: nothing here has state, so resumed runs, skipped steps and plots all use the same
 * curve. Formulas: docs/schedules.md.
 * Read next: muon.h, then optimizer.h. */
#ifndef RUN_OPTIM_SCHEDULE_H
#define RUN_OPTIM_SCHEDULE_H

#include "model/options.h"
#include "model/pass.h"
#include "norm/norm.h"

typedef enum { OPTIMIZER_ADAMW, OPTIMIZER_MUON } OptimizerKind;
const char *optimizer_name(int i); /* adamw muon; NULL past the end */
typedef enum { MUON_JORDAN, MUON_MOONSHOT } MuonScale;
const char *muon_scale_name(int i); /* jordan moonshot; NULL past the end */
typedef enum { SCHEDULE_COSINE, SCHEDULE_WSD, SCHEDULE_LINEAR, SCHEDULE_CONSTANT } Schedule;
const char *schedule_name(int i); /* cosine wsd linear constant; NULL past the end */

typedef struct {
    int kind; /* OptimizerKind */
    double lr, min_lr_ratio;
    int schedule; /* Schedule */
    size_t warmup_steps;
    double decay_fraction; /* wsd: the fraction of the run over which the rate decays */
    double rmsnorm_lr_scale;
    double beta1, beta2, eps, weight_decay;
    bool decay_gamma_in, decay_gamma_out;
    double clip;    /* 0 = off */
    double muon_lr; /* 0 = by muon_scale */
    double muon_momentum, muon_decay;
    int muon_scale; /* MuonScale */
} OptimOptions;

/* The learning rate of step `step` (1..steps), without rmsnorm_lr_scale. Exactly lr at the end of
 * the warm-up and, if the schedule decays, exactly lr * min_lr_ratio at the last step. */
double schedule_lr(const OptimOptions *options, size_t step, size_t steps);
/* The factor on all learning rates: rmsnorm_lr_scale if it applies to model.norm, else 1. */
double schedule_lr_factor(const OptimOptions *options, int norm);
/* The same curve for the matrices that Muon updates, and its peak. */
double schedule_muon_lr(const OptimOptions *options, size_t step, size_t steps);
double schedule_muon_peak(const OptimOptions *options);
/* The factor w on gamma after `t` steps: from + (to - from) * min(1, t/steps), exactly `to` for
 * t >= steps; 1 when off. Step s uses t = s - 1. */
double schedule_gamma(const GammaWarmup *warmup, size_t t);
/* The state of branch-warmup after `t` steps; branch_factor gives the factor of a block. */
BranchRamp schedule_branch(const BranchWarmup *warmup, size_t t);

#endif

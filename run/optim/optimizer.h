/* optimizer.h - AdamW over the registry: which parameters decay, how large the gradient is.
 *
 * One idea: the registry says what kind a parameter is, a table here says whether the kind decays;
 * no tensor is known by name. An Optimizer owns its array of norms; the moments are the registry's.
 * Read next: schedule.h, spike.h. */
#ifndef RUN_OPTIM_OPTIMIZER_H
#define RUN_OPTIM_OPTIMIZER_H

#include "model/params.h"
#include "run/optim/schedule.h"

typedef struct {
    const OptimOptions *options;
    Params *params;
    size_t applied;       /* updates applied so far: the count of Adam's bias correction */
    double *tensor_norms; /* (params_count) of the last gradient */
} Optimizer;

Optimizer optimizer_create(const OptimOptions *options, Params *params);
void optimizer_free(Optimizer *optimizer);

/* Whether weight decay acts on parameters of that kind: matrices always, gammas of block slots by
 * their switches, everything else never. */
bool optimizer_decays(const OptimOptions *options, ParamKind kind);

/* The L2 norm over all gradients; also fills tensor_norms. Summed in double in registry order. */
double optimizer_grad_norm(Optimizer *optimizer);

/* min(1, clip/grad_norm) without any epsilon; 1 where clip is 0. */
double optimizer_clip_scale(const OptimOptions *options, double grad_norm);

/* Applies one update with the gradient times `grad_scale`. */
void optimizer_update(Optimizer *optimizer, double lr, double grad_scale);

#endif

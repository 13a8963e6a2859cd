/* optimizer.h - AdamW and Muon over all parameters: weight decay, global gradient norm, clipping.
 *
 * One idea: each parameter in the registry has a kind, and the kind decides about weight decay; no
 * tensor is treated by name. An Optimizer owns tensor_norms and scratch; the registry owns the
 * moments.
 * Read next: schedule.h, muon.h, spike.h. */
#ifndef RUN_OPTIM_OPTIMIZER_H
#define RUN_OPTIM_OPTIMIZER_H

#include "model/params.h"
#include "run/optim/muon.h"

typedef struct {
    const OptimOptions *options;
    Params *params;
    size_t applied;       /* updates applied so far: t in Adam's bias correction */
    double *tensor_norms; /* (params_count) L2 norms of the last gradient */
    real *scratch;        /* of Muon, for one matrix at a time; NULL without it */
} Optimizer;

/* The learning rates of an update: `muon` is that of the matrices that Muon updates. */
typedef struct {
    double adamw, muon;
} Rates;

/* Allocates the moments, too. */
Optimizer optimizer_create(const OptimOptions *options, Params *params);
void optimizer_free(Optimizer *optimizer);

/* Whether weight decay applies to a kind of parameter: always to matrices and embeddings, to the
 * gammas of the blocks by their switches, to nothing else. */
bool optimizer_decays(const OptimOptions *options, ParamKind kind);

/* The global L2 norm of the gradients, summed in double in registry order. Fills tensor_norms. */
double optimizer_grad_norm(Optimizer *optimizer);

/* min(1, clip / grad_norm), without an epsilon; 1 if clip is 0. */
double optimizer_clip_scale(const OptimOptions *options, double grad_norm);

/* The rates of step `step` (1..steps), times `scale`. */
Rates optimizer_rates(const OptimOptions *options, double scale, size_t step, size_t steps);
/* Applies one update with the gradient times `grad_scale`. If `changes` is not NULL, it gets the L2
 * norm of the change of every tensor (params_count), NAN if the tensor is not trained. */
void optimizer_update(Optimizer *optimizer, Rates rates, double grad_scale, double *changes);

#endif

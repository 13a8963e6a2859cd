/* muon.h - the part of an update that Muon computes: which tensors, how far, matrix by matrix.
 *
 * One idea: the registry knows the weights of the linear layers of the blocks and the matrices that
 * they consist of (Param.parts). These follow optim.muon_lr; embeddings, head, biases and norms follow
 * optim.lr by AdamW. Scratch belongs to the Optimizer, momentum to the registry (Params.m).
 * Equations and sources: docs/optimizers.md. Read next: optimizer.h. */
#ifndef RUN_OPTIM_MUON_H
#define RUN_OPTIM_MUON_H

#include "model/params.h"
#include "run/optim/schedule.h"

/* Whether Muon updates a parameter. */
bool muon_updates(const OptimOptions *options, const Param *param);

/* The factor of an update by the shape of its matrix (optim.muon_scale):
 *   jordan    sqrt(max(1, rows/cols))
 *   moonshot  0.2 sqrt(max(rows, cols)) (Liu et al. 2025, arXiv 2502.16982) */
double muon_factor(int scale, size_t rows, size_t cols);

/* Updates all matrices of a parameter at the rate `lr`, with the gradient times `grad_scale`. Returns
 * the sum of squares of the changes. */
double muon_apply(const OptimOptions *options, const Params *params, const Param *param,
                  real *scratch, double lr, double grad_scale);

#endif

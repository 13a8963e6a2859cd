/* pass.h - one pass over the model: its tokens, and everything that is the same for all layers.
 *
 * One idea: forward and backward take the model and a Pass and nothing else, so whatever changes
 * from one update to the next (warm-ups, counters of dropout, where to note what is seen) is here.
 * The Pass borrows all it points to. Read next: sublayer.h. */
#ifndef MODEL_PASS_H
#define MODEL_PASS_H

#include "model/probe.h"
#include "norm/frozen.h"
#include "ops/ops.h"

/* Where branch-warmup stands, the same for every block; all zero = off. */
typedef struct {
    bool on;
    double from;
    double progress; /* updates taken, as a multiple of branch_warmup.steps */
    int order;       /* BranchOrder */
} BranchRamp;

/* Where one pass over the model stands. */
typedef struct {
    const int *tokens, *targets; /* (B,T) */
    size_t B, T;                 /* at most those of the Shape */
    size_t past;                 /* tokens of the row that went before, see model_forward */
    real gamma;                  /* w of gamma-warmup, 1 without */
    BranchRamp branch;           /* a of branch-warmup, see branch_factor */
    real grad_scale;             /* of each token's loss in the gradient: 1/(B*T*accum) */
    bool training;               /* dropout acts, the head leaves gradients, and norms with running
                                    statistics use those of the pass and remember them */
    uint32_t seed, step, micro;  /* counters of dropout */
    Probe *probe;                /* where it notes what it sees, NULL = nowhere */
    ScaleSums *seen;             /* (n_sites) where it adds those of the norms, NULL = nowhere */
    GradWrite grads;             /* what products do with their gradients; set by the model */
} Pass;

/* a of the blocks' branches, `block` counts from 0: from + (1-from) * min(1, progress / k), where k
 * is block + 1 or, in equal order, 1. Exactly 1 from progress = k on, and when off. */
double branch_factor(const BranchRamp *ramp, size_t block);

#endif

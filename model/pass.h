/* pass.h - one pass over the model: its tokens, and everything that is the same for all layers.
 *
 * One idea: forward and backward take the model and a Pass and nothing else. Whatever changes from
 * one step to the next is here: warm-ups, dropout counters, where to record statistics.
 * A Pass borrows all that it points to. Read next: sublayer.h. */
#ifndef MODEL_PASS_H
#define MODEL_PASS_H

#include "model/probe.h"
#include "norm/frozen.h"
#include "ops/ops.h"

/* The progress of branch-warmup, the same for every block; all zero = off. */
typedef struct {
    bool on;
    double from;
    double progress; /* steps taken / branch_warmup.steps */
    int order;       /* BranchOrder */
} BranchRamp;

typedef struct {
    const int *tokens, *targets; /* (B,T) */
    size_t B, T;                 /* at most those of the Shape */
    size_t past;                 /* earlier tokens of the sequence, see model_forward */
    real gamma;                  /* w of gamma-warmup, 1 without */
    BranchRamp branch;           /* a of branch-warmup, see branch_factor */
    real grad_scale;             /* of each token's loss in the gradient: 1/(B*T*accum) */
    bool repeats;                /* running statistics have been updated by this pass before */
    bool training;               /* dropout is on, the head computes gradients, and norms with
                                    running statistics use and update those of the batch */
    uint32_t seed, step, micro;  /* dropout counters */
    Probe *probe;                /* where activations are recorded; NULL = nowhere */
    real *peaks;           /* (L,TOKEN_GROUPS) the largest attention logits of the step so far,
                                    to be raised; NULL = not wanted */
    double *first_sums;    /* (L,NH) attention on the first token, see attention_first; NULL = not
                                    wanted */
    ScaleSums *scale_sums; /* (n_sites) sums of 1/r of the norms; NULL = none are taken */
    GradWrite grads;       /* whether matmuls set or add to weight gradients; model_backward
                                    sets it */
} Pass;

/* a, the factor of the branches of a block: from + (1-from) * min(1, progress / k). k is 1 + block,
 * which counts from 0, or 1 with branch_warmup.order equal. Exactly 1 for progress >= k, and when
 * off. */
double branch_factor(const BranchRamp *ramp, size_t block);

/* The power of two by which gradients of the residual stream are multiplied while they are rounded
 * to stream_precision: 1/grad_scale, the number of tokens of a step, rounded up. Without it they are
 * near the smallest numbers of float16. */
real stream_scale(const Pass *pass);

#endif

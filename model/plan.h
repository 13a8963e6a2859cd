/* plan.h - what the planning code hands around while a model is measured and then bound.
 *
 * One idea: a module asks for a parameter, a norm or a buffer in one line and keeps the pointer;
 * the same lines run twice, once to count and once to bind, so sizes and pointers cannot disagree.
 * Buffers of the plan belong to the model's arena. Floor 2. Read next: sublayer.h. */
#ifndef MODEL_PLAN_H
#define MODEL_PLAN_H

#include "model/params.h"
#include "model/probe.h"
#include "model/wiring.h"
#include "norm/frozen.h"
#include "ops/ops.h"

/* Sizes with every 0 = auto resolved. T is the longest row (context), B the largest batch. */
typedef struct {
    size_t B, T, C, L, NH, NKV, HS, F, V;
} Shape;

/* What a parameter or a buffer belongs to. A group's buffers are those that its own code fills;
 * `shared` ones serve every block in turn. */
typedef enum {
    GROUP_EMBEDDING,
    GROUP_ATTENTION,
    GROUP_MLP,
    GROUP_NORMS,
    GROUP_HEAD,
    GROUP_SHARED,
    GROUPS
} Group;
const char *group_name(int i); /* embedding attention mlp norms head shared; NULL past the end */

/* Bytes are doubles: exact below 2^53, and right to 16 digits where no size_t could hold them. */
typedef struct {
    size_t tensors, parameters;
    double weights; /* bytes of one copy of the parameters, as they are padded */
    double buffers; /* bytes of everything else */
} GroupSize;

typedef struct {
    const ModelOptions *options;
    const Wiring *wiring;
    Shape shape;
    bool training;
    bool turns; /* blocks keep their activations in one place, one after the other */
    Params *params;
    Arena *arena;
    Group group;         /* whose parameters and buffers are being asked for */
    GroupSize *size;     /* (GROUPS) */
    GroupSize mark;      /* of all groups, when `group` began */
    unsigned warm_slots; /* bit 1 << Slot: where gamma-warmup acts; 0 = off */
    NormSite *site;      /* room for every norm; `n_sites` are there */
    size_t n_sites;
    const NormMode *norm_mode;  /* where model_forward says what norms with running statistics do */
    real *norm_partials[SLOTS]; /* scratch of the norms' backward passes, one for each that may run
                                   beside the others */
} Plan;

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
    Deviations *seen;            /* (n_sites) where it adds those of the norms, NULL = nowhere */
    GradWrite grads;             /* what products do with their gradients; set by the model */
} Pass;

/* a of the blocks' branches, `block` counts from 0: from + (1-from) * min(1, progress / k), where k
 * is block + 1 or, in equal order, 1. Exactly 1 from progress = k on, and when off. */
double branch_factor(const BranchRamp *ramp, size_t block);

/* Charges what was asked for since the last call to the group of that time, which is returned, and
 * goes on with `group`. */
Group plan_group(Plan *plan, Group group);

/* The kind a slot has: nothing, model.norm, or a gain alone. */
const NormKind *plan_slot_kind(const Plan *plan, SlotKind slot);

/* A norm called `prefix` over `rows` rows (at most) of C features, with its parameters and
 * statistics. `out_slot` chooses the eps rule; `gain` is where its gain starts. */
Norm plan_norm(Plan *plan, const char *prefix, const NormKind *kind, size_t rows, size_t C,
               ParamKind gamma_kind, bool out_slot, double gain);

/* A linear layer `prefix`.weight (out,in) and, where model.bias is set, `prefix`.bias (out). `std`
 * is model.init_std for `plain` layers; residual outputs and value layers follow the row's rule. */
typedef enum { LINEAR_PLAIN, LINEAR_RESIDUAL, LINEAR_UP, LINEAR_QKV } LinearKind;
typedef struct {
    ParamRef weight, bias;
    size_t out, in;
} Linear;
Linear plan_linear(Plan *plan, const char *prefix, LinearKind kind, size_t out, size_t in);
/* y (R,out) = x (R,in) weight^T + bias, and its gradients. */
void layer_forward(const Linear *linear, real *y, const real *x, size_t R);
void layer_backward(const Linear *linear, real *dx, const real *dy, const real *x, size_t R,
                    GradWrite dx_write, GradWrite grads);
/* The half of it that the layer's own gradients are. */
void layer_backward_weight(const Linear *linear, const real *dy, const real *x, size_t R,
                           GradWrite grads);

/* `count` reals from the model's arena; one that only the backward pass needs is NULL without. */
real *plan_reals(Plan *plan, size_t count);
real *plan_grad(Plan *plan, size_t count);

#endif

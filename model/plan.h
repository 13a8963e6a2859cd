/* plan.h - what the planning code hands around while a model is measured and then bound.
 *
 * One idea: a module asks for a parameter, a norm or a buffer in one line and keeps the pointer;
 * the same lines run twice, once to count and once to bind, so sizes and pointers cannot disagree.
 * Buffers of the plan belong to the model's arena. Floor 2. Read next: sublayer.h. */
#ifndef MODEL_PLAN_H
#define MODEL_PLAN_H

#include "model/params.h"
#include "model/wiring.h"
#include "norm/norm.h"
#include "ops/ops.h"

/* Sizes with every 0 = auto resolved. T is the longest row (context), B the largest batch. */
typedef struct {
    size_t B, T, C, L, NH, NKV, HS, F, V;
} Shape;

typedef struct {
    const ModelOptions *options;
    const Wiring *wiring;
    Shape shape;
    bool training;
    Params *params;
    Arena *arena;
    unsigned warm_slots; /* bit 1 << Slot: where gamma-warmup acts; 0 = off */
    real *norm_partials; /* scratch of every norm's backward pass */
} Plan;

/* Where one pass over the model stands. */
typedef struct {
    const int *tokens, *targets; /* (B,T) */
    size_t B, T;                 /* at most those of the Shape */
    real gamma;                  /* w of gamma-warmup, 1 without */
    real grad_scale;             /* of each token's loss in the gradient: 1/(B*T*accum) */
    bool training;               /* dropout acts and the head leaves gradients */
    uint32_t seed, step, micro;  /* counters of dropout */
} Pass;

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
void layer_backward(const Linear *linear, real *dx, const real *dy, const real *x, size_t R);
/* Rows first .. first+count-1 of a layer, as a layer. */
Linear linear_rows(Linear linear, size_t first, size_t count);

/* `count` reals from the model's arena; one that only the backward pass needs is NULL without. */
real *plan_reals(Plan *plan, size_t count);
real *plan_grad(Plan *plan, size_t count);

#endif

/* plan.h - the planner: parameters, norms and buffers are asked for, counted, and then bound.
 *
 * One idea: a module asks for a parameter, a norm or a buffer in one line and keeps the pointer.
 * The same lines run twice, first to count and then to bind, so sizes and pointers cannot disagree.
 * Buffers belong to the arena of the model. Read next: linear.h, then sublayer.h. */
#ifndef MODEL_PLAN_H
#define MODEL_PLAN_H

#include "model/params.h"
#include "model/probe.h"
#include "model/removal.h"
#include "model/wiring.h"
#include "norm/frozen.h"

/* Sizes, with every "0 = auto" resolved. T is the longest sequence (model.context), B the largest
 * batch. */
typedef struct {
    size_t B, T, C, L, NH, NKV, HS, F, V;
} Shape;

/* What a parameter or buffer is accounted to. Buffers that serve every block in turn are `shared`,
 * all others belong to the code that fills them. */
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

/* Bytes are doubles: exact below 2^53, and right to 16 digits where a size_t would overflow. */
typedef struct {
    size_t tensors, parameters;
    double weights; /* bytes of one copy of the parameters, padding included */
    double buffers; /* bytes of everything else */
} GroupSize;

typedef struct {
    const ModelOptions *options;
    const Wiring *wiring;
    Shape shape;
    bool training;
    bool recompute; /* the activations of all blocks use the same memory, one block at a time */
    Params *params;
    Arena *arena;
    Group group;         /* what is being asked for is accounted to this group */
    GroupSize *size;     /* (GROUPS) */
    GroupSize mark;      /* total of all groups when `group` began */
    unsigned warm_slots; /* bit 1 << Slot: slots under gamma-warmup; 0 = off */
    NormSite *site;      /* room for every norm with a statistic; `n_sites` are in use */
    size_t n_sites;
    const NormMode *norm_mode; /* the mode of the current pass, for norms with running statistics */
    real *norm_partials[SLOTS]; /* scratch of norm backward passes. The slots around a branch have
                                   one each, because they run in the same loop; mid has none */
} Plan;

/* Starts a group: closes the account of the previous one, and returns that. */
Group plan_group(Plan *plan, Group group);

/* A vector `prefix`.`name` of n parameters with the initial value `start`. */
ParamRef plan_vector(Plan *plan, const char *prefix, const char *name, ParamKind kind, size_t n,
                     double start);

/* Says what the parameter that was added or found last is for the rules of model.scaling. */
void plan_scaled(Plan *plan, TensorKind kind);

/* A slot's kind of norm: the identity, model.norm, or a gain without a norm. */
const NormKind *plan_slot_kind(const Plan *plan, SlotKind slot);

/* A norm, with its parameters and statistics. */
typedef struct {
    const char *name; /* "blocks.0.attn.norm_in" */
    NormPlace place;  /* what norm_removal.order calls it, and its block where it has one */
    size_t block;
    const NormKind *kind;
    size_t rows, C;    /* at most `rows` vectors of C features */
    ParamKind gamma;   /* what the gain of the kind is, where it has one */
    bool out_slot;     /* chooses between the two eps of the kind */
    double start_gain; /* 1 = the initial gain of the kind */
} NormPlan;
Norm plan_norm(Plan *plan, NormPlan norm);

/* `count` reals from the arena of the model. plan_grad is for the backward pass only: NULL without
 * training. */
real *plan_reals(Plan *plan, size_t count);
real *plan_grad(Plan *plan, size_t count);

#endif

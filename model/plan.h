/* plan.h - what the planning code hands around while a model is measured and then bound.
 *
 * One idea: a module asks for a parameter, a norm or a buffer in one line and keeps the pointer;
 * the same lines run twice, once to count and once to bind, so sizes and pointers cannot disagree.
 * Buffers of the plan belong to the model's arena. Read next: sublayer.h. */
#ifndef MODEL_PLAN_H
#define MODEL_PLAN_H

#include "model/params.h"
#include "model/probe.h"
#include "model/wiring.h"
#include "norm/frozen.h"

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

/* Charges what was asked for since the last call to the group of that time, which is returned, and
 * goes on with `group`. */
Group plan_group(Plan *plan, Group group);

/* A vector `prefix`.`name` of n parameters that start at `start`. */
ParamRef plan_vector(Plan *plan, const char *prefix, const char *name, ParamKind kind, size_t n,
                     double start);

/* The kind a slot has: nothing, model.norm, or a gain alone. */
const NormKind *plan_slot_kind(const Plan *plan, SlotKind slot);

/* A norm called `prefix` over `rows` rows (at most) of C features, with its parameters and
 * statistics. `out_slot` chooses the eps rule; `gain` is where its gain starts. */
Norm plan_norm(Plan *plan, const char *prefix, const NormKind *kind, size_t rows, size_t C,
               ParamKind gamma_kind, bool out_slot, double gain);

/* `count` reals from the model's arena; one that only the backward pass needs is NULL without. */
real *plan_reals(Plan *plan, size_t count);
real *plan_grad(Plan *plan, size_t count);

#endif

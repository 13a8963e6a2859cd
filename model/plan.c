/* plan.c - see plan.h. */
#include "model/plan.h"
#include "base/words.h"

#include <math.h>
#include <stdio.h>

const char *group_name(int i) {
    static const char *const NAMES[GROUPS] = {
        [GROUP_EMBEDDING] = "embedding", [GROUP_ATTENTION] = "attention", [GROUP_MLP] = "mlp",
        [GROUP_NORMS] = "norms",         [GROUP_HEAD] = "head",           [GROUP_SHARED] = "shared",
    };
    return NAME_AT(NAMES, i);
}

Group plan_group(Plan *plan, Group group) {
    const Params *params = plan->params;
    GroupSize now = {.tensors = params_count(params),
                     .parameters = params_total(params),
                     .weights = (double)params->size * sizeof(real),
                     .buffers = plan->arena->needed};
    GroupSize *size = &plan->size[plan->group], *mark = &plan->mark;
    size->tensors += now.tensors - mark->tensors;
    size->parameters += now.parameters - mark->parameters;
    size->weights += now.weights - mark->weights;
    size->buffers += now.buffers - mark->buffers;
    Group before = plan->group;
    plan->mark = now;
    plan->group = group;
    return before;
}

const NormKind *plan_slot_kind(const Plan *plan, SlotKind slot) {
    if (slot == SLOT_ABSENT) return &norm_none;
    return slot == SLOT_SCALE ? &norm_scale : norm_kind(plan->options->norm);
}

ParamRef plan_vector(Plan *plan, const char *prefix, const char *name, ParamKind kind, size_t n,
                     double start) {
    char full[128];
    snprintf(full, sizeof full, "%s.%s", prefix, name);
    return params_vector(plan->params, full, kind, n, start);
}

void plan_scaled(Plan *plan, TensorKind kind) {
    params_scale(plan->params, plan->wiring->scaling.tensor[kind]);
}

/* Registers a norm with a statistic; norm_removal adds a tensor for the running mean of 1/r. */
static const NormFrozen *add_site(Plan *plan, const NormPlan *planned, const Norm *norm) {
    NormSite *site = &plan->site[plan->n_sites++];
    *site = (NormSite){
        .stats = norm->stats,
        .n_stats = norm_stats(norm->kind, norm->C),
        .per_token = planned->rows / (plan->shape.B * plan->shape.T),
        .group = removal_group(plan->options, plan->wiring, planned->place, planned->block),
        .place = (int)planned->place};
    snprintf(site->name, sizeof site->name, "%s", planned->name);
    if (plan->options->removal.start)
        site->running_scale =
            plan_vector(plan, planned->name, "running_scale", PARAM_STATISTIC, TOKEN_GROUPS, 0)
                .value;
    return &site->frozen;
}

/* A parameter of a norm, of a kind that its role decides; nothing where the model has none. */
static ParamRef plan_norm_param(Plan *plan, const NormPlan *planned, const NormParam *param) {
    const size_t rows = norm_param_rows(param, planned->C);
    const size_t columns = norm_param_columns(param, planned->C);
    const bool gain = param->role == NORM_GAIN, shift = param->role == NORM_SHIFT;
    const bool outer = planned->place == NORM_PLACE_EMB || planned->place == NORM_PLACE_FINAL;
    ParamRef ref;
    if (shift && !options_has_bias(plan->options, BIAS_NORM)) return (ParamRef){NULL, NULL};
    if (columns) {
        char name[128];
        snprintf(name, sizeof name, "%s.%s", planned->name, param->name);
        ref = params_table(plan->params, name, rows, columns, plan->options->init_std);
        plan_scaled(plan, outer ? TENSOR_OUTER_MATRIX : TENSOR_HIDDEN_MATRIX);
        return ref;
    }
    double start = param->start;
    if (gain) start = param->zero + planned->start_gain * (param->start - param->zero);
    if (param->by_width) start *= sqrt((double)planned->C);
    ref = plan_vector(plan, planned->name, param->name,
                      gain    ? planned->gamma
                      : shift ? PARAM_BETA
                              : PARAM_NORM,
                      rows, start);
    plan_scaled(plan, outer ? TENSOR_OUTER_VECTOR : TENSOR_HIDDEN_VECTOR);
    return ref;
}

Norm plan_norm(Plan *plan, NormPlan planned) {
    Group outer = plan_group(plan, GROUP_NORMS);
    const NormKind *kind = planned.kind;
    const char *name = planned.name;
    const size_t C = planned.C;
    double eps = plan->options->norm_eps;
    if (eps == 0) eps = planned.out_slot ? kind->eps_out : kind->eps;
    Norm norm = {.kind = kind, .C = C, .eps = (real)eps, .partials = plan->norm_partials[0]};
    for (size_t i = 0; i < norm_param_count(kind); i++) {
        ParamRef param = plan_norm_param(plan, &planned, &kind->param[i]);
        norm.param[i] = param.value;
        norm.grad[i] = param.grad;
    }
    if (kind->running) {
        norm.running_mean = plan_vector(plan, name, "running_mean", PARAM_STATISTIC, C, 0).value;
        norm.running_var = plan_vector(plan, name, "running_var", PARAM_STATISTIC, C, 1).value;
        norm.mode = plan->norm_mode;
    }
    norm.columns = arena_reals(plan->arena, size_mul(kind->n_columns, C));
    norm.stats = arena_reals(plan->arena, size_mul(planned.rows, norm_stats(kind, C)));
    if (kind->n_stats) norm.frozen = add_site(plan, &planned, &norm);
    plan_group(plan, outer);
    return norm;
}

real *plan_reals(Plan *plan, size_t count) {
    return arena_reals(plan->arena, count);
}

real *plan_grad(Plan *plan, size_t count) {
    return plan->training ? arena_reals(plan->arena, count) : NULL;
}

/* plan.c - see plan.h. */
#include "model/plan.h"
#include "model/removal.h"

#include <math.h>
#include <stdio.h>

const char *group_name(int i) {
    static const char *const names[GROUPS] = {
        [GROUP_EMBEDDING] = "embedding", [GROUP_ATTENTION] = "attention", [GROUP_MLP] = "mlp",
        [GROUP_NORMS] = "norms",         [GROUP_HEAD] = "head",           [GROUP_SHARED] = "shared",
    };
    return i >= 0 && i < GROUPS ? names[i] : NULL;
}

Group plan_group(Plan *plan, Group group) {
    const Params *params = plan->params;
    GroupSize now = {.tensors = params_count(params),
                     .parameters = params_total(params),
                     .weights = (double)params->size * sizeof(real),
                     .buffers = plan->arena->asked};
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

static ParamRef vector(Plan *plan, const char *prefix, const char *name, ParamKind kind, size_t n,
                       double start) {
    char full[128];
    snprintf(full, sizeof full, "%s.%s", prefix, name);
    return params_vector(plan->params, full, kind, n, start);
}

static const NormFrozen *add_site(Plan *plan, const char *name, const Norm *norm, size_t rows) {
    NormSite *site = &plan->site[plan->n_sites++];
    *site = (NormSite){.stats = norm->stats,
                       .n_stats = norm->kind->n_stats,
                       .per_token = rows / (plan->shape.B * plan->shape.T),
                       .group = removal_group(plan->options, plan->wiring, name)};
    snprintf(site->name, sizeof site->name, "%s", name);
    if (plan->options->removal.start)
        site->average = vector(plan, name, "deviation", PARAM_STATISTIC, TOKEN_GROUPS, 0).value;
    return &site->frozen;
}

Norm plan_norm(Plan *plan, const char *prefix, const NormKind *kind, size_t rows, size_t C,
               ParamKind gamma_kind, bool out_slot, double gain) {
    Group outer = plan_group(plan, GROUP_NORMS);
    double eps = plan->options->norm_eps;
    if (eps == 0) eps = out_slot ? kind->eps_out : kind->eps;
    Norm norm = {.kind = kind, .C = C, .eps = (real)eps, .partials = plan->norm_partials[0]};
    if (kind->gamma) {
        double start = kind->gamma_zero + gain * (kind->gamma_start - kind->gamma_zero);
        ParamRef gamma = vector(plan, prefix, "gamma", gamma_kind, C, start);
        norm.gamma = gamma.value;
        norm.dgamma = gamma.grad;
    }
    if (kind->beta && plan->options->bias) {
        ParamRef beta = vector(plan, prefix, "beta", PARAM_BETA, C, 0);
        norm.beta = beta.value;
        norm.dbeta = beta.grad;
    }
    if (kind->alpha) {
        ParamRef alpha = vector(plan, prefix, "alpha", PARAM_ALPHA, 1, kind->alpha_start);
        norm.alpha = alpha.value;
        norm.dalpha = alpha.grad;
    }
    if (kind->running) {
        norm.running_mean = vector(plan, prefix, "running_mean", PARAM_STATISTIC, C, 0).value;
        norm.running_var = vector(plan, prefix, "running_var", PARAM_STATISTIC, C, 1).value;
        norm.mode = plan->norm_mode;
    }
    norm.columns = arena_reals(plan->arena, size_mul(kind->n_columns, C));
    norm.stats = arena_reals(plan->arena, size_mul(rows, kind->n_stats));
    if (kind->n_stats) norm.frozen = add_site(plan, prefix, &norm, rows);
    plan_group(plan, outer);
    return norm;
}

Linear plan_linear(Plan *plan, const char *prefix, LinearKind kind, size_t out, size_t in) {
    const double std = plan->options->init_std, N = (double)plan->shape.L;
    const double scaled = std / sqrt(2 * N), deep = std / pow(8 * N, 0.25);
    const InitRule rule = plan->wiring->init;
    double own = std;
    if (rule == INIT_SCALED && kind == LINEAR_RESIDUAL) own = scaled;
    if (rule == INIT_DEEPNORM && (kind == LINEAR_RESIDUAL || kind == LINEAR_UP)) own = deep;
    bool deep_values = rule == INIT_DEEPNORM && kind == LINEAR_QKV; /* v, the last rows of qkv */
    size_t tail = deep_values ? plan->shape.NKV * plan->shape.HS : 0;
    char name[128];
    snprintf(name, sizeof name, "%s.weight", prefix);
    Linear linear = {.out = out, .in = in};
    linear.weight = params_matrix(plan->params, name, out, in, own, tail, deep);
    if (plan->options->bias) linear.bias = vector(plan, prefix, "bias", PARAM_BIAS, out, 0);
    return linear;
}

void layer_forward(const Linear *linear, real *y, const real *x, size_t R) {
    linear_forward(y, x, linear->weight.value, linear->bias.value, R, linear->out, linear->in);
}

void layer_backward_weight(const Linear *linear, const real *dy, const real *x, size_t R,
                           GradWrite grads) {
    linear_backward_weight(linear->weight.grad, linear->bias.grad, dy, x, R, linear->out,
                           linear->in, grads);
}

void layer_backward(const Linear *linear, real *dx, const real *dy, const real *x, size_t R,
                    GradWrite dx_write, GradWrite grads) {
    layer_backward_weight(linear, dy, x, R, grads);
    linear_backward_input(dx, dy, linear->weight.value, R, linear->out, linear->in, dx_write);
}

double branch_factor(const BranchRamp *ramp, size_t block) {
    double k = ramp->order == BRANCH_EQUAL ? 1 : (double)block + 1;
    if (!ramp->on || ramp->progress >= k) return 1;
    return ramp->from + (1 - ramp->from) * (ramp->progress / k);
}

real *plan_reals(Plan *plan, size_t count) {
    return arena_reals(plan->arena, count);
}

real *plan_grad(Plan *plan, size_t count) {
    return plan->training ? arena_reals(plan->arena, count) : NULL;
}

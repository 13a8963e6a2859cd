/* optimizer.c - see optimizer.h. The update of one tensor is adamw_update in ops/. */
#include "run/optim/optimizer.h"

#include "ops/ops.h"

#include <math.h>

Optimizer optimizer_create(const OptimOptions *options, Params *params) {
    return (Optimizer){
        .options = options,
        .params = params,
        .tensor_norms = mem_alloc(size_mul(params_count(params), sizeof(double))),
    };
}

void optimizer_free(Optimizer *optimizer) {
    mem_free(optimizer->tensor_norms);
    *optimizer = (Optimizer){0};
}

bool optimizer_decays(const OptimOptions *options, ParamKind kind) {
    switch (kind) {
    case PARAM_MATRIX:
        return true;
    case PARAM_GAMMA_IN:
        return options->decay_gamma_in;
    case PARAM_GAMMA_OUT:
        return options->decay_gamma_out;
    case PARAM_GAMMA:
    case PARAM_BETA:
    case PARAM_NORM:
    case PARAM_BIAS:
    case PARAM_STATISTIC:
        break;
    }
    return false;
}

double optimizer_grad_norm(Optimizer *optimizer) {
    const Params *params = optimizer->params;
    double total = 0;
    for (size_t i = 0; i < params_count(params); i++) {
        const Param *param = &params->list[i];
        double squares = sum_of_squares(params->grads + param->offset, param->count);
        optimizer->tensor_norms[i] = sqrt(squares);
        total += squares;
    }
    return sqrt(total);
}

double optimizer_clip_scale(const OptimOptions *options, double grad_norm) {
    return options->clip == 0 || grad_norm <= options->clip ? 1 : options->clip / grad_norm;
}

void optimizer_update(Optimizer *optimizer, double lr, double grad_scale, double *changes) {
    const OptimOptions *options = optimizer->options;
    Params *params = optimizer->params;
    double n = (double)++optimizer->applied;
    AdamW adamw = {
        .lr = lr,
        .beta1 = options->beta1,
        .beta2 = options->beta2,
        .eps = options->eps,
        .correction1 = 1 - pow(options->beta1, n),
        .correction2 = 1 - pow(options->beta2, n),
        .grad_scale = grad_scale,
    };
    for (size_t i = 0; i < params_count(params); i++) {
        const Param *param = &params->list[i];
        if (changes) changes[i] = NAN;
        if (!param_is_trained(param)) continue;
        real *p = params->values + param->offset, *m = params->m + param->offset,
             *v = params->v + param->offset;
        const real *g = params->grads + param->offset;
        adamw.weight_decay = optimizer_decays(options, param->kind) ? options->weight_decay : 0;
        if (changes)
            changes[i] = sqrt(adamw_update_measured(p, m, v, g, &adamw, param->count));
        else
            adamw_update(p, m, v, g, &adamw, param->count);
    }
}

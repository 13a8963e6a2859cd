/* optimizer.c - see optimizer.h. The update of one tensor is adamw_update in ops/, or in muon.c. */
#include "run/optim/optimizer.h"

#include "ops/ops.h"

#include <math.h>

Optimizer optimizer_create(const OptimOptions *options, Params *params) {
    const bool muon = options->kind == OPTIMIZER_MUON;
    const size_t scratch = muon ? params_linear_size(params).scratch : 0;
    params_bind_moments(params, muon);
    return (Optimizer){
        .options = options,
        .params = params,
        .tensor_norms = mem_alloc(size_mul(params_count(params), sizeof(double))),
        .scratch = scratch ? mem_alloc(size_mul(scratch, sizeof(real))) : NULL,
    };
}

void optimizer_free(Optimizer *optimizer) {
    mem_free(optimizer->tensor_norms);
    mem_free(optimizer->scratch);
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
    case PARAM_COEFFICIENT:
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

Rates optimizer_rates(const OptimOptions *options, double scale, size_t step, size_t steps) {
    return (Rates){.adamw = scale * schedule_lr(options, step, steps),
                   .muon = scale * schedule_muon_lr(options, step, steps)};
}

/* The L2 norm of the change of a trained tensor; NAN if it is not `measured`. */
static double update_adamw(const Optimizer *optimizer, const Param *param, AdamW adamw,
                           bool measured) {
    const OptimOptions *options = optimizer->options;
    const Params *params = optimizer->params;
    real *p = params->values + param->offset, *m = params->m + param->offset,
         *v = params->v + param->v_offset;
    const real *g = params->grads + param->offset;
    const TensorFactors factors = param->factors;
    adamw.lr *= factors.lr;
    adamw.eps *= factors.eps;
    adamw.weight_decay =
        optimizer_decays(options, param->kind) ? factors.decay * options->weight_decay : 0;
    if (measured) return sqrt(adamw_update_measured(p, m, v, g, &adamw, param->count));
    adamw_update(p, m, v, g, &adamw, param->count);
    return NAN;
}

void optimizer_update(Optimizer *optimizer, Rates rates, double grad_scale, double *changes) {
    const OptimOptions *options = optimizer->options;
    const Params *params = optimizer->params;
    double n = (double)++optimizer->applied;
    const AdamW adamw = {
        .lr = rates.adamw,
        .beta1 = options->beta1,
        .beta2 = options->beta2,
        .eps = options->eps,
        .correction1 = 1 - pow(options->beta1, n),
        .correction2 = 1 - pow(options->beta2, n),
        .grad_scale = grad_scale,
    };
    for (size_t i = 0; i < params_count(params); i++) {
        const Param *param = &params->list[i];
        double change = NAN;
        if (muon_updates(options, param))
            change = sqrt(
                muon_apply(options, params, param, optimizer->scratch, rates.muon, grad_scale));
        else if (param_is_trained(param))
            change = update_adamw(optimizer, param, adamw, changes != NULL);
        if (changes) changes[i] = change;
    }
}

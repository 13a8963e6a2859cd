/* linear.c - see linear.h. */
#include "model/linear.h"

#include <math.h>
#include <stdio.h>

Linear plan_linear(Plan *plan, const char *prefix, LinearKind kind, BiasSite site, size_t out,
                   size_t in) {
    const double std = plan->options->init_std,
                 N = (double)plan->shape.L / plan->wiring->scaling.depth;
    const InitRule rule = plan->wiring->init;
    /* deepnorm and subln treat the same layers, each by its own factor. */
    const bool deep = rule == INIT_DEEPNORM || rule == INIT_SUBLN;
    const double by_depth = rule == INIT_SUBLN ? std * sqrt(log(2 * N)) : std / pow(8 * N, 0.25);
    double own = std;
    if (rule == INIT_SCALED && kind == LINEAR_RESIDUAL) own = std / sqrt(2 * N);
    if (deep && (kind == LINEAR_RESIDUAL || kind == LINEAR_UP)) own = by_depth;
    /* v: the last rows of qkv */
    size_t tail = deep && kind == LINEAR_QKV ? plan->shape.NKV * plan->shape.HS : 0;
    char name[128];
    snprintf(name, sizeof name, "%s.weight", prefix);
    Linear linear = {.out = out, .in = in};
    linear.weight = params_matrix(plan->params, name, out, in, own, tail, by_depth);
    const size_t kv = plan->shape.NKV * plan->shape.HS;
    const size_t whole[PARTS_MAX] = {out}, qkv[PARTS_MAX] = {out - 2 * kv, kv, kv};
    params_set_parts(plan->params, kind == LINEAR_QKV ? qkv : whole);
    plan_scaled(plan, TENSOR_HIDDEN_MATRIX);
    if (!options_has_bias(plan->options, site)) return linear;
    linear.bias = plan_vector(plan, prefix, "bias", PARAM_BIAS, out, 0);
    plan_scaled(plan, TENSOR_HIDDEN_VECTOR);
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

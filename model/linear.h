/* linear.h - a linear layer: its parameters, its initial values, forward and backward.
 *
 * One idea: a Linear holds references to its parameters, and their sizes. The caller owns the
 * activations, and the registry (params.h) the parameters. Read next: attention.h. */
#ifndef MODEL_LINEAR_H
#define MODEL_LINEAR_H

#include "model/plan.h"

/* Which of the rules of model.init applies to a layer: `scaled` divides the std of LINEAR_RESIDUAL
 * layers, the ones before the residual sum; `deepnorm` that of LINEAR_RESIDUAL and LINEAR_UP layers
 * and of the value rows of LINEAR_QKV; `subln` multiplies that of the same. LINEAR_PLAIN always has model.init_std.
 * With model.scaling the depth of a rule is that of the base model, and all are divided by sqrt(m_N). */
typedef enum { LINEAR_PLAIN, LINEAR_RESIDUAL, LINEAR_UP, LINEAR_QKV } LinearKind;

typedef struct {
    ParamRef weight, bias; /* `prefix`.weight (out,in); `prefix`.bias (out) or NULL */
    size_t out, in;
} Linear;

/* `site`: where the layer is, for model.bias_at. */
Linear plan_linear(Plan *plan, const char *prefix, LinearKind kind, BiasSite site, size_t out,
                   size_t in);
/* y (R,out) = x (R,in) weight^T + bias. */
void layer_forward(const Linear *linear, real *y, const real *x, size_t R);
/* dx = or += dy weight; the gradients of weight and bias. */
void layer_backward(const Linear *linear, real *dx, const real *dy, const real *x, size_t R,
                    GradWrite dx_write, GradWrite grads);
/* Only the gradients of weight and bias: weight = or += dy^T x, bias += sums of dy over R. */
void layer_backward_weight(const Linear *linear, const real *dy, const real *x, size_t R,
                           GradWrite grads);

#endif

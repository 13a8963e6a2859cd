/* linear.h - a linear layer: its parameters, its initial values, and its two passes.
 *
 * One idea: a Linear holds references to its parameters, and sizes; what is multiplied is the
 * caller's. The parameters belong to the registry (params.h). Read next: attention.h. */
#ifndef MODEL_LINEAR_H
#define MODEL_LINEAR_H

#include "model/plan.h"

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

#endif

/* coefficient.c - see coefficient.h. */
#include "model/coefficient.h"

#include <math.h>

real *coefficient_plan_sums(Plan *plan, CoefficientName name) {
    return wiring_learns(plan->wiring, name) ? plan_grad(plan, column_sums(plan->shape.C)) : NULL;
}

Coefficient coefficient_plan(Plan *plan, const char *prefix, CoefficientName name,
                             const CoefficientWiring *wiring, real *sums) {
    Coefficient coefficient = {
        .learn = wiring->learn, .number = wiring->value, .C = plan->shape.C, .sums = sums};
    if (wiring->learn == LEARN_NOT) return coefficient;
    coefficient.param =
        plan_vector(plan, prefix, coefficient_name((int)name), PARAM_COEFFICIENT,
                    wiring->learn == LEARN_VECTOR ? plan->shape.C : 1, wiring->value);
    plan_scaled(plan, TENSOR_HIDDEN_VECTOR);
    params_scale(plan->params,
                 (TensorFactors){.std = 1, .lr = wiring->lr_scale, .eps = 1, .decay = 1});
    return coefficient;
}

static double sigmoid(double x) {
    return 1 / (1 + exp(-x));
}

/* The parameter of a coefficient that has one. */
static double scalar(const Coefficient *coefficient) {
    return (double)*coefficient->param.value;
}

Factor coefficient_factor(const Coefficient *coefficient, double ramp) {
    double value = coefficient->number;
    const real *columns = NULL;
    switch (coefficient->learn) {
    case LEARN_NOT:
        break;
    case LEARN_SCALAR:
        value = scalar(coefficient);
        break;
    case LEARN_VECTOR:
        value = 1;
        columns = coefficient->param.value;
        break;
    case LEARN_SHRINK:
        value = 1 - scalar(coefficient) * sigmoid(scalar(coefficient));
        break;
    }
    return (Factor){(real)(ramp * value), columns};
}

void factor_piece(real *y, const real *x, Factor factor, size_t rows, size_t C, GradWrite write) {
    columns_piece(y, x, factor.a, factor.columns, rows, C, write);
}

void coefficient_sums_piece(const Coefficient *coefficient, size_t chunk, const real *dy,
                            const real *x, size_t rows) {
    if (coefficient->learn != LEARN_NOT)
        column_sums_piece(coefficient->sums, chunk, dy, x, rows, coefficient->C);
}

/* d(1 - silu(p)) / dp */
static double shrink_slope(double p) {
    const double s = sigmoid(p);
    return -s * (1 + p * (1 - s));
}

void coefficient_gradient(const Coefficient *coefficient, double ramp) {
    double slope = ramp;
    switch (coefficient->learn) {
    case LEARN_NOT:
        return;
    case LEARN_VECTOR:
        column_sums_add(coefficient->param.grad, coefficient->sums, (real)ramp, coefficient->C);
        return;
    case LEARN_SCALAR:
        break;
    case LEARN_SHRINK:
        slope *= shrink_slope(scalar(coefficient));
        break;
    }
    *coefficient->param.grad +=
        (real)(slope * column_sums_total(coefficient->sums, coefficient->C));
}

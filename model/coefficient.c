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

Factor coefficient_factor(const Coefficient *coefficient, double ramp) {
    const real *param = coefficient->param.value;
    switch (coefficient->learn) {
    case LEARN_SCALAR:
        return (Factor){(real)(ramp * (double)param[0]), NULL};
    case LEARN_VECTOR:
        return (Factor){(real)ramp, param};
    case LEARN_GPAS:
        return (Factor){(real)(ramp * (1 - (double)param[0] * sigmoid((double)param[0]))), NULL};
    case LEARN_NOT:
        break;
    }
    return (Factor){(real)(ramp * coefficient->number), NULL};
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
static double gpas_slope(double p) {
    const double s = sigmoid(p);
    return -s * (1 + p * (1 - s));
}

void coefficient_gradient(const Coefficient *coefficient, double ramp) {
    real *grad = coefficient->param.grad;
    const size_t C = coefficient->C;
    switch (coefficient->learn) {
    case LEARN_NOT:
        break;
    case LEARN_SCALAR:
        grad[0] += (real)(ramp * column_sums_total(coefficient->sums, C));
        break;
    case LEARN_VECTOR:
        column_sums_add(grad, coefficient->sums, (real)ramp, C);
        break;
    case LEARN_GPAS:
        grad[0] += (real)(ramp * gpas_slope((double)coefficient->param.value[0]) *
                          column_sums_total(coefficient->sums, C));
        break;
    }
}

/* coefficient.h - a coefficient of the residual stream: a number, or learned.
 *
 * One idea: in every form a coefficient is a number a times, perhaps, a factor for each feature, so the
 * sums of a sublayer are written once. The forms are
 *
 *     a number        c = number
 *     scalar          c = p              p one parameter
 *     vector          c = p              p (C) parameters, one for each feature
 *     shrink          c = 1 - silu(p)    p one parameter; the gradient of what c multiplies passes
 *                                        unchanged (Chen et al. 2025, arXiv 2506.22049)
 *
 * A parameter is never decayed, and its learning rate has a factor of its own.
 * Buffers belong to the arena of the model. Read next: sublayer.c. */
#ifndef MODEL_COEFFICIENT_H
#define MODEL_COEFFICIENT_H

#include "model/plan.h"

typedef struct {
    Learn learn;
    double number; /* where it is not learned */
    ParamRef param;
    size_t C;
    real *sums; /* column_sums(C), of one backward pass; shared by all sublayers */
} Coefficient;

/* Its value in one pass: a times `columns` (C), NULL = 1. */
typedef struct {
    real a;
    const real *columns;
} Factor;

/* The scratch of a coefficient that any block learns, else NULL. */
real *coefficient_plan_sums(Plan *plan, CoefficientName name);
/* `prefix` is "blocks.0.attn"; the parameter is `prefix`.`name`. */
Coefficient coefficient_plan(Plan *plan, const char *prefix, CoefficientName name,
                             const CoefficientWiring *wiring, real *sums);

/* `ramp` multiplies the value. */
Factor coefficient_factor(const Coefficient *coefficient, double ramp);
/* y = or += factor * x (rows,C). */
void factor_piece(real *y, const real *x, Factor factor, size_t rows, size_t C, GradWrite write);

/* For the backward pass of y = c * x: sums over the rows of one chunk, see rows_share. Nothing where
 * the coefficient is not learned. */
void coefficient_sums_piece(const Coefficient *coefficient, size_t chunk, const real *dy,
                            const real *x, size_t rows);
/* After the last chunk: adds to the gradient of the parameter. */
void coefficient_gradient(const Coefficient *coefficient, double ramp);

#endif

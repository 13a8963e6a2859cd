/* gains.h - the gains of all norms of a model, and their distribution.
 *
 * One idea: the gain of a norm is the factor of its output, whatever the kind stores: 1 + g of
 * rmsnorm_plus1, g / sqrt(C) of scalenorm, with the factor of gamma-warmup. So gains of all kinds
 * compare.
 * Gains is plain data; the list is the caller's (stb_ds arrfree). Read next: norm/norm.h. */
#ifndef RUN_MEASURE_GAINS_H
#define RUN_MEASURE_GAINS_H

#include "model/model.h"

enum { NORM_NAME = 64 };

/* Quartiles interpolate linearly between the two nearest values. An outlier is below Q1 - 3 (Q3 - Q1)
 * or above Q3 + 3 (Q3 - Q1). */
typedef struct {
    char name[NORM_NAME]; /* blocks.0.attn.norm_in */
    const NormKind *kind;
    size_t n; /* gains: C, or 1 for a scalar */
    double min, q1, median, q3, max, rms;
    size_t outliers;
    size_t largest; /* the index of the largest |gain| */
} Gains;

/* One norm, which is `warm` where gamma-warmup multiplies it. */
typedef void GainsVisit(void *context, const char *name, const Norm *norm, bool warm);
/* Calls `visit` for every norm of the model, in the order of the forward pass. */
void gains_visit(const Model *model, GainsVisit *visit, void *context);

/* The distribution of n values, n > 0; sorts them. `name` and `kind` of the result are empty. */
Gains gains_of(double *values, size_t n);
/* Those of every norm that has a gain (stb_ds array); w is the factor of gamma-warmup. */
Gains *gains_measure(const Model *model, double w);

#endif

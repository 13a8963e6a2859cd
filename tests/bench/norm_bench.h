/* norm_bench.h - a norm with its tensors, on rows of several kinds, and its formulas.
 *
 * The rows are ordinary, tiny (eps dominates), large, shifted, constant and zero. The formulas, in
 * long double, are those of tests/lib/norms.h with their gradients. Tests compare row by row, with
 * errors relative to the scale of the row, so that large rows do not hide errors of small ones. */
#ifndef TESTS_BENCH_NORM_BENCH_H
#define TESTS_BENCH_NORM_BENCH_H

#include "norm/norm.h"
#include "tests/lib/norms.h"
#include "tests/lib/numbers.h"

static const struct {
    double mean, std;
} ROWS[] = {{0, 1},   {0, 1e-4}, {0, 1e-3}, {0, 1e-2},   {0, 1e4},
            {3, 0.5}, {1.7, 0},  {0, 0},    {1e-3, 1e-3}};
enum { WIDEST = 129 };

static const size_t NORM_WIDTHS[] = {1, 2, 13, 48, WIDEST};
static const double NORM_FACTORS[] = {1, 0.5, 0.1}; /* of the gamma warm-up */

/* Kind k of those that a Bench computes: the norms of the program except those over the batch, and
 * the gain of layerscale. NULL past the last. */
static inline const NormKind *bench_kind(size_t k) {
    size_t count = 0;
    for (int i = 0; norm_kind(i); i++) {
        if (!norm_kind(i)->gather && count++ == k) return norm_kind(i);
    }
    return k == count ? &norm_scale : NULL;
}

typedef struct {
    Norm norm;
    const NormFormula *formula;
    size_t rows, C;
    real w, *gamma, *beta, *alpha; /* as in norm, but writable */
    real *x, *y, *dx, *dy;
} Bench;

static inline real *draw_rows(size_t rows, size_t C) {
    real *x = new_reals(rows * C);
    for (size_t row = 0; row < rows; row++) {
        size_t kind = row % COUNT(ROWS);
        for (size_t c = 0; c < C; c++) {
            x[row * C + c] = (real)(ROWS[kind].mean + ROWS[kind].std * draw_normal());
        }
    }
    return x;
}

/* Gains are in [0.5, 1.5], because a gain of 1 would hide a missing factor. Gradients start at
 * zero; what the norm only writes starts with random numbers. */
static inline Bench bench_draw(const NormKind *kind, size_t rows, size_t C, double w) {
    Bench b = {.formula = norm_formula(kind->name), .rows = rows, .C = C, .w = (real)w};
    if (!b.formula) die(EXIT_INTERNAL, "norm %s has no row in tests/lib/norms.h", kind->name);
    b.norm = (Norm){.kind = kind, .C = C, .eps = (real)1e-5};
    b.x = draw_rows(rows, C);
    b.y = new_drawn(rows * C, 1);
    b.dy = new_drawn(rows * C, 1);
    b.dx = new_reals(rows * C);
    b.norm.stats = new_drawn(rows * kind->n_stats, 1);
    b.norm.partials = new_drawn(norm_partials(C), 1);
    if (kind->gamma) {
        b.norm.gamma = b.gamma = new_reals(C);
        b.norm.dgamma = new_reals(C);
        for (size_t c = 0; c < C; c++)
            b.gamma[c] = (real)(draw_uniform(0.5, 1.5) - b.formula->plus);
    }
    if (kind->beta) {
        b.norm.beta = b.beta = new_drawn(C, 1);
        b.norm.dbeta = new_reals(C);
    }
    if (kind->alpha) {
        b.norm.alpha = b.alpha = new_reals(1);
        b.norm.dalpha = new_reals(1);
        *b.alpha = (real)0.7;
    }
    return b;
}

static inline void bench_forward(Bench *b) {
    norm_forward(&b->norm, b->y, b->x, b->w, b->rows);
}

static inline void bench_backward(Bench *b) {
    norm_backward(&b->norm, b->dx, b->dy, b->x, b->w, b->rows, GRAD_ADD);
}

/* The formulas for one row: y = gain * xhat + beta, u = gain * dy. */
typedef struct {
    long double gain[WIDEST], xhat[WIDEST], y[WIDEST], u[WIDEST], dx[WIDEST];
    long double mean, r, dalpha;
    double unit;      /* scale of dx relative to u */
    double condition; /* largest |x| * r: the digits that subtracting the mean loses */
} RowFormula;

static inline long double mean_of(const long double *a, const long double *b, size_t C) {
    long double sum = 0;
    for (size_t c = 0; c < C; c++) sum += a[c] * (b ? b[c] : 1);
    return sum / (long double)C;
}

/* xhat = (x - mean) r; mean is 0 without `center`. */
static inline void standardize(RowFormula *f, const real *x, size_t C, bool center, real eps) {
    double largest = 0;
    f->mean = 0;
    for (size_t c = 0; c < C && center; c++) f->mean += (long double)x[c] / (long double)C;
    for (size_t c = 0; c < C; c++) {
        f->xhat[c] = (long double)x[c] - f->mean;
        largest = fmax(largest, fabs((double)x[c]));
    }
    f->r = 1 / sqrtl(mean_of(f->xhat, f->xhat, C) + (long double)eps);
    for (size_t c = 0; c < C; c++) f->xhat[c] *= f->r;
    f->unit = (double)f->r;
    f->condition = center ? largest * f->unit : 0;
}

static inline void standardize_backward(RowFormula *f, size_t C, bool center) {
    long double u_mean = center ? mean_of(f->u, NULL, C) : 0,
                u_xhat_mean = mean_of(f->u, f->xhat, C);
    for (size_t c = 0; c < C; c++) f->dx[c] = f->r * (f->u[c] - u_mean - f->xhat[c] * u_xhat_mean);
}

static inline void row_formula(RowFormula *f, const Bench *b, size_t row) {
    const Norm *norm = &b->norm;
    const NormFormula *formula = b->formula;
    const real *x = b->x + row * b->C, *dy = b->dy + row * b->C;
    const bool center = formula->centers, standard = formula->n_stats > 0;
    const long double alpha = formula->squash ? (long double)*norm->alpha : 1;
    f->unit = (double)alpha;
    f->condition = 0;
    f->dalpha = 0;
    if (standard) standardize(f, x, b->C, center, norm->eps);
    for (size_t c = 0; c < b->C; c++) {
        const long double z = alpha * (long double)x[c];
        if (!standard) f->xhat[c] = formula->squash ? formula->squash(z) : z;
        f->gain[c] = norm->gamma ? (long double)norm->gamma[c] : 1;
        f->gain[c] += (long double)formula->plus;
        if (norm->gamma) f->gain[c] *= (long double)b->w;
        f->y[c] = f->gain[c] * f->xhat[c] + (norm->beta ? (long double)norm->beta[c] : 0);
        f->u[c] = f->gain[c] * (long double)dy[c];
        long double derivative = formula->squash ? formula->slope(z) : 1;
        f->dx[c] = f->u[c] * alpha * derivative;
        f->dalpha += f->u[c] * (long double)x[c] * derivative;
    }
    if (standard) standardize_backward(f, b->C, center);
}

#endif

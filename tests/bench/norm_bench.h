/* norm_bench.h - a norm with its tensors, on rows of several kinds, and its formulas.
 *
 * The rows are ordinary, tiny (eps dominates), large, shifted, constant and zero. The formulas are
 * those of tests/lib/norms.h, in long double, where differences are exact enough to be the gradients
 * in both builds. Tests compare row by row, with errors relative to the scale of the row, so that
 * large rows do not hide errors of small ones. */
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
    real w, *param[NORM_PARAMS]; /* as in norm, but writable */
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

static inline size_t bench_size(const Bench *b, size_t i) {
    return formula_size(&b->formula->param[i], b->C);
}

/* Index of the parameter with a role of norms.h; FORMULA_PARAMS if there is none. */
static inline size_t bench_role(const Bench *b, char role) {
    size_t i = 0;
    while (i < formula_params(b->formula) && b->formula->param[i].role != role) i++;
    return i < formula_params(b->formula) ? i : FORMULA_PARAMS;
}

/* Gains are in [0.5, 1.5], because a gain of 1 would hide a missing factor. Other scalars are 0.7, but lambda is 7, since bhyt divides it by 10;
 * other vectors and matrices are small enough that their products with a row are near 1. */
static inline real *draw_param(const FormulaParam *param, size_t C) {
    const size_t n = formula_size(param, C), columns = formula_columns(param, C);
    real *value = new_reals(n);
    const double unit = param->by_width ? sqrt((double)C) : 1;
    const bool scalar = n == 1 && !columns;
    const double small = 1 / sqrt((double)(columns ? columns : n));
    for (size_t i = 0; i < n; i++) {
        if (param->role == 'g')
            value[i] = (real)((draw_uniform(0.5, 1.5) + param->zero) * unit);
        else if (param->role == 's')
            value[i] = (real)draw_normal();
        else
            value[i] = (real)(!scalar                              ? small * draw_normal()
                              : strcmp(param->name, "lambda") == 0 ? 7
                                                                   : 0.7);
    }
    return value;
}

/* Gradients start at zero; what the norm only writes starts with random numbers. */
static inline Bench bench_draw(const NormKind *kind, size_t rows, size_t C, double w) {
    Bench b = {.formula = norm_formula(kind->name), .rows = rows, .C = C, .w = (real)w};
    if (!b.formula) die(EXIT_INTERNAL, "norm %s has no row in tests/lib/norms.h", kind->name);
    b.norm = (Norm){.kind = kind, .C = C, .eps = (real)1e-5};
    if (kind == &norm_none) b.w = 1; /* no norm, so nothing that w would scale */
    b.x = draw_rows(rows, C);
    b.y = new_drawn(rows * C, 1);
    b.dy = new_drawn(rows * C, 1);
    b.dx = new_reals(rows * C);
    b.norm.stats = new_drawn(rows * norm_stats(kind, C), 1);
    b.norm.partials = new_drawn(norm_partials(kind, C), 1);
    for (size_t i = 0; i < formula_params(b.formula); i++) {
        b.norm.param[i] = b.param[i] = draw_param(&b.formula->param[i], C);
        b.norm.grad[i] = new_reals(bench_size(&b, i));
    }
    return b;
}

static inline void bench_forward(Bench *b) {
    norm_forward(&b->norm, b->y, b->x, b->w, b->rows);
}

static inline void bench_backward(Bench *b) {
    norm_backward(&b->norm, b->dx, b->dy, b->x, b->w, b->rows, GRAD_ADD);
}

static inline void bench_zero_grads(Bench *b) {
    zero(b->dx, b->rows * b->C);
    for (size_t i = 0; i < formula_params(b->formula); i++) zero(b->norm.grad[i], bench_size(b, i));
}

/* The formula for one row, in long double, with copies of what it reads. */
typedef struct {
    const Bench *b;
    size_t C;
    long double x[WIDEST], f[WIDEST], y[WIDEST], dy[WIDEST]; /* y = w f + beta */
    long double *param[NORM_PARAMS];
    long double mean, r;
    double unit;      /* scale of dx relative to dy: 1/RMS, or 1 */
    double size;      /* of w dy times the largest gain */
    double condition; /* by how much a relative error of x is amplified in y */
    double step;      /* on which f changes little: of a difference over x */
} RowFormula;

static const double LARGEST_GAIN = 2;

/* f (C) of the present x and parameters; r is a constant where it is not NULL. */
static inline void formula_value(const RowFormula *f, long double *value, const long double *r) {
    long double x[WIDEST], own;
    memcpy(x, f->x, f->C * sizeof *x);
    formula_statistics(f->b->formula, x, f->C, (long double)f->b->norm.eps, &own);
    f->b->formula->row(value, x, f->C, (FormulaValues)f->param, r ? *r : own);
}

/* A power of two, so that x plus a multiple of it is exact in long double. */
static inline double power_below(double x) {
    int exponent;
    frexp(x, &exponent);
    return ldexp(1, exponent - 1);
}

/* Parameters are copied once, row by row only the row: f->param is NULL at first. */
static inline void row_formula(RowFormula *f, const Bench *b, size_t row) {
    const NormFormula *formula = b->formula;
    long double centered[WIDEST];
    double largest = 0, absolute = 0;
    f->b = b;
    f->C = b->C;
    f->size = 0;
    for (size_t i = 0; i < formula_params(formula) && !f->param[i]; i++) {
        const size_t n = bench_size(b, i);
        f->param[i] = (long double *)new_array(n, sizeof **f->param);
        for (size_t k = 0; k < n; k++) f->param[i][k] = (long double)b->param[i][k];
    }
    for (size_t c = 0; c < f->C; c++) {
        centered[c] = f->x[c] = (long double)b->x[row * f->C + c];
        f->dy[c] = (long double)b->dy[row * f->C + c];
        f->size += (double)(f->dy[c] * f->dy[c]);
        largest = fmax(largest, fabs((double)f->x[c]));
        absolute += fabs((double)f->x[c]);
    }
    f->size = LARGEST_GAIN * (double)b->w * sqrt(f->size);
    f->mean = formula_statistics(formula, centered, f->C, (long double)b->norm.eps, &f->r);
    formula->row(f->f, centered, f->C, (FormulaValues)f->param, f->r);
    const size_t beta = bench_role(b, 's');
    for (size_t c = 0; c < f->C; c++) {
        f->y[c] = (long double)b->w * f->f[c];
        if (beta < NORM_PARAMS && b->norm.param[beta]) f->y[c] += f->param[beta][c];
    }
    f->unit = (double)f->r;
    f->condition = formula->centers ? largest * f->unit : 0;
    f->step = 1 / f->unit;
    if (!formula->raw) return;
    f->condition = absolute / sqrt((double)f->C); /* of a product of x and a vector */
    f->step = fmin(f->step, 1);
    f->unit = fmax(f->unit, 1);
}

/* The derivative of sum(dy y) with respect to `at`, an element of f->x or of a parameter that is not
 * beta. The step is small enough for differences of eight points to be exact in double. */
static inline long double row_difference(RowFormula *f, long double *at, double scale) {
    static const long double WEIGHTS[] = {4.0L / 5, -1.0L / 5, 4.0L / 105, -1.0L / 280};
    const long double start = *at, step = power_below(scale / 256);
    long double high[WIDEST], low[WIDEST], sum = 0;
    for (int i = 0; i < 4; i++) {
        *at = start + (i + 1) * step;
        formula_value(f, high, NULL);
        *at = start - (i + 1) * step;
        formula_value(f, low, NULL);
        for (size_t c = 0; c < f->C; c++) sum += WEIGHTS[i] * f->dy[c] * (high[c] - low[c]);
    }
    *at = start;
    return (long double)f->b->w * sum / step;
}

static inline long double row_dx(RowFormula *f, size_t c) {
    return row_difference(f, &f->x[c], f->step);
}

/* The gradient of element k of parameter i. Some are multiplied with x as it is. */
static inline long double row_dparam(RowFormula *f, size_t i, size_t k) {
    const NormFormula *formula = f->b->formula;
    const bool of_x = formula->param[i].role == 'o' && (formula->raw || !formula->n_stats);
    double largest = 1;
    if (formula->param[i].role == 's') return f->dy[k];
    for (size_t c = 0; c < f->C && of_x; c++) largest = fmax(largest, fabs((double)f->x[c]));
    return row_difference(f, &f->param[i][k], 1 / largest);
}

#endif

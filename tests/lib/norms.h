/* norms.h - the table of norms, transcribed a second time with independent formulas, so that a
 * mistake in norm/ cannot go unnoticed.
 *
 * Shares only the names with norm/. A formula gives f for one row, and y = w f + beta. It gets
 * x - mean(x) in place of x if the norm `centers`, and r = 1/sqrt(mean square + eps), or a constant
 * for a frozen norm; r is 1 for norms without a statistic. No gradients: tests compute them as
 * differences of f. reference.h computes models with it, norm_bench.h single norms. To add a norm,
 * add its function and its row. */
#ifndef TESTS_LIB_NORMS_H
#define TESTS_LIB_NORMS_H

#include <math.h>
#include <stdbool.h>
#include <stddef.h>
#include <string.h>

enum { FORMULA_PARAMS = 4 };

typedef struct {
    const char *name;
    char role;         /* g gain, s shift (the beta of y), o other */
    const char *shape; /* "1", "C", "K,C" or "C,K" with K = C/8, at least 1 */
    double start, zero;
    bool by_width; /* start times sqrt(C) */
} FormulaParam;

typedef const long double *const *FormulaValues; /* of the parameters, in the order of the table */
typedef void Formula1(long double *f, const long double *x, size_t C, FormulaValues p,
                      long double r);

typedef struct {
    const char *name;
    Formula1 *row;
    FormulaParam param[FORMULA_PARAMS];
    const char *folds;   /* the parameters that w multiplies; "" if that is none of them */
    double eps, eps_out; /* in general, and in `out` slots */
    size_t n_stats;
    size_t n_ranks; /* vectors of K numbers among what a row keeps */
    bool centers;
    bool batch; /* statistics of a feature over the batch, not of a token over its features */
    bool bends; /* f is not linear in x if r is constant */
    bool raw;   /* f depends on x in another way than through x r */
} NormFormula;

static inline size_t formula_rank(size_t C) {
    return C / 8 > 1 ? C / 8 : 1;
}

static inline void gain_formula(long double *f, const long double *x, size_t C, FormulaValues p,
                                long double r) {
    for (size_t c = 0; c < C; c++) f[c] = p[0][c] * x[c] * r;
}

static inline void plus1_formula(long double *f, const long double *x, size_t C, FormulaValues p,
                                 long double r) {
    for (size_t c = 0; c < C; c++) f[c] = (1 + p[0][c]) * x[c] * r;
}

static inline void plain_formula(long double *f, const long double *x, size_t C, FormulaValues p,
                                 long double r) {
    (void)p;
    for (size_t c = 0; c < C; c++) f[c] = x[c] * r;
}

static inline void dyt_formula(long double *f, const long double *x, size_t C, FormulaValues p,
                               long double r) {
    (void)r;
    for (size_t c = 0; c < C; c++) f[c] = p[0][c] * tanhl(p[2][0] * x[c]);
}

static inline void derf_formula(long double *f, const long double *x, size_t C, FormulaValues p,
                                long double r) {
    (void)r;
    for (size_t c = 0; c < C; c++) f[c] = p[0][c] * erfl(p[2][0] * x[c] + p[3][0]);
}

static inline void seednorm_formula(long double *f, const long double *x, size_t C, FormulaValues p,
                                    long double r) {
    long double along = 0;
    for (size_t c = 0; c < C; c++) along += x[c] * p[2][c];
    for (size_t c = 0; c < C; c++) f[c] = (tanhl(along) * p[1][c] + p[0][c]) * x[c] * r;
}

static inline void bhyt_formula(long double *f, const long double *x, size_t C, FormulaValues p,
                                long double r) {
    for (size_t c = 0; c < C; c++) f[c] = p[0][c] * tanhl(p[1][0] * x[c] * r / 10);
}

/* r = 1/RMS, so |x| is sqrt(C)/r. */
static inline void scalenorm_formula(long double *f, const long double *x, size_t C,
                                     FormulaValues p, long double r) {
    for (size_t c = 0; c < C; c++) f[c] = p[0][0] * x[c] / (sqrtl((long double)C) / r);
}

enum { FORMULA_RANK_MAX = 64 };

static inline void gated_formula(long double *f, const long double *x, size_t C, FormulaValues p,
                                 long double r) {
    const size_t K = formula_rank(C);
    long double a[FORMULA_RANK_MAX];
    for (size_t k = 0; k < K; k++) {
        long double z = 0;
        for (size_t c = 0; c < C; c++) z += p[1][k * C + c] * (p[0][c] * x[c] * r);
        a[k] = z / (1 + expl(-z));
    }
    for (size_t c = 0; c < C; c++) {
        long double t = 0;
        for (size_t k = 0; k < K; k++) t += p[2][c * K + k] * a[k];
        f[c] = p[0][c] * x[c] * r / (1 + expl(-t));
    }
}

#define GAIN                                                                                       \
    { "gamma", 'g', "C", .start = 1 }
#define BIAS                                                                                       \
    { "beta", 's', "C" }

/* clang-format off */
static const NormFormula NORM_FORMULAS[] = {
    {"layernorm", gain_formula, {GAIN, BIAS}, "gamma", .eps = 1e-5, .eps_out = 1e-6, .n_stats = 2, .centers = true},
    {"rmsnorm", gain_formula, {GAIN}, "gamma", .eps = 1e-6, .eps_out = 1e-6, .n_stats = 1},
    {"rmsnorm_plus1", plus1_formula, {{"gamma", 'g', "C", .start = 0, .zero = -1}}, "gamma", .eps = 1e-6, .eps_out = 1e-6, .n_stats = 1},
    {"dyt", dyt_formula, {GAIN, BIAS, {"alpha", 'o', "1", .start = 0.5}}, "gamma"},
    {"batchnorm", gain_formula, {GAIN, BIAS}, "gamma", .eps = 1e-5, .eps_out = 1e-5, .centers = true, .batch = true},
    {"none", plain_formula, {{0}}, ""},
    {"derf", derf_formula, {GAIN, BIAS, {"alpha", 'o', "1", .start = 0.5}, {"shift", 'o', "1"}}, "gamma"},
    {"seednorm", seednorm_formula, {GAIN, {"a", 'o', "C", .start = 1}, {"b", 'o', "C"}}, "gamma a", .eps = 1e-6, .eps_out = 1e-6, .n_stats = 2, .bends = true, .raw = true},
    {"bhyt", bhyt_formula, {GAIN, {"lambda", 'o', "1", .start = 1}}, "gamma", .eps = 1e-6, .eps_out = 1e-6, .n_stats = 1, .bends = true},
    {"rmsnorm_plain", plain_formula, {{0}}, "", .eps = 1e-6, .eps_out = 1e-6, .n_stats = 1},
    {"scalenorm", scalenorm_formula, {{"g", 'g', "1", .start = 1, .by_width = true}}, "g", .eps = 1e-6, .eps_out = 1e-6, .n_stats = 1},
    {"gated", gated_formula, {GAIN, {"down.weight", 'o', "K,C"}, {"up.weight", 'o', "C,K"}}, "", .eps = 1e-6, .eps_out = 1e-6, .n_stats = 1, .n_ranks = 2, .bends = true},
    {"scale", gain_formula, {GAIN}, "gamma"}, /* the S of layerscale, which model.norm cannot name */
};
/* clang-format on */
enum { NORM_FORMULA_COUNT = sizeof NORM_FORMULAS / sizeof *NORM_FORMULAS };
#undef GAIN
#undef BIAS

/* The row of a norm, or NULL. */
static inline const NormFormula *norm_formula(const char *name) {
    for (size_t i = 0; i < NORM_FORMULA_COUNT; i++) {
        if (strcmp(NORM_FORMULAS[i].name, name) == 0) return &NORM_FORMULAS[i];
    }
    return NULL;
}

static inline size_t formula_params(const NormFormula *formula) {
    size_t count = 0;
    while (count < FORMULA_PARAMS && formula->param[count].name) count++;
    return count;
}

/* Rows of a parameter, and columns of a matrix (0 of others). */
static inline size_t formula_rows(const FormulaParam *param, size_t C) {
    return *param->shape == '1' ? 1 : *param->shape == 'K' ? formula_rank(C) : C;
}
static inline size_t formula_columns(const FormulaParam *param, size_t C) {
    const char *comma = strchr(param->shape, ',');
    return !comma ? 0 : comma[1] == 'K' ? formula_rank(C) : C;
}
static inline size_t formula_size(const FormulaParam *param, size_t C) {
    const size_t columns = formula_columns(param, C);
    return formula_rows(param, C) * (columns ? columns : 1);
}

/* The parameter of a norm whose tensor has that name ("blocks.0.attn.norm_in.gamma"), or NULL. */
static inline const FormulaParam *formula_param(const NormFormula *formula, const char *tensor) {
    for (size_t i = 0; i < formula_params(formula); i++) {
        const size_t n = strlen(tensor), m = strlen(formula->param[i].name);
        if (n > m && tensor[n - m - 1] == '.' &&
            strcmp(tensor + n - m, formula->param[i].name) == 0)
            return &formula->param[i];
    }
    return NULL;
}

/* The statistic r of a row: x (C) without its mean if the norm centers. Returns the mean. */
static inline long double formula_statistics(const NormFormula *formula, long double *x, size_t C,
                                             long double eps, long double *r) {
    long double mean = 0, squares = 0;
    for (size_t c = 0; c < C && formula->centers; c++) mean += x[c] / (long double)C;
    for (size_t c = 0; c < C; c++) {
        x[c] -= mean;
        squares += x[c] * x[c];
    }
    *r = formula->n_stats ? 1 / sqrtl(squares / (long double)C + eps) : 1;
    return mean;
}

#endif

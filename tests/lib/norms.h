/* norms.h - the table of norms, transcribed a second time with independent formulas, so that a
 * mistake in norm/ cannot go unnoticed.
 *
 * Shares only the names with norm/. y = w * (plus + gamma) * xhat + beta, where xhat is one of
 *     (x - mean) / sqrt(mean square + eps), the mean only if `centers`
 *     squash(alpha * x)
 *     x                                          if neither is set
 * reference.h computes models with it, norm_bench.h single norms and their gradients. To add a norm,
 * add its row, and its functions if it has a squash. */
#ifndef TESTS_LIB_NORMS_H
#define TESTS_LIB_NORMS_H

#include <math.h>
#include <stdbool.h>
#include <stddef.h>
#include <string.h>

typedef struct {
    const char *name;
    const char *parameters; /* of "gamma beta alpha" */
    double gamma_start, gamma_zero, alpha_start;
    double eps, eps_out; /* in general, and in `out` slots */
    double plus;
    size_t n_stats; /* the mean, if it centers, and 1/standard deviation or 1/RMS */
    bool centers;
    bool batch; /* statistics of a feature over the batch, not of a token over its features */
    long double (*squash)(long double z), (*slope)(long double z); /* and its derivative */
} NormFormula;

static inline long double tanh_slope(long double z) {
    return 1 / (coshl(z) * coshl(z));
}

/* clang-format off */
static const NormFormula NORM_FORMULAS[] = {
    {"layernorm", "gamma beta", .gamma_start = 1, .eps = 1e-5, .eps_out = 1e-6, .n_stats = 2, .centers = true},
    {"rmsnorm", "gamma", .gamma_start = 1, .eps = 1e-6, .eps_out = 1e-6, .n_stats = 1},
    {"rmsnorm_plus1", "gamma", .gamma_zero = -1, .plus = 1, .eps = 1e-6, .eps_out = 1e-6, .n_stats = 1},
    {"dyt", "gamma beta alpha", .gamma_start = 1, .alpha_start = 0.5, .squash = tanhl, .slope = tanh_slope},
    {"batchnorm", "gamma beta", .gamma_start = 1, .eps = 1e-5, .eps_out = 1e-5, .centers = true, .batch = true},
    {"none", ""},
    {"scale", "gamma", .gamma_start = 1}, /* the S of layerscale, which model.norm cannot name */
};
/* clang-format on */
enum { NORM_FORMULA_COUNT = sizeof NORM_FORMULAS / sizeof *NORM_FORMULAS };

/* The row of a norm, or NULL. */
static inline const NormFormula *norm_formula(const char *name) {
    for (size_t i = 0; i < NORM_FORMULA_COUNT; i++) {
        if (strcmp(NORM_FORMULAS[i].name, name) == 0) return &NORM_FORMULAS[i];
    }
    return NULL;
}

/* Whether `parameter` is one of the norm's: gamma, beta or alpha. */
static inline bool norm_formula_has(const NormFormula *formula, const char *parameter) {
    return strstr(formula->parameters, parameter) != NULL;
}

#endif

/* norm.h - the norm interface: one table line and one file per kind.
 *
 * One idea: a norm keeps its input and a few statistics per row, never its output; forward and
 * backward are two functions over a piece of the rows, on the calling thread, so a file of norm/
 * is formulas and nothing else. A kind that computes nothing (none) with its input as its output is
 * how an absent slot costs nothing. A kind that looks across rows (batchnorm) gathers before the
 * pieces. A Norm is plain data filled at planning; it owns nothing.
 * Read next: layernorm.c, rmsnorm.c, norm.c, then model/wiring.h. */
#ifndef NORM_NORM_H
#define NORM_NORM_H

#include "ops/ops.h"

#include <string.h>

typedef struct NormKind NormKind;

/* Constants in place of the statistic that a row would have: 1/deviation of row i of a pass stands
 * at (first + i) % rows. Where `centers` is not set, LayerNorm keeps the mean, too. Nothing flows
 * back through a constant. */
typedef struct {
    const real *r; /* (rows); NULL = nothing is frozen */
    size_t rows, first;
    bool centers;
} NormFrozen;

/* What a kind with running statistics is told of a pass, all norms of a model at once. */
typedef struct {
    bool training; /* by what the rows of the pass have; else by the running statistics */
    bool observes; /* and the running ones take that in */
} NormMode;

typedef struct {
    const NormKind *kind;
    size_t C;                      /* features of a row */
    real eps;                      /* added to the variance or mean square, inside the root */
    const real *gamma, *beta;      /* (C), NULL where the kind or the config has none */
    const real *alpha;             /* (1), dyt only */
    real *dgamma, *dbeta, *dalpha; /* their gradients */
    real *stats;                   /* (rows, kind->n_stats), written forward, read backward */
    const NormFrozen *frozen;      /* NULL where the kind has no statistic to freeze */
    real *columns;                 /* (kind->n_columns, C), written by gather, read by the pieces */
    real *running_mean, *running_var; /* (C), NULL where the kind has none */
    const NormMode *mode;             /* of the pass, kinds with running statistics only */
    /* norm_partials(C) elements of scratch for sums over rows, between a piece and norm_sum */
    real *partials;
} Norm;

/* Where a piece adds its sums over rows; zero at first. */
typedef struct {
    real *dgamma, *dbeta; /* (C) each; sum(dy * xhat) without w, sum(dy) */
    real *dalpha;         /* (1) */
} NormSums;

/* y, x, dx, dy are (rows, C), of which rows first .. end-1 are meant. `w` is the gamma-warmup
 * factor: gamma_eff = w * gain, beta unscaled. forward writes y and stats; y may be x only for
 * `none`. backward sets dx or adds to it, and adds to `sums`; the gradient of gamma is
 * w * sum(dy * xhat), since the stored gamma is the parameter. */
struct NormKind {
    const char *name;
    const char *equation;    /* one line for --list norms */
    bool gamma, beta, alpha; /* which parameters exist; beta also needs model.bias */
    double gamma_start;      /* where the gain is 1 */
    double gamma_zero;       /* where the gain is 0 */
    double alpha_start;
    double eps, eps_out; /* what model.norm_eps 0 means: everywhere, and in `out` slots */
    size_t n_stats;      /* of a row; 1/deviation is the last of them */
    size_t n_columns;    /* statistics of a feature over the rows of a pass */
    bool running;        /* whether running_mean and running_var are stored with the parameters */
    /* NULL, or where a kind looks across rows: all of them, before the first piece of a pass. */
    void (*gather)(const Norm *norm, const real *x, size_t rows);
    void (*gather_backward)(const Norm *norm, const real *dy, const real *x, size_t rows);
    void (*forward)(const Norm *norm, real *y, const real *x, real w, size_t first, size_t end);
    void (*backward)(const Norm *norm, NormSums sums, real *dx, const real *dy, const real *x,
                     real w, size_t first, size_t end, GradWrite write);
};

extern const NormKind norm_layernorm, norm_rmsnorm, norm_rmsnorm_plus1, norm_dyt, norm_none,
    norm_batchnorm;
/* A gain alone, y = w*gamma*x: the S slots of layerscale. Not a choice of model.norm. */
extern const NormKind norm_scale;

/* Whether the rows of a pass are divided by constants; and the constant of one. */
static inline bool norm_is_frozen(const Norm *norm) {
    return norm->frozen && norm->frozen->r;
}
static inline real norm_frozen_r(const Norm *norm, size_t row) {
    return norm->frozen->r[(norm->frozen->first + row) % norm->frozen->rows];
}

/* Whether it must see all rows before the first piece, which norm_forward and norm_backward do. */
static inline bool norm_gathers(const Norm *norm) {
    return norm->kind->gather != NULL;
}

/* The kinds that model.norm can name, by index; NULL past the last. */
const NormKind *norm_kind(int i);
const char *norm_name(int i);
/* Whether optim.rmsnorm_lr_scale applies: rmsnorm and its (1+g) form. */
bool norm_is_rms(const NormKind *kind);

/* All rows, by all threads. */
void norm_forward(const Norm *norm, real *y, const real *x, real w, size_t rows);
void norm_backward(const Norm *norm, real *dx, const real *dy, const real *x, real w, size_t rows,
                   GradWrite write);

/* The same in pieces, as rows_share hands them out, of kinds that gather nothing; after the last
 * piece of a backward pass, norm_sum adds their sums to the gradients, in the order of the pieces.
 */
static inline void norm_forward_piece(const Norm *norm, real *y, const real *x, real w,
                                      size_t first, size_t end) {
    norm->kind->forward(norm, y, x, w, first, end);
}
void norm_backward_piece(const Norm *norm, size_t chunk, real *dx, const real *dy, const real *x,
                         real w, size_t first, size_t end, GradWrite write);
void norm_sum(const Norm *norm, real w);

/* For the kinds: what a row of dx holds before its gradient is added. The row is in the cache, so
 * this costs no memory traffic. */
static inline void norm_row_start(real *dx, size_t C, GradWrite write) {
    if (write == GRAD_SET) memset(dx, 0, C * sizeof *dx);
}

/* Elements of Norm.partials for rows of at most C features. */
size_t norm_partials(size_t C);

#endif

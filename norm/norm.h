/* norm.h - the interface of a norm: one line of the table and one file per kind.
 *
 * One idea: a norm keeps its input and a few statistics per row, never its output. Forward and
 * backward are two functions over a range of rows on the calling thread, so a file of norm/
 * contains the formulas, the table of its parameters and nothing else. The kind `none` computes
 * nothing where its input is its output, so an absent slot costs nothing. A kind with statistics over the rows (batchnorm)
 * computes them in `gather`, before the first range. A Norm is plain data, filled when the model is
 * planned; it owns nothing.
 * Read next: layernorm.c, rmsnorm.c, norm.c, then model/wiring.h. */
#ifndef NORM_NORM_H
#define NORM_NORM_H

#include "ops/ops.h"

#include <string.h>

typedef struct NormKind NormKind;

/* Constants that replace the scale r of every row (1/standard deviation in LayerNorm, 1/RMS in
 * RMSNorm) when a norm is frozen: row i of a pass uses r[(first + i) % rows]. LayerNorm still
 * subtracts the mean of each row where `centers` is set. Constants have no gradient. */
typedef struct {
    const real *r; /* (rows); NULL = not frozen */
    size_t rows, first;
    bool centers;
} NormFrozen;

/* What a pass does with batch and running statistics; one for all norms of a model. */
typedef struct {
    bool training; /* normalize by the statistics of the batch, else by the running ones */
    bool observes; /* and update the running ones */
} NormMode;

/* --- parameters --- */

enum { NORM_PARAMS = 4 }; /* the most parameters of a kind */

/* What a parameter is to code that does not know the kind. */
typedef enum {
    NORM_GAIN,  /* scales the output: its initial value depends on the slot, and it is decayed by
                   optim.decay_gamma_in and decay_gamma_out */
    NORM_SHIFT, /* is added to the output: exists with model.bias only, and is never decayed */
    NORM_OTHER, /* matrices are decayed, scalars and vectors are not */
} NormRole;

/* (1); (C); matrices (rank,C) and (C,rank) with rank = norm_rank(C). */
typedef enum { NORM_SCALAR, NORM_VECTOR, NORM_DOWN, NORM_UP } NormShape;

/* A matrix starts as N(0, model.init_std^2), everything else as a constant. */
typedef struct {
    const char *name; /* of its tensor, after the name of the norm: gamma */
    NormRole role;
    NormShape shape;
    double start;  /* initial value; of a gain, that of an ordinary slot */
    double zero;   /* of a gain: the value at which the output is 0 */
    bool by_width; /* both are multiplied by sqrt(C) */
} NormParam;

typedef struct {
    const NormKind *kind;
    size_t C;                         /* features of a row */
    real eps;                         /* added to the variance or mean square, inside the root */
    const real *param[NORM_PARAMS];   /* in the order of kind->param; NULL where there is none */
    real *grad[NORM_PARAMS];          /* their gradients */
    real *stats;                      /* (rows, norm_stats), written forward, read backward */
    const NormFrozen *frozen;         /* NULL where the kind has no statistic to freeze */
    real *columns;                    /* (kind->n_columns, C), written by gather, read per row */
    real *running_mean, *running_var; /* (C), NULL where the kind has none */
    const NormMode *mode;             /* of the pass; kinds with running statistics only */
    real *partials; /* (norm_partials) scratch of a backward pass, up to norm_sum */
} Norm;

/* Sums over rows, to which a range of rows adds. The caller zeroes them. They exist for every
 * parameter of the kind. */
typedef struct {
    real *sum[NORM_PARAMS]; /* gradients; that of a gain without the factor w */
    real *scratch;          /* (kind->scratch) for the kind's own use, not zeroed */
} NormSums;

/* The rows that a call computes, and how. */
typedef struct {
    size_t first, end; /* rows first .. end-1 */
    real w;            /* factor of the gamma warm-up, on everything but a shift */
    GradWrite write;   /* how dx is written; not used by forward */
} NormSpan;

/* y, x, dx and dy are (rows, C) in full; a call touches the rows of `span`. forward writes y and
 * stats; y may be x for `none` only. backward sets dx or adds to it, and adds to `sums`.
 * y = w * f(x) + shift: w multiplies the output, whatever a kind's formula is. It does not change
 * what the formula computes with, such as the gate of `gated`. */
struct NormKind {
    const char *name;
    const char *equation;         /* one line for --list norms */
    NormParam param[NORM_PARAMS]; /* up to one without a name */
    double eps, eps_out; /* defaults for model.norm_eps 0: in general, and in `out` slots */
    size_t n_stats;      /* statistics per row; the last one is r, the scale */
    size_t n_ranks;      /* before these: vectors of norm_rank(C) numbers that a row keeps */
    size_t n_columns;    /* statistics per feature, over the rows of a pass */
    bool running;        /* whether running_mean and running_var are stored with the parameters */
    /* Numbers of scratch that a range of rows needs backward; NULL = none. */
    size_t (*scratch)(size_t C);
    /* For kinds with statistics over rows: called with all rows, before the first range of a
     * pass. NULL otherwise. */
    void (*gather)(const Norm *norm, const real *x, size_t rows);
    void (*gather_backward)(const Norm *norm, const real *dy, const real *x, size_t rows);
    void (*forward)(const Norm *norm, real *y, const real *x, NormSpan span);
    void (*backward)(const Norm *norm, NormSums sums, real *dx, const real *dy, const real *x,
                     NormSpan span);
};

/* Kinds that other files name; norm.c lists all. */
extern const NormKind norm_layernorm, norm_rmsnorm, norm_rmsnorm_plus1, norm_dyt, norm_none,
    norm_batchnorm, norm_seednorm, norm_rmsnorm_plain, norm_scalenorm, norm_gated;
/* A gain alone, y = w*gamma*x: the S slots of layerscale. Not a value of model.norm. */
extern const NormKind norm_scale;

/* Whether constants replace the statistics of the rows, and the constant of a row. */
static inline bool norm_is_frozen(const Norm *norm) {
    return norm->frozen && norm->frozen->r;
}
static inline real norm_frozen_r(const Norm *norm, size_t row) {
    return norm->frozen->r[(norm->frozen->first + row) % norm->frozen->rows];
}

/* Whether the norm needs all rows before the first range. norm_forward and norm_backward take care
 * of it; the *_piece functions cannot be used. */
static inline bool norm_gathers(const Norm *norm) {
    return norm->kind->gather != NULL;
}

/* The kinds that model.norm can name, by index; NULL past the end. */
const NormKind *norm_kind(int i);
const char *norm_name(int i);
/* Whether optim.rmsnorm_lr_scale applies: to rmsnorm and rmsnorm_plus1. */
bool norm_is_rms(const NormKind *kind);

/* The parameter of a kind that has a role, the first one; NULL if none has. */
const NormParam *norm_param(const NormKind *kind, NormRole role);
size_t norm_param_count(const NormKind *kind);
/* Whether y = gain * f(x) + shift with an f that does not depend on the gain: so it is unless the
 * kind has vectors or matrices that are neither. */
bool norm_gain_is_factor(const NormKind *kind);
/* Whether y = gain * r x with one number r > 0 of each row: a kind with gains only that keeps one
 * statistic. Such a norm does not see a positive factor of a row. */
bool norm_is_scaling(const NormKind *kind);
/* The rows and columns of a parameter of a norm of C features; columns are 0 of all but matrices. */
size_t norm_param_rows(const NormParam *param, size_t C);
size_t norm_param_columns(const NormParam *param, size_t C);
/* The gain of a norm as the factors of its output, and its shift, (C) each; 1 and 0 where it has
 * none. */
void norm_affine(const Norm *norm, double *gain, double *shift);
/* Sets the gain to factors of 1, and the shift to 0. */
void norm_neutralize(const Norm *norm);
size_t norm_rank(size_t C); /* C/8, at least 1 */
/* Statistics that each row of C features keeps. */
size_t norm_stats(const NormKind *kind, size_t C);

/* All rows, on all threads. */
void norm_forward(const Norm *norm, real *y, const real *x, real w, size_t rows);
void norm_backward(const Norm *norm, real *dx, const real *dy, const real *x, real w, size_t rows,
                   GradWrite write);

/* One range of rows, on the calling thread, for kinds without `gather`. `chunk` is the number that
 * rows_share gives to the range. After the last range of a backward pass, norm_sum adds the partial
 * sums of all chunks to the gradients, in the order of the chunks. */
static inline void norm_forward_piece(const Norm *norm, real *y, const real *x, NormSpan span) {
    norm->kind->forward(norm, y, x, span);
}
void norm_backward_piece(const Norm *norm, size_t chunk, real *dx, const real *dy, const real *x,
                         NormSpan span);
void norm_sum(const Norm *norm, real w);

/* For the kinds: prepares a row of dx, to which its gradient is then added. The row stays in the
 * cache, so zeroing it costs no memory traffic. */
static inline void norm_row_start(real *dx_row, size_t C, GradWrite write) {
    if (write == GRAD_SET) memset(dx_row, 0, C * sizeof *dx_row);
}

/* Elements of Norm.partials for rows of at most C features. */
size_t norm_partials(const NormKind *kind, size_t C);

#endif

/* params.h - the registry: every parameter by name, kind and shape.
 *
 * One idea: what is done to a parameter - its first values, its decay - follows from its kind, and
 * nothing ever addresses a tensor by number. Values, gradients and the two moments of Adam are one
 * contiguous allocation each, in registry order, block after block.
 * Filled in two passes: adding counts, params_bind allocates, adding again returns the pointers.
 * The registry owns names and memory. Read next: plan.h. */
#ifndef MODEL_PARAMS_H
#define MODEL_PARAMS_H

#include "ops/ops.h"

typedef enum {
    PARAM_MATRIX,    /* every 2-D tensor, embeddings and head included */
    PARAM_BIAS,      /* of a matrix */
    PARAM_GAMMA_IN,  /* block slots: norm_in */
    PARAM_GAMMA_OUT, /* block slots: norm_out and norm_post */
    PARAM_GAMMA,     /* embedding, final and q/k/v norms */
    PARAM_BETA,
    PARAM_ALPHA,
    PARAM_STATISTIC, /* what a norm remembers of its inputs: stored like the others, not trained */
} ParamKind;

typedef struct {
    char *name;
    ParamKind kind;
    size_t shape[2]; /* (out, in) of a matrix; (n, 0) of a vector */
    size_t count, offset;
    bool table;        /* a matrix that is looked up and never multiplied */
    double std;        /* matrices: N(0, std^2) ... */
    double start;      /* all others: this value */
    size_t tail_begin; /* ... but elements from here on ... */
    double tail_std;   /* ... N(0, tail_std^2); tail_begin = count where there is no such tail */
} Param;

/* Where a parameter and its gradient live; both NULL while measuring, grad NULL without training.
 */
typedef struct {
    real *value, *grad;
} ParamRef;

typedef struct {
    Param *list;  /* stb_ds array */
    size_t bound; /* how many were added in the binding pass */
    bool binding;
    size_t total;      /* elements of all tensors that are trained */
    size_t statistics; /* and of those that are not */
    size_t size;       /* elements of one allocation, each tensor aligned to 64 bytes */
    bool zeroed;       /* gradients of products count as zero, whatever stands there */
    real *values, *grads, *m, *v;
} Params;

/* Each adds a parameter (first pass) or finds it (second pass, same order). A matrix is (out, in)
 * and its last `tail_rows` rows may be drawn with a std of their own; a table is a matrix of which
 * rows are looked up; a vector starts at a constant. */
ParamRef params_matrix(Params *params, const char *name, size_t out, size_t in, double std,
                       size_t tail_rows, double tail_std);
ParamRef params_table(Params *params, const char *name, size_t rows, size_t width, double std);
ParamRef params_vector(Params *params, const char *name, ParamKind kind, size_t n, double start);

/* Ends the first pass: allocates values, and with `training` also gradients and moments. */
void params_bind(Params *params, bool training);
/* First values of every tensor: a function of seed, name, shape and std, and of nothing else. */
void params_init(Params *params, uint32_t seed);
/* Makes all gradients count as zero. Those of products are not touched: the first product to leave
 * one overwrites it (params_grad_write), which saves two passes over the weights. */
void params_zero_grads(Params *params);
/* What the next product does with its gradient; once every product has, params_written. */
GradWrite params_grad_write(const Params *params);
void params_written(Params *params);
void params_free(Params *params);

/* Whether no value is NaN or infinite: weights that are not must never reach a checkpoint. */
bool params_finite(const Params *params);

size_t params_count(const Params *params); /* tensors */
size_t params_total(const Params *params); /* elements, statistics left out */
bool param_is_trained(const Param *param);
/* Index of the parameter of that name, or the number of tensors where there is none. */
size_t params_find(const Params *params, const char *name);

#endif

/* params.h - the registry of parameters: name, kind and shape of every tensor.
 *
 * One idea: initial values, weight decay and learning rate of a tensor follow from its kind and its
 * name, never from its index. Values, gradients and the two moments of the optimizer are one
 * contiguous allocation each, in registry order, block after block.
 * The registry is filled in two passes: the first counts, params_bind allocates, and the second
 * returns the pointers. It owns the names and the memory, that of the moments included, which the
 * optimizer asks for. Read next: plan.h. */
#ifndef MODEL_PARAMS_H
#define MODEL_PARAMS_H

#include "model/scaling.h"
#include "ops/ops.h"

typedef enum {
    PARAM_MATRIX,    /* every 2-D tensor, embeddings, head and matrices of norms included */
    PARAM_BIAS,      /* of a matrix */
    PARAM_GAMMA_IN,  /* block slots: norm_in */
    PARAM_GAMMA_OUT, /* block slots: norm_out and norm_post */
    PARAM_GAMMA,     /* embedding, final and q/k/v norms */
    PARAM_BETA,
    PARAM_NORM,        /* scalars and vectors of a norm that are neither gamma nor beta */
    PARAM_COEFFICIENT, /* learned coefficients of the residual stream */
    PARAM_STATISTIC,   /* running statistics of a norm: in checkpoints, but not trained */
} ParamKind;

enum { PARTS_MAX = 3 };

typedef struct {
    char *name;
    ParamKind kind;
    size_t shape[2]; /* (out, in) of a matrix; (n, 0) of a vector */
    size_t count, offset;
    bool table; /* a matrix whose gradient is only added to, not set by a matmul: embeddings, whose
                   rows are looked up, and matrices of norms */
    /* The weight of a linear layer of a block consists of one or several matrices, one below the
     * other: the rows of each, 0 after the last. Query, key and value are three. parts[0] = 0: any
     * other tensor. */
    size_t parts[PARTS_MAX];
    size_t v_offset; /* of the second moment; NO_MOMENT = it has none */
    TensorFactors
        factors; /* std is part of `std` and `tail_std`; the others are factors of the update, 1
                              unless set */
    /* Initial values: a matrix has N(0, std^2), from element `tail_begin` on N(0, tail_std^2)
     * (tail_begin = count: no such tail). All other kinds have the constant `start`. */
    double std, start;
    size_t tail_begin;
    double tail_std;
} Param;

/* Pointers to a parameter and its gradient. Both are NULL while counting, `grad` is NULL without
 * training. */
typedef struct {
    real *value, *grad;
} ParamRef;

#define NO_MOMENT SIZE_MAX

typedef struct {
    Param *list;  /* stb_ds array */
    size_t bound; /* number of parameters found so far in the second pass */
    bool binding;
    size_t total;      /* elements of all trained tensors */
    size_t statistics; /* elements of all others */
    size_t size;       /* elements of one allocation, each tensor aligned to 64 bytes */
    bool zeroed;       /* weight gradients of matmuls are zero, whatever the memory contains */
    real *values, *grads, *m, *v;
} Params;

/* Each call adds a parameter (first pass) or finds it (second pass, in the same order). A matrix is
 * (out, in); its last `tail_rows` rows have the initial std `tail_std`. */
ParamRef params_matrix(Params *params, const char *name, size_t out, size_t in, double std,
                       size_t tail_rows, double tail_std);
ParamRef params_table(Params *params, const char *name, size_t rows, size_t width, double std);
ParamRef params_vector(Params *params, const char *name, ParamKind kind, size_t n, double start);

/* Says that the matrix that was added or found last is the weight of a linear layer of a block, and
 * which rows are matrices of their own. */
void params_set_parts(Params *params, const size_t parts[PARTS_MAX]);

/* Multiplies the initial standard deviation and the factors of the update of the parameter that was added
 * or found last. */
void params_scale(Params *params, TensorFactors factors);

/* Ends the first pass: allocates values, and with `training` also gradients. */
void params_bind(Params *params, bool training);
/* Allocates the moments, zeroed: the first of every tensor, the second of all or, with `muon`, of
 * those that are no weight of a linear layer of a block. */
void params_bind_moments(Params *params, bool muon);
/* Sets the initial values of every tensor, a function of seed, name, shape and std only. */
void params_init(Params *params, uint32_t seed);
/* Zeroes all gradients. Those of matmul weights are only marked as zero: the first matmul that
 * computes one sets it instead of adding (params_grad_write). That saves two passes over the
 * weights. params_written ends this once every weight gradient is set. */
void params_zero_grads(Params *params);
GradWrite params_grad_write(const Params *params);
void params_written(Params *params);
void params_free(Params *params);

/* Copies the values of all tensors of `from` that `to` has under the same name; returns their number.
 * A tensor of both has one shape. */
size_t params_copy(Params *to, const Params *from);
/* Whether no value is NaN or infinite. Other weights must never get into a checkpoint. */
bool params_finite(const Params *params);

/* The weights of the linear layers of all blocks, which Muon updates. */
typedef struct {
    size_t tensors, matrices, parameters; /* query, key and value are one tensor, three matrices */
    double bytes;                         /* of one copy of the tensors, padding included */
    size_t scratch;                       /* the most that one matrix needs: muon_scratch() */
    double flops;                         /* of one update of each: muon_flops() */
} LinearSize;
LinearSize params_linear_size(const Params *params);

size_t params_count(const Params *params); /* tensors */
size_t params_total(const Params *params); /* elements, statistics not counted */
bool param_is_trained(const Param *param);
/* Index of the parameter of that name; params_count where there is none. */
size_t params_find(const Params *params, const char *name);

#endif

/* scaling.h - model.scaling: how a model is changed so that the learning rate tuned on a smaller one fits.
 *
 * One idea: everything follows from m_N = d_model / base_d_model and m_L = n_layer / base_n_layer. Three
 * factors belong to the forward pass: branches are multiplied by m_L^-alpha and logits by 1/m_N, and the
 * scores of attention by 1/head_size instead of 1/sqrt(head_size). All others belong to tensors, by kind:
 * the table in scaling.c. Plain data, nothing is owned.
 * Equations and sources: docs/scaling.md. Read next: params.h, then plan.h. */
#ifndef MODEL_SCALING_H
#define MODEL_SCALING_H

#include "model/options.h"

/* What a tensor is for the rules of scaling. */
typedef enum {
    TENSOR_EMBEDDING,     /* token and position table; a tied table is the head, too */
    TENSOR_HEAD,          /* of its own */
    TENSOR_OUTER_VECTOR,  /* of embedding norm and final norm; the bias of the head */
    TENSOR_OUTER_MATRIX,  /* the same, where such a norm has matrices */
    TENSOR_HIDDEN_VECTOR, /* of a block: biases, gains, betas, coefficients */
    TENSOR_HIDDEN_MATRIX, /* of a block: weights of linear layers, matrices of norms */
    TENSOR_KINDS
} TensorKind;
const char *tensor_kind_name(int i); /* "embedding", "head" ...; NULL past the end */

/* Factors of the initial standard deviation and of optim.lr, optim.eps and optim.weight_decay. */
typedef struct {
    double std, lr, eps, decay;
} TensorFactors;

typedef struct {
    int kind;                           /* model.scaling */
    double width, depth;                /* m_N, m_L; 1 without scaling */
    double alpha;                       /* power of m_L */
    double branch, logits;              /* factors; 1 without scaling */
    TensorFactors tensor[TENSOR_KINDS]; /* all 1 without scaling */
} Scaling;

Scaling scaling_of(const ModelOptions *options);
/* The factor of the scores of attention, for heads of HS features. */
double scaling_scores(const Scaling *scaling, size_t HS);
/* Whether m_N = m_L = 1: only the scores of attention differ from a model without scaling. */
bool scaling_is_base(const Scaling *scaling);

#endif

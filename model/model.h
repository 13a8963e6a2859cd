/* model.h - the whole network: embedding, blocks, head.
 *
 *   x = dropout(N_emb(tok_emb[token] + pos_emb[t]))    d = x
 *   blocks: sublayers attention and mlp, see wiring.h
 *   h = x | N_final(x) | x + N_final(d)                logits = h W^T
 *
 * One idea: a model is planned once from its options and then only runs; forward, loss and backward
 * allocate nothing. The Model owns its parameters and buffers until model_free.
 * Read next: model.c, then generate.h. */
#ifndef MODEL_MODEL_H
#define MODEL_MODEL_H

#include "model/size.h"
#include "model/sublayer.h"

/* What a model is for: forward passes; training, with every block's activations kept for its
 * backward pass; or training in less memory, where a block keeps its output alone and runs once
 * more before its backward pass (Chen et al. 2016, arXiv 1604.06174), to the same bits. */
typedef enum { MODEL_FORWARD, MODEL_TRAIN, MODEL_RECOMPUTE } ModelUse;

/* Norms of a block at most: three in either sublayer and those of q, k, v. */
enum { BLOCK_SITES = 9 };

typedef struct {
    Sublayer attn, mlp;
    real *y;          /* (B,T,C) its output */
    size_t sites_end; /* of model->site, those of this block end here */
    bool early;       /* the MLP's backward pass adds to what attention's will add to */
} Block;

typedef struct {
    ModelOptions options;
    GammaWarmup warmup;
    Shape shape;
    ModelUse use;
    Wiring wiring;
    Params params;
    Arena arena;
    ParamRef tok_emb, pos_emb, head; /* (V,C), (T,C) or NULL, (V,C): tok_emb where tied */
    Norm embed_norm, final_norm;
    NormSite *site; /* (n_sites) every norm that has a statistic, in the order of its parameters */
    size_t n_sites;
    NormMode norm_mode; /* of the pass under way, read by norms with running statistics */
    ScaleSums *seen;    /* (n_sites) of the update that is going on; NULL without norm_removal */
    SublayerShared shared;
    Block *block; /* (L) */
    real *head_scratch;
    real *e, *x0, *d, *h; /* (B,T,C): embedding sum, first stream, second stream, head's input */
    real *de, *dd, *dh;
    real *dstream[3]; /* gradients of the streams, see plan_block; the first is that of x0 */
    const real *x;    /* (B,T,C) stream after the last block */
    real *dx;         /* its gradient */
    double *losses;   /* (B,T) */
    real *logits;     /* (V), for sampling */
} Model;

/* The rules between the model's keys; false with one sentence that names them. */
bool model_check(const ModelOptions *options, char *error, size_t size);

/* What model_create would take, without taking it; false where the options contradict each other,
 * with one sentence. */
bool model_measure(ModelSize *size, const ModelOptions *options, const GammaWarmup *warmup,
                   size_t V, size_t batch, ModelUse use, char *error, size_t error_size);

/* A model for batches of up to `batch` rows over a vocabulary of V; options must pass model_check
 * and outlive it. What the
 * machine cannot hold, or BLAS not count, ends the program (EXIT_USAGE) before it is taken. */
Model *model_create(const ModelOptions *options, const GammaWarmup *warmup, size_t V, size_t batch,
                    ModelUse use);
void model_free(Model *model);
/* First values of all parameters. */
void model_init(Model *model, uint32_t seed);

/* Tokens to h. Where pass->past is not 0, B and T are 1: the token at position `past` of a row
 * whose earlier ones this model has run, without a gap and without gradients; it reads their keys
 * and values where they stand, and its own row of every other buffer is the first. */
void model_forward(Model *model, const Pass *pass);
/* The sum of the cross-entropies of pass->targets in nats, after model_forward; model->losses holds
 * each. In training it also sets dh and adds to the head's weights: the gradient of
 * grad_scale * sum. */
double model_loss(Model *model, const Pass *pass);
/* From dh to the gradients of all parameters (added). */
void model_backward(Model *model, const Pass *pass);
/* forward, loss and backward of one micro-batch; returns the sum of losses. */
double model_train(Model *model, const Pass *pass);

/* Makes the norms what norm_removal says they are once `updates` are taken: divided by the
 * constants that their averages are, or themselves. One whose average nothing has set yet stays
 * itself. */
void model_remove_norms(Model *model, size_t updates);
/* An update begins: model->seen, which its passes add to, is emptied. Where it is applied, it goes
 * into the averages of the norms that are still themselves. */
void model_see_anew(Model *model);
void model_remember(Model *model);

/* The logits (V) of position t of row 0, after model_forward; the caller may change them. */
real *model_logits(Model *model, size_t t);

#endif

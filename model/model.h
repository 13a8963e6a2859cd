/* model.h - the whole network: embedding, blocks, head.
 *
 *   x = dropout(N_emb(embed_scale (tok_emb[token] + pos_emb[t])))    d = x
 *   blocks: sublayers attention and mlp, see topologies.h
 *   h = x | N_final(x) | x + N_final(d)                logits = cap(h W^T / m_N + bias)
 *
 * One idea: a model is planned once from its options and then only runs. Forward, loss and backward
 * allocate nothing. The Model owns its parameters and buffers until model_free.
 * Read next: model.c, then generate.h. */
#ifndef MODEL_MODEL_H
#define MODEL_MODEL_H

#include "model/size.h"
#include "model/sublayer.h"

/* What a model is for: forward passes; training, which keeps the activations of all blocks for the
 * backward pass; or training with recomputation (Chen et al. 2016, arXiv 1604.06174), which keeps
 * the output of each block, runs the block again before its backward pass, and computes the same
 * bits in less memory. */
typedef enum { MODEL_FORWARD, MODEL_TRAIN, MODEL_RECOMPUTE } ModelUse;

/* The most norms that a block can have: four in each sublayer and those of q, k, v. */
enum { BLOCK_SITES = 2 * SLOTS + 3 };

typedef struct {
    Sublayer attn, mlp;
    real *y;                       /* (B,T,C) its output */
    size_t sites_begin, sites_end; /* its norms in model->site */
    bool early_grads; /* the MLP's backward pass adds to the gradients of x_block or of attention's
                         u, which attention itself would otherwise be the first to write */
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
    ParamRef head_bias;              /* (V) or NULL */
    Norm embed_norm, final_norm;
    NormSite *site; /* (n_sites) every norm that has a statistic, in the order of its parameters */
    size_t n_sites;
    NormMode norm_mode;    /* of the current pass, for norms with running statistics */
    ScaleSums *scale_sums; /* (n_sites) sums of 1/r over this step; NULL without norm_removal */
    SublayerShared shared;
    Block *block; /* (L) */
    real *head_scratch;
    real *e, *x0, *d,
        *h;  /* (B,T,C): embedding sum, first x, second stream, input of the head ... */
    real *z; /* ... and h / m_N, which the head reads: h without model.scaling */
    real *de, *dd, *dh;
    real *dx_0;       /* gradient of x0 as a term of the sums of blocks; NULL without such terms */
    real *dstream[3]; /* gradients of the stream, see plan_block; dstream[0] is that of x0 */
    const real *x;    /* (B,T,C) output of the last block */
    real *dx;         /* its gradient */
    double *losses;   /* (B,T) */
    real *logits;     /* (V), for sampling */
} Model;

/* Checks the rules between the keys of the model; false with one sentence that names the keys. */
bool model_check(const ModelOptions *options, char *error, size_t size);

/* The size of the model that model_create would allocate. False where the options contradict each
 * other, with one sentence. */
bool model_measure(ModelSize *size, const ModelOptions *options, const GammaWarmup *warmup,
                   size_t V, size_t batch, ModelUse use, char *error, size_t error_size);

/* A model for batches of up to `batch` sequences over a vocabulary of V. The options must pass
 * model_check and outlive the model. A model that does not fit into memory, or whose extents
 * overflow the int of BLAS, ends the program (EXIT_USAGE) before anything is allocated. */
Model *model_create(const ModelOptions *options, const GammaWarmup *warmup, size_t V, size_t batch,
                    ModelUse use);
void model_free(Model *model);
/* Sets the initial values of all parameters. */
void model_init(Model *model, uint32_t seed);

/* From tokens to h. With pass->past > 0, B and T must be 1: the pass runs the token at position
 * `past` of a sequence, of which this model has run all earlier tokens, without a gap and without
 * gradients. It attends to their keys and values; in all other buffers it has row 0. */
void model_forward(Model *model, const Pass *pass);
/* The sum of the cross-entropies of pass->targets in nats, after model_forward; model->losses has
 * each of them. In training it also computes dh and the gradient of the head's weight, both of
 * grad_scale * sum. */
double model_loss(Model *model, const Pass *pass);
/* From dh to the gradients of all parameters, which are added to. */
void model_backward(Model *model, const Pass *pass);
/* forward, loss and backward of one micro-batch; returns the sum of losses. */
double model_train(Model *model, const Pass *pass);

/* Applies norm_removal after `steps` steps: each norm whose group is due is frozen at its running
 * mean of 1/r, all others are active. A norm whose running mean has no value yet stays active. */
void model_remove_norms(Model *model, size_t steps);
/* At the start of a step: zeroes model->scale_sums, to which its passes add. */
void model_reset_scale_sums(Model *model);
/* When a step is applied: updates the running means of 1/r of all active norms. */
void model_update_running_scales(Model *model);

/* The logits (V) of position t of the first sequence, after model_forward; the caller may change
 * them. */
real *model_logits(Model *model, size_t t);

#endif

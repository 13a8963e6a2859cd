/* model.h - the whole network: embedding, blocks, head.
 *
 *   x = dropout(N_emb(tok_emb[token] + pos_emb[t]))    d = x
 *   blocks: sublayers attention and mlp, see wiring.h
 *   h = x | N_final(x) | x + N_final(d)                logits = h W^T
 *
 * One idea: a model is planned once from its options and then only runs; forward, loss and backward
 * allocate nothing. The Model owns its parameters and buffers until model_free.
 * Floor 3. Read next: model.c, then generate.h. */
#ifndef MODEL_MODEL_H
#define MODEL_MODEL_H

#include "model/size.h"
#include "model/sublayer.h"

typedef struct {
    Sublayer attn, mlp;
} Block;

typedef struct {
    ModelOptions options;
    GammaWarmup warmup;
    Shape shape;
    Wiring wiring;
    Params params;
    Arena arena;
    ParamRef tok_emb, pos_emb, head; /* (V,C), (T,C) or NULL, (V,C): tok_emb where tied */
    Norm embed_norm, final_norm;
    SublayerShared shared;
    Block *block; /* (L) */
    real *head_scratch;
    real *e, *x0, *d, *h; /* (B,T,C): embedding sum, first stream, second stream, head's input */
    real *de, *dstream[2], *dmiddle, *dd,
        *dh;        /* their gradients; streams alternate between blocks */
    const real *x;  /* (B,T,C) stream after the last block */
    real *dx;       /* its gradient */
    double *losses; /* (B,T) */
    real *logits;   /* (V), for sampling */
} Model;

/* The rules between the model's keys; false with one sentence that names them. */
bool model_check(const ModelOptions *options, char *error, size_t size);

/* What model_create would take, without taking it; false where the options contradict each other,
 * with one sentence. */
bool model_measure(ModelSize *size, const ModelOptions *options, const GammaWarmup *warmup,
                   size_t V, size_t batch, bool training, char *error, size_t error_size);

/* A model for batches of up to `batch` rows over a vocabulary of V; options must pass model_check
 * and outlive it. Without `training` there are no gradients and only forward passes work. What the
 * machine cannot hold, or BLAS not count, ends the program (EXIT_USAGE) before it is taken. */
Model *model_create(const ModelOptions *options, const GammaWarmup *warmup, size_t V, size_t batch,
                    bool training);
void model_free(Model *model);
/* First values of all parameters. */
void model_init(Model *model, uint32_t seed);

/* Tokens to h. */
void model_forward(Model *model, const Pass *pass);
/* The sum of the cross-entropies of pass->targets in nats, after model_forward; model->losses holds
 * each. In training it also sets dh and adds to the head's weights: the gradient of
 * grad_scale * sum. */
double model_loss(Model *model, const Pass *pass);
/* From dh to the gradients of all parameters (added). */
void model_backward(Model *model, const Pass *pass);
/* forward, loss and backward of one micro-batch; returns the sum of losses. */
double model_train(Model *model, const Pass *pass);

/* The logits (V) of position t of row 0, after model_forward; the caller may change them. */
real *model_logits(Model *model, size_t t);

#endif

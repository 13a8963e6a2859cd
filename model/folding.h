/* folding.h - gains moved into the matrices that read them, and norms that another norm undoes.
 *
 *   W (g * xhat + s) + b = (W diag(g)) xhat + (b + W s)      a gain and a shift fold into W and b
 *   N2(f(N1(x))) = N2(f(g * x))                              N1 is gone: see below
 *
 * One idea: whether a gain folds depends only on what reads the output of its norm. What reads it is
 * known for every slot, so there is no rule for a topology. The second line (FlashNorm, arXiv
 * 2407.09577, Prop. 3) needs an N1 that only divides by the RMS, an f of matrices without biases
 * and of positively homogeneous functions, and an N2 over each part of f. It is exact without eps.
 * A Folding owns its lists (folding_free). Read next: folding.c, docs/folding.md. */
#ifndef MODEL_FOLDING_H
#define MODEL_FOLDING_H

#include "model/model.h"

#include <stdio.h>

typedef enum { FOLD_MOVED, FOLD_GONE, FOLD_STAYS } FoldOutcome;
enum { FOLD_OUTCOMES = FOLD_STAYS + 1 };

/* What happened to one vector or norm. */
typedef struct {
    FoldOutcome outcome;
    size_t block; /* counts from 0; 0 outside of the blocks */
    char *text;   /* "blocks.*.attn.norm_in.gamma -> blocks.*.attn.qkv.weight" */
} FoldNote;

/* A slot that is empty now, or a coefficient that is 1. */
typedef struct {
    size_t block;
    bool mlp;
    const char *slot; /* NULL: coefficient `gain` */
} FoldChange;

typedef struct {
    FoldNote *notes;     /* stb_ds array, in the order of the model */
    FoldChange *changes; /* stb_ds array */
    WireEntry *wire;     /* stb_ds array: the changes as entries of model.wire */
    size_t L;
} Folding;

/* Folds the weights in place; `w` is the factor of gamma-warmup. The model is to be rewired with
 * `wire` then: until folding_model has done that, it computes something else. */
Folding folding_apply(Model *model, real w);
void folding_free(Folding *folding);

/* The folded weights as a model for batches of as many sequences, with the entries of `wire` among
 * those of `options`, which must outlive it. */
Model *folding_model(const Model *folded, const ModelOptions *options);

/* The notes of an outcome, one line each; those of several blocks are one line, with * for all
 * blocks. Returns the number of lines. */
size_t folding_print(FILE *out, const Folding *folding, FoldOutcome outcome, const char *indent);

#endif

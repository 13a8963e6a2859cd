/* stock_class.h - which class of `transformers` computes a model of this program exactly.
 *
 * One idea: a model fits a row of the table of architectures if what differs folds into weights: factors into
 * matrices and gains, absent biases into zeros, a norm of the embedding into its table. The first row that fits is
 * taken. What does not fit any row is a sentence about each row with the same norms.
 * A StockClass borrows the model. Read next: stock_class.c, then stock_weights.h. */
#ifndef RUN_MODELS_STOCK_CLASS_H
#define RUN_MODELS_STOCK_CLASS_H

#include "model/model.h"
#include "run/models/hf_config.h"

#include <stdio.h>

typedef struct {
    HfModel hf; /* the row, sizes, biases and rotation of the exported model; no keys */
    const Model *model;
    double w;        /* of gamma-warmup */
    BranchRamp ramp; /* of branch-warmup */
    double eps;
    double table;     /* factor of the embedding, which its table gets; `baked`: its norm, too */
    bool baked, tied; /* tied: the head of the exported model */
} StockClass;

/* Chooses the class; false if there is none. `why` is one sentence, or one line for each class that almost fits; for
 * mem_free. */
bool stock_class_choose(StockClass *stock, const Model *model, real w, BranchRamp ramp, char **why);

/* Prints config.json; `eos` is the token that ends a text, -1 = none. */
void stock_class_config(FILE *out, const StockClass *stock, int eos);

/* The factor by which o of a sublayer enters the sums, without learned features, after the skip coefficient is
 * divided out; the coefficient `skip` itself. */
double stock_branch(const StockClass *stock, const Sublayer *sublayer);
double stock_skip(const Sublayer *sublayer);

#endif

/* nonfinite.h - where a pass first became not finite.
 *
 * One idea: a NaN spreads to everything that is computed from it, and backward to every gradient. So
 * only the first place in the order of the computation says something: the first parameter or
 * activation of the forward pass, or, if that is finite, the first gradient of the backward pass.
 * The forward pass is repeated for this, which costs nothing as long as all steps are finite.
 * Read next: trainer.h, run/commands/evaluate.h. */
#ifndef RUN_TRAIN_NONFINITE_H
#define RUN_TRAIN_NONFINITE_H

#include "model/model.h"

enum { NONFINITE_NAME = 128 };

/* `name` is that of a parameter, or of an activation: blocks.2.mlp.branch is site branch of
 * layers.csv; "logits" is the output of the head. */
typedef struct {
    char name[NONFINITE_NAME]; /* "" = everything is finite */
    size_t layer; /* as in layers.csv: 0 the embedding, 1 .. L the blocks, L+1 the head */
} NonFinite;

/* Runs the forward pass again, up to the logits, which it does not check; running statistics are not
 * updated. */
NonFinite nonfinite_forward(Model *model, const Pass *pass);
/* The first gradient of the backward pass whose norm (one per parameter) is not finite. */
NonFinite nonfinite_gradient(const Params *params, const double *tensor_norms, size_t L);
/* The output of the head. */
NonFinite nonfinite_logits(size_t L);

#endif

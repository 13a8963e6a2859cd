/* validate.h - the mean validation loss, during training and of a stored model.
 *
 * One idea: every token has the same weight, whatever the batch size, and losses are added in the
 * order of the sequences. The same weights give the same loss to the bit, here and in --eval.
 * Read next: trainer.h, run/commands/evaluate.h. */
#ifndef RUN_TRAIN_VALIDATE_H
#define RUN_TRAIN_VALIDATE_H

#include "data/dataset.h"
#include "model/model.h"

/* Returns the mean loss in nats per token, computed in batches of the model's size. T is the context
 * with which `data` was opened, at most that of the model. `tokens` and `targets` (B,T) are work
 * space; `losses` (val_rows*T) receives the loss of every token, NULL = none. If a stop was requested
 * meanwhile, the result is undefined. */
double validate(Model *model, const Dataset *data, size_t T, real gamma, BranchRamp branch,
                int *tokens, int *targets, double *losses);

#endif

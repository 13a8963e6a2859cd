/* validate.h - the mean loss over the validation rows, while training and of a stored model.
 *
 * One idea: every token counts the same, whatever the batches, and losses are added up in the order
 * of the rows, so the same weights have the same loss to the bit wherever they are asked.
 * Read next: trainer.h, run/commands/evaluate.h. */
#ifndef RUN_TRAIN_VALIDATE_H
#define RUN_TRAIN_VALIDATE_H

#include "data/dataset.h"
#include "model/model.h"

/* In nats per token, in batches of the model's size, through tokens and targets (B,T). `losses`
 * (rows*T) gets each token's, NULL = none. Means nothing where a stop was requested meanwhile. */
double validate(Model *model, const Dataset *data, real gamma, BranchRamp branch, int *tokens,
                int *targets, double *losses);

#endif

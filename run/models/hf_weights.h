/* hf_weights.h - from the tensors of a foreign model to the parameters of this program.
 *
 * One idea: every parameter of ours knows which of their tensors it is made of, by its name and by the row of the table.
 * What is left over at the end is an error, so that nothing of a model is dropped without a word.
 * Layouts, all exact: matrices kept as (in, out) are transposed; the rows of queries and keys are put in the
 * order of half-split pairs; factors of scores and logits go into queries and the final norm. Gains that their class
 * does not have are 1.
 * Nothing here owns memory. Read next: hf_weights.c. */
#ifndef RUN_MODELS_HF_WEIGHTS_H
#define RUN_MODELS_HF_WEIGHTS_H

#include "model/params.h"
#include "run/models/hf_config.h"
#include "run/models/weights.h"

/* Which feature of a head of theirs is feature i of ours. */
size_t hf_feature(const HfModel *model, size_t i);

/* Sets all values of `params`, which are those of a model with the keys of `model`. Returns NULL, or an error message
 * for mem_free that names the tensor; the values are then undefined. */
char *hf_weights_read(Params *params, const HfModel *model, const Weights *weights);

#endif

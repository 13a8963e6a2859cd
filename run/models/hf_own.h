/* hf_own.h - PeriForCausalLM read back: a folder that --export has written for a model without a stock class.
 *
 * One idea: its config.json has the config of the run and its tensors have our names, so nothing is translated. Only what
 * depends on the step of the run is refused, because an import begins at step 0.
 * Nothing here owns memory. Read next: hf_config.h, peri_class.h. */
#ifndef RUN_MODELS_HF_OWN_H
#define RUN_MODELS_HF_OWN_H

#include "model/params.h"
#include "run/models/hf_fields.h"
#include "run/models/hf_config.h"
#include "run/models/weights.h"

/* Whether the config.json is that of PeriForCausalLM, or whether a model was read from one. */
bool hf_own_is(const struct cJSON *config);
bool hf_own_model(const HfModel *model);
/* Fills the model from its config.json. `context`: see hf_config_read. */
void hf_own_config(Fields *fields, HfModel *model, size_t context);
/* As hf_weights_read. */
char *hf_own_weights(Params *params, const Weights *weights);

#endif

/* hf_config.h - from the config.json of a foreign model to the keys of this program.
 *
 * One idea: a model is either expressed exactly or refused with everything that it needs. A field that the table of
 * architectures does not name changes nothing here, because unsupported_at() lists those that would.
 * The caller owns an HfModel (hf_config_free). Read next: hf_config.c, then hf_weights.h. */
#ifndef RUN_MODELS_HF_CONFIG_H
#define RUN_MODELS_HF_CONFIG_H

#include "run/models/architectures.h"

struct cJSON;

/* The context of an import whose user does not choose one: the model's own, if it is not longer. */
enum { IMPORT_CONTEXT = 1024 };

typedef struct {
    const Architecture *architecture; /* NULL = unknown */
    size_t V, C, L, NH, NKV, HS, F;
    size_t positions; /* the longest context */
    size_t context;   /* of the run */
    size_t rotary;    /* features of a head that rotate */
    unsigned biases;  /* set of BIASED_NORM ... that its files have */
    bool tied;
    double score; /* the scores are this times q.k/sqrt(HS) */
    double logit; /* the logits are this times those of the head */
    char *keys;   /* our config: the section "model" and data.vocab_size, as JSON */
    char **needs; /* what this program lacks, one sentence each (stb_ds array) */
} HfModel;

/* Reads a config.json. `context` is the user's choice of model.context, 0 = none. If it needs something that this
 * program does not have, or is not valid, `needs` is not empty and `keys` is NULL. */
HfModel hf_config_read(const struct cJSON *config, size_t context);
void hf_config_free(HfModel *model);

#endif

/* hf_layers.h - RoPE and windows of attention in the layers of a foreign model.
 *
 * One idea: what differs between layers is resolved to one entry for each layer, whatever field said it.
 * The caller owns the Layers (layers_free). Read next: hf_config.c. */
#ifndef RUN_MODELS_HF_LAYERS_H
#define RUN_MODELS_HF_LAYERS_H

#include "run/models/hf_config.h"
#include "run/models/hf_fields.h"

/* The frequencies of RoPE, as Rope in ops/ops.h. */
typedef struct {
    double theta, factor, low, high, original;
} RopeTable;

typedef enum { LAYER_ROPE, LAYER_LOCAL, LAYER_NO_ROPE, LAYER_ROPES } LayerRope;

typedef struct {
    LayerRope *rope;        /* (L) (stb_ds array) */
    bool *slides;           /* (L) has a window shorter than the context (stb_ds array) */
    size_t window;          /* 0 = none */
    bool uses[LAYER_ROPES]; /* whether any layer does */
    RopeTable table, local; /* of LAYER_ROPE and LAYER_LOCAL */
} Layers;

/* Reads the layers of a model whose sizes are known, and model->rotary. What is wrong becomes a need. */
Layers layers_read(Fields *fields, HfModel *model);
void layers_free(Layers *layers);

#endif

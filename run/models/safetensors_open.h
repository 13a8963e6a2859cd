/* safetensors_open.h - the tensors of any model.safetensors, in one file or in shards.
 *
 * One idea: nothing in a header is believed. Sizes follow from type and shape, arrays must fill the file without gaps
 * or overlaps, and the file is mapped, so that no size from it is ever allocated. run/io/safetensors.h reads only the
 * files of this program; this reader takes those of others.
 * Format: github.com/huggingface/safetensors, see run/io/safetensors.h.
 * The Weights own the maps and names. Read next: weights.h. */
#ifndef RUN_MODELS_SAFETENSORS_OPEN_H
#define RUN_MODELS_SAFETENSORS_OPEN_H

#include "run/models/weights.h"

/* Adds the tensors of the folder's model.safetensors, or of the shards that its model.safetensors.index.json lists.
 * A tensor that nothing here can decode (an integer, a scalar) has the type WEIGHT_TYPES: masks of old files are
 * such tensors. Returns NULL, or an error message for mem_free; `weights` is valid for weights_free in both cases. */
char *safetensors_open(const char *folder, Weights *weights);

/* Adds the tensors of the `size` bytes of one file; they must exist as long as the weights. Returns NULL, or what is
 * wrong with the file, for mem_free. */
char *safetensors_scan(Weights *weights, const unsigned char *bytes, size_t size);

#endif

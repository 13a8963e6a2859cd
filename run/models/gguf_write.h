/* gguf_write.h - writes a Hugging Face model as a GGUF file.
 *
 * One idea: the inverse of gguf_open, with the same tables. What a GGUF file cannot say, or what gguf_open would not
 * read, is refused.
 * Nothing is kept. Read next: gguf_write.c, gguf_out.h, gguf_parts.h. */
#ifndef RUN_MODELS_GGUF_WRITE_H
#define RUN_MODELS_GGUF_WRITE_H

#include "run/io/safetensors.h"
#include "run/models/dequant.h"

/* Writes and syncs a new file from the texts of config.json and tokenizer.json (NULL = none) and from `n` tensors of
 * real under the names of transformers. `type` is that of matrices, WEIGHT_F32 or WEIGHT_F16; vectors are in F32.
 * Returns NULL, or an error message for mem_free. */
char *gguf_write(const char *path, const char *config_json, const char *tokenizer_json,
                 const Tensor *tensors, size_t n, WeightType type);

#endif

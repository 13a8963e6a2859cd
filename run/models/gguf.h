/* gguf.h - opens a GGUF file and presents it as a Hugging Face model.
 *
 * One idea: the same model has names in llama.cpp and names in transformers, so a GGUF file becomes what a folder of
 * transformers would be: tensors under those names, the text of a config.json, and the text of a tokenizer.json.
 * Everything else of an import then has one path. Only what is mapped exactly is read: an unknown architecture,
 * a key of the architecture that is not known, a type, a tensor or a split of text is refused by name.
 * The caller owns what is returned.
 * Read next: gguf_file.h, gguf_parts.h, gguf.c. */
#ifndef RUN_MODELS_GGUF_H
#define RUN_MODELS_GGUF_H

#include "run/models/weights.h"

/* Opens the file at `path`. Returns NULL, or an error message for mem_free, with nothing to free besides. `weights` gets
 * the tensors (weights_free), *config_json and *tokenizer_json texts for mem_free; the latter is NULL if
 * the file has no tokenizer. If it has one that cannot be read, *tokenizer_error is a message for mem_free, else
 * NULL. */
char *gguf_open(const char *path, Weights *weights, char **config_json, char **tokenizer_json,
                char **tokenizer_error);

#endif

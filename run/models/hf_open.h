/* hf_open.h - a foreign model on disk: its config, its tensors, its tokenizer.
 *
 * One idea: whatever the format, a model is a config.json, a list of named tensors and the text of a tokenizer.json.
 * The caller owns the HfFiles (hf_close), after an error too. Read next: hf_config.h, hf_weights.h. */
#ifndef RUN_MODELS_HF_OPEN_H
#define RUN_MODELS_HF_OPEN_H

#include "run/models/hf_config.h"
#include "run/models/weights.h"

typedef struct {
    HfModel model;         /* with its needs, if it has any */
    Weights weights;       /* of a folder: empty if the model needs something */
    char *tokenizer;       /* the text of its tokenizer.json; NULL if there is none */
    char *tokenizer_error; /* why the tokenizer of a GGUF file cannot be read; NULL if it can */
    size_t tokenizer_length;
} HfFiles;

/* Opens the folder of a Hugging Face model, or a GGUF file. `context`: see hf_config_read. Returns NULL, or an error message for
 * mem_free. */
char *hf_open(HfFiles *files, const char *path, size_t context);
void hf_close(HfFiles *files);

/* The numbers that the tensors hold, all together. */
double hf_elements(const Weights *weights);

#endif

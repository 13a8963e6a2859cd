/* imported.h - a foreign model in memory, as a run would have it.
 *
 * One idea: --import writes it as a run, --measure uses it where it is. Both take the same path from files to a model.
 * The StoredModel owns everything, as one that was read from a checkpoint. Read next: hf_open.h. */
#ifndef RUN_MODELS_IMPORTED_H
#define RUN_MODELS_IMPORTED_H

#include "run/models/hf_config.h"
#include "run/store/stored_model.h"

typedef struct {
    const char *path;        /* the folder of a Hugging Face model, or a GGUF file */
    const char *name;        /* of the run */
    const char *tokenizer;   /* data.vocab of the run, where the model has a tokenizer */
    const char *const *sets; /* (n_sets) "key=value" of the user */
    size_t n_sets;
} ImportRequest;

typedef struct {
    const char *class_name; /* of the class in transformers */
    size_t positions;       /* its longest context */
    bool context_chosen;    /* whether a set has chosen that of the run */
} ImportFacts;

/* Whether `path` is no run but a GGUF file, or a folder whose config.json has a model_type. */
bool imported_is(const char *path);

/* Reads the model. What cannot be read, or is not expressed exactly, ends the program (EXIT_DATA) with all that it
 * needs; a wrong set does (EXIT_USAGE). */
void imported_read(StoredModel *stored, const ImportRequest *request, ImportFacts *facts);

#endif

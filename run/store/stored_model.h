/* stored_model.h - the model of a run, loaded from its checkpoint for inference.
 *
 * One idea: model.safetensors contains everything that is needed to use the weights: config,
 * equations, step and vocabulary. A model cannot run by accident with another wiring than the one
 * it was trained with.
 * Read next: run/commands/sample.h. */
#ifndef RUN_STORE_STORED_MODEL_H
#define RUN_STORE_STORED_MODEL_H

#include "data/dataset.h"
#include "model/model.h"
#include "run/config/config.h"
#include "run/store/checkpoint.h"

/* Owns everything it points to. */
typedef struct {
    Config config;
    Model *model; /* without gradients */
    Vocab vocab;  /* size 0 if tokens have no text */
    size_t step;
} StoredModel;

/* Which checkpoint of a run to read, besides a step: the newest valid one, or the one with the lowest
 * validation loss, which train.keep_best keeps and run.json names. */
#define STEP_NEWEST SIZE_MAX
#define STEP_BEST (SIZE_MAX - 1)

/* Reads the checkpoint of `step` into a model for batches of up to `batch` sequences. STEP_NEWEST
 * warns about each newer checkpoint that it skips. The run may be training: if it replaces a
 * checkpoint meanwhile, the next one is read. If the checkpoint does not exist, the program ends
 * (EXIT_USAGE) and lists the steps that do; if it is invalid or belongs to another version, it ends
 * with EXIT_DATA. */
void stored_model_read(StoredModel *stored, const char *dir, size_t step, size_t batch);
/* Copies the weights of the run directory `dir` into `model` (train.init_from). Both must have the
 * same tensors and the same vocabulary; else the program ends (EXIT_USAGE) and names the
 * difference. */
void stored_model_begin(Model *model, const Vocab *vocab, const char *dir);
/* Rewires the weights as another topology, to measure the effect. Tensors are matched by name:
 * tensors that only the new topology has keep their initial values (gains of 1), tensors that only
 * the run has are dropped, and a line on stderr counts both. A topology that does not fit ends the
 * program (EXIT_USAGE). */
void stored_model_rewire(StoredModel *stored, const char *topology);
void stored_model_free(StoredModel *stored);

/* Lists the weights as arrays of model.safetensors, named as in the format version of the metadata
 * of `snapshot`, or as in the current version if it has no metadata. */
void stored_model_tensors(const Params *params, Snapshot *snapshot);
/* Adds the metadata that describes the model to the headers of a checkpoint. */
void stored_model_describe(Snapshot *snapshot, const Config *config, const Vocab *vocab,
                           size_t step);

/* Where the run in `dir` comes from, as the metadata of its newest checkpoint says, for mem_free; NULL if
 * they do not have this key: "folded_from", a run from which --fold made it, or "imported_from", a model
 * that --import read. Both have weights and no optimizer state. */
char *stored_model_origin(const char *dir, const char *key);
/* Ends the program (EXIT_USAGE) if the run in `dir` is a folded one. */
void stored_model_refuse_folded(const char *dir);

/* The path of the tokenizer of the run in `dir`, for mem_free: a copy of the file that data.vocab named. It is
 * beside the checkpoints, so that they can be used without the original. */
char *stored_model_tokenizer(const char *dir);
/* Writes that copy; nothing where the vocabulary is not of a tokenizer. */
void stored_model_keep_tokenizer(const char *dir, const Vocab *vocab);

/* Fills `config` from the metadata of a checkpoint and checks that this version builds the same
 * equations from it. Returns NULL, or the reason why it cannot be used; then there is nothing to
 * free. */
const char *stored_model_config(const Snapshot *snapshot, const char *path, Config *config);

#endif

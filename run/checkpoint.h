/* checkpoint.h - a model on disk: safetensors, F32, readable by every tool that knows the format.
 *
 * One idea: the file says everything that is needed to use the weights again - config, equations,
 * step - so that a model can never be run with another wiring than it was trained with.
 * Format: github.com/huggingface/safetensors: 8 bytes of header size (little-endian), a JSON header
 * padded with spaces, then the tensors in registry order without gaps.
 * Floor 4. Read next: manifest.h. */
#ifndef RUN_CHECKPOINT_H
#define RUN_CHECKPOINT_H

#include "data/dataset.h"
#include "model/model.h"
#include "run/config.h"

/* Writes DIR/checkpoints/step_<8 digits>/model.safetensors (to a temporary name first) and then
 * DIR/checkpoints/latest, which names that folder. Failing to write ends the program (EXIT_IO). */
void checkpoint_write(const char *dir, const Model *model, const Config *config, const Vocab *vocab,
                      size_t step);

/* What can be read from a checkpoint. Owns the model, the config and the text of the equations. */
typedef struct {
    Config config;
    Model *model; /* without gradients, for one row at a time */
    Vocab vocab;  /* size 0 where tokens have no text */
    size_t step;
    char *equations; /* the hash */
} Checkpoint;

/* Reads the latest checkpoint of a run directory. Anything wrong ends the program with EXIT_DATA
 * and the file's name. */
void checkpoint_read(Checkpoint *checkpoint, const char *dir);
void checkpoint_free(Checkpoint *checkpoint);

/* The step that DIR/checkpoints/latest names; false where there is none. */
bool checkpoint_latest(const char *dir, size_t *step);

#endif

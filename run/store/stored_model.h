/* stored_model.h - the model of a run read back, to be looked at and not to be trained further.
 *
 * One idea: the file says everything that is needed to use the weights again - config, equations,
 * step, vocabulary - so that a model can never be run with another wiring than it was trained with.
 * Read next: run/commands/sample.h. */
#ifndef RUN_STORE_STORED_MODEL_H
#define RUN_STORE_STORED_MODEL_H

#include "data/dataset.h"
#include "model/model.h"
#include "run/store/checkpoint.h"
#include "run/config/config.h"

/* Owns what it points to. */
typedef struct {
    Config config;
    Model *model; /* without gradients */
    Vocab vocab;  /* size 0 where tokens have no text */
    size_t step;
} StoredModel;

/* Reads the newest sound checkpoint of a run directory, saying so where that is not the newest, as
 * a model for up to `batch` rows at a time.
 * Without one, and where the file belongs to another version, the program ends (EXIT_DATA). */
void stored_model_read(StoredModel *stored, const char *dir, size_t batch);
/* The weights of the run directory `dir` become those of `model`, which must have the same tensors
 * and read the same vocabulary; else the program ends (EXIT_USAGE), naming what differs. */
void stored_model_begin(Model *model, const Vocab *vocab, const char *dir);
/* The same weights wired as the topology of that name, to measure what that does: tensors go by
 * their names, those it lacks keep their first values (gains of 1), those it has no use for are
 * dropped, and a line on stderr counts them. A topology that does not fit ends the program
 * (EXIT_USAGE). */
void stored_model_rewire(StoredModel *stored, const char *topology);
void stored_model_free(StoredModel *stored);

/* Lists the weights as arrays of model.safetensors, with the names of the format version that the
 * metadata of the snapshot have; without metadata, of the current version. */
void stored_model_tensors(const Params *params, Snapshot *snapshot);
/* What the headers of a checkpoint say of the model. */
void stored_model_describe(Snapshot *snapshot, const Config *config, const Vocab *vocab,
                           size_t step);

/* Fills `config` from a checkpoint's metadata, checks that this version builds the same equations
 * from it, and returns NULL; or what is wrong, and then nothing is to be freed. */
const char *stored_model_config(const Snapshot *snapshot, const char *path, Config *config);

#endif

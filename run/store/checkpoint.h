/* checkpoint.h - a run on disk: written so that a crash at any moment leaves a whole one.
 *
 * One idea: a checkpoint is a folder that appears by one rename, after all that is in it has
 * reached the disk, and that says how long and which hash its files must be; a folder that does not
 * answer to its own description is never used, and the one before it still lies there.
 *
 *     checkpoints/step_<8 digits>/model.safetensors       the weights, and the config they belong
 * to optimizer.safetensors   everything else that the next update needs meta.json sizes, hashes,
 * lengths of the logs checkpoints/latest                                  names the newest folder
 *
 * A Snapshot owns its lists but not the arrays they name. The protocol, step by step, and what it
 * was tested with: docs/reliability.md. Read next: run/train/resume.h. */
#ifndef RUN_STORE_CHECKPOINT_H
#define RUN_STORE_CHECKPOINT_H

#include "run/log/runlog.h"
#include "run/io/safetensors.h"

struct cJSON;

/* What is in the two files: arrays, and the strings in their headers. */
typedef struct {
    Tensor *model, *state; /* stb_ds arrays */
    Metadata *metadata;    /* stb_ds array, the same in both files */
    char **strings;        /* its values, where they were made here (stb_ds array) */
    struct cJSON *read;    /* its words, where they were read */
} Snapshot;

/* Appends to the metadata; the value becomes the snapshot's (mem_alloc). */
void snapshot_say(Snapshot *snapshot, const char *key, char *value);
/* The value of a key of the metadata, NULL where there is none. */
const char *snapshot_metadata(const Snapshot *snapshot, const char *key);
void snapshot_free(Snapshot *snapshot);

/* What stands in meta.json besides sizes and hashes of the files. */
typedef struct {
    size_t step;
    uint64_t log_bytes[RUNLOG_FILES]; /* of the CSV files when it was written */
    uint64_t data_hash;               /* of the training data */
    double train_seconds;             /* spent in updates so far */
    uint64_t row_waits;               /* 1: the row of `step` is not in the log yet */
} CheckpointMeta;

/* Writes the checkpoint of meta->step; the logs must be synced. NULL, or one sentence that says
 * what failed and why, for mem_free: then the older ones are untouched. One of that step that lies
 * there already is kept where it is sound and tells of the same logs. */
char *checkpoint_write(const char *dir, const Snapshot *snapshot, const CheckpointMeta *meta);
/* Removes checkpoints up to step `newest`, all but the newest `keep` and the newest before step
 * `healthy`. What lies behind `newest` was found unsound and is replaced when the run gets there:
 * it must not push out a sound one. */
void checkpoint_prune(const char *dir, size_t newest, size_t keep, size_t healthy);
/* Removes what a killed process left half written. */
void checkpoint_clean(const char *dir);
/* NULL, or one sentence, for mem_free: the disk has no room for a checkpoint of that many bytes. */
char *checkpoint_room(const char *dir, uint64_t bytes);
uint64_t checkpoint_size(const Snapshot *snapshot);

/* The steps of the checkpoints in a run directory, newest first (stb_ds array); none where there is
 * no folder yet. An errno where it cannot be read to its end. */
int checkpoint_steps(const char *dir, size_t **steps);
/* The step that DIR/checkpoints/latest names, its folder being there; false without one. */
bool checkpoint_latest(const char *dir, size_t *step);
/* Writes that file; a sentence for mem_free about what failed, NULL where nothing did. */
char *checkpoint_name_latest(const char *dir, size_t step);
/* The folder of a step, for mem_free. */
char *checkpoint_folder(const char *dir, size_t step);

/* Compares a checkpoint with its own description: NULL, or what is wrong with it. */
const char *checkpoint_verify(const char *dir, size_t step, CheckpointMeta *meta);
/* Fills `metadata` from a checkpoint; `vocab` is the extent of its token table. NULL, or what is
 * wrong with it. */
const char *checkpoint_metadata(const char *dir, size_t step, Snapshot *snapshot, size_t *vocab);
/* Fills the arrays of both lists, an empty one excepted. NULL, or what is wrong. */
const char *checkpoint_read(const char *dir, size_t step, const Snapshot *snapshot);

#endif

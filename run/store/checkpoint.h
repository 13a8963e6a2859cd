/* checkpoint.h - checkpoints of a run, written so that a crash at any moment leaves a complete one.
 *
 * One idea: a checkpoint is a folder. All its files are synced to disk under a temporary name; one
 * rename then puts the folder in place. meta.json records the size and hash of every file. A folder
 * that does not match its meta.json is never used, and the checkpoint before it is still there.
 *
 *     checkpoints/step_<8 digits>/
 *         model.safetensors        the weights, and the config they were trained with
 *         optimizer.safetensors    everything else that the next update needs
 *         meta.json                sizes and hashes of both files, lengths of the logs
 *     checkpoints/latest           the name of the newest folder
 *
 * A Snapshot owns its lists but not the arrays they point to. The protocol step by step, and how it
 * was tested: docs/reliability.md. Read next: run/train/resume.h. */
#ifndef RUN_STORE_CHECKPOINT_H
#define RUN_STORE_CHECKPOINT_H

#include "run/io/safetensors.h"
#include "run/log/runlog.h"

struct cJSON;

/* The contents of the two files: their arrays, and the metadata in their headers. */
typedef struct {
    Tensor *model, *state; /* stb_ds arrays */
    Metadata *metadata;    /* stb_ds array, the same in both files */
    char **strings;        /* metadata values that the snapshot owns (stb_ds array) */
    struct cJSON *read;    /* owner of the metadata strings that were read from a file */
} Snapshot;

/* Appends a pair to the metadata. The snapshot takes ownership of `value` (mem_alloc). */
void snapshot_add(Snapshot *snapshot, const char *key, char *value);
/* The value of a metadata key, NULL if it is absent. */
const char *snapshot_metadata(const Snapshot *snapshot, const char *key);
void snapshot_free(Snapshot *snapshot);

/* The contents of meta.json besides the sizes and hashes of the files. */
typedef struct {
    size_t step;
    uint64_t log_bytes[RUNLOG_FILES]; /* lengths of the CSV files when it was written */
    uint64_t data_hash;               /* of the training data */
    uint64_t val_hash;                /* of the files of data.val; 0 = unknown, in older versions */
    double train_seconds;             /* spent in updates so far */
    uint64_t row_waits;               /* 1: the record of `step` is not in log.csv yet */
} CheckpointMeta;

/* Writes the checkpoint of meta->step; the logs must be synced first. Returns NULL, or a message
 * with the operation that failed and the reason, for mem_free; older checkpoints are then
 * unchanged. An existing checkpoint of that step is kept if it is valid and its logs have the same
 * lengths. */
char *checkpoint_write(const char *dir, const Snapshot *snapshot, const CheckpointMeta *meta);
/* Which checkpoints stay. */
typedef struct {
    size_t newest;  /* so many of the newest ones */
    size_t every;   /* those of multiples of this step; 0 = none */
    size_t best;    /* the one of this step, 0 = none */
    size_t healthy; /* the newest one before this step */
} CheckpointKeep;

/* Removes all other checkpoints up to step `last`. Those after it are corrupt: they do not count, and
 * the run replaces them when it reaches their step. */
void checkpoint_prune(const char *dir, size_t last, const CheckpointKeep *keep);
/* Removes the temporary folders of a process that was killed. */
void checkpoint_clean(const char *dir);
/* NULL if the disk has room for a checkpoint of `bytes`, else a message for mem_free. */
char *checkpoint_room(const char *dir, uint64_t bytes);
uint64_t checkpoint_size(const Snapshot *snapshot);

/* The steps of all checkpoints in a run directory, newest first (stb_ds array); NULL if there is no
 * checkpoints folder yet. Returns 0, or an errno if the folder cannot be read completely. */
int checkpoint_steps(const char *dir, size_t **steps);
/* The step that DIR/checkpoints/latest names. False if the file or the folder does not exist. */
bool checkpoint_latest(const char *dir, size_t *step);
/* Writes that file. Returns NULL, or an error message for mem_free. */
char *checkpoint_name_latest(const char *dir, size_t step);
/* Whether a run directory has a complete checkpoint, by its meta.json. `error`: 0 or the errno if the
 * folder cannot be read. */
bool checkpoint_exists(const char *dir, int *error);
/* Whether `name` is one of the files of a checkpoint. */
bool checkpoint_has_file(const char *name);
/* The path of the folder of a step, for mem_free. */
char *checkpoint_folder(const char *dir, size_t step);

/* The files of a checkpoint, held open: it stays readable if its run removes or replaces it. */
enum { CHECKPOINT_TENSOR_FILES = 2 };
typedef struct {
    size_t step;
    int fd[CHECKPOINT_TENSOR_FILES], error[CHECKPOINT_TENSOR_FILES]; /* -1 with its errno */
    char *meta; /* the text of meta.json; NULL if it cannot be read */
    size_t meta_size;
} CheckpointFiles;

/* Opens the files of a step; one that is missing is an error of the functions that need it. */
void checkpoint_open(CheckpointFiles *files, const char *dir, size_t step);
void checkpoint_close(CheckpointFiles *files);
/* Checks a checkpoint against its meta.json. Returns NULL if it is valid, else the reason. */
const char *checkpoint_check(const CheckpointFiles *files, CheckpointMeta *meta);
/* Opens, checks and closes it. */
const char *checkpoint_verify(const char *dir, size_t step, CheckpointMeta *meta);
/* Reads the metadata of a checkpoint into `snapshot`; `vocab` receives the number of rows of its
 * token table. Returns NULL, or the reason why it cannot be used. */
const char *checkpoint_metadata(const CheckpointFiles *files, Snapshot *snapshot, size_t *vocab);
/* Fills the arrays of both lists; an empty list is skipped. Returns NULL, or the reason why not. */
const char *checkpoint_read(const CheckpointFiles *files, const Snapshot *snapshot);

#endif

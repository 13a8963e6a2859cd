/* runlog.h - writes log.csv, spikes.csv, layers.csv and tensors.csv.
 *
 * One idea: one table defines the columns in order, and a record says which of them were measured;
 * the others are empty. Every record is written before the next step begins.
 * A RunLog owns its files. Read next: manifest.h. */
#ifndef RUN_LOG_RUNLOG_H
#define RUN_LOG_RUNLOG_H

#include "run/io/csv.h"
#include "run/optim/spike.h"

/* The columns of log.csv; runlog.c has their order. Timings are not reproducible. */
typedef enum {
    LOG_STEP,
    LOG_TOKENS,
    LOG_TRAIN_LOSS,
    LOG_VAL_LOSS,
    LOG_LR,
    LOG_GAMMA_SCALE,
    LOG_GRAD_NORM,
    LOG_CLIP_SCALE,
    LOG_LOSS_Z,
    LOG_GRAD_Z,
    LOG_SPIKE,
    LOG_ACTION,
    LOG_STEP_MS,
    LOG_TOKENS_PER_S,
    LOG_FIRST_COLUMNS,                 /* those of the first version, as checkpoints store them */
    LOG_MAX_LOGIT = LOG_FIRST_COLUMNS, /* stands before the timings, only with log.max_logit */
    LOG_COLUMNS
} LogColumn;

typedef struct {
    double value[LOG_COLUMNS];
    const char *action; /* NULL = none */
    size_t measured;    /* bit 1 << LogColumn */
} LogRow;

void log_set(LogRow *row, LogColumn column, double value);

/* The files, in the order of their lengths in meta.json. */
typedef enum { FILE_LOG, FILE_SPIKES, FILE_LAYERS, FILE_TENSORS, RUNLOG_FILES } RunLogFile;
const char *runlog_name(int file); /* "log.csv" ... */

typedef struct {
    Csv file[RUNLOG_FILES];
    bool max_logit; /* whether log.csv has that column */
} RunLog;

/* Creates the files in `dir` with their headers. Failing to write ends the program (EXIT_IO). */
RunLog runlog_create(const char *dir, bool max_logit);
/* Opens the files for appending, each truncated to `bytes`, before step `first`. A file that was
 * changed since is repaired, or started again, with a warning (log_repair.h). log.csv keeps its columns,
 * with a note where `max_logit` asks for others. 0 bytes mean that the
 * checkpoint is of a version without this file, which then begins at step `first`. */
RunLog runlog_continue(const char *dir, bool max_logit, const uint64_t bytes[RUNLOG_FILES],
                       size_t first);
/* Whether no file would have to be started again. */
bool runlog_reaches(const char *dir, const uint64_t bytes[RUNLOG_FILES]);

void runlog_write(RunLog *runlog, const LogRow *row);
/* Writes one record of spikes.csv for each series that is flagged or not finite. `names` are the
 * names of report->tensor, NULL for unused entries; `batch` is the index of the first micro-batch of
 * the step. */
void runlog_write_spikes(RunLog *runlog, size_t step, const SpikeReport *report,
                         const char *const names[SPIKE_TENSORS], size_t batch, const char *action);
/* Syncs the files to disk and returns their lengths in `bytes`; 0 or errno. */
int runlog_sync(const RunLog *runlog, uint64_t bytes[RUNLOG_FILES]);
void runlog_close(RunLog *runlog);

#endif

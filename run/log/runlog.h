/* runlog.h - log.csv, spikes.csv and layers.csv.
 *
 * One idea: a table names the columns, in order, and a row says which of them were measured; the
 * rest stay empty. A row is on its way to the disk before the next step begins.
 * A RunLog owns its files. Read next: manifest.h. */
#ifndef RUN_LOG_RUNLOG_H
#define RUN_LOG_RUNLOG_H

#include "run/io/csv.h"
#include "run/optim/spike.h"

/* The columns of log.csv; those that time makes irreproducible stand last. */
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
    LOG_COLUMNS
} LogColumn;

typedef struct {
    double value[LOG_COLUMNS];
    const char *action; /* NULL = none */
    size_t measured;    /* bit 1 << LogColumn */
} LogRow;

void log_set(LogRow *row, LogColumn column, double value);

/* The files, in the order in which a checkpoint notes their lengths. */
typedef enum { FILE_LOG, FILE_SPIKES, FILE_LAYERS, RUNLOG_FILES } RunLogFile;
const char *runlog_name(int file); /* "log.csv" ... */

typedef struct {
    Csv file[RUNLOG_FILES];
} RunLog;

/* Creates the files in `dir` with their headers. Failing to write ends the program (EXIT_IO). */
RunLog runlog_create(const char *dir);
/* Goes on with files that were cut to `bytes` each. */
RunLog runlog_continue(const char *dir, const uint64_t bytes[RUNLOG_FILES]);
/* Whether the files in `dir` hold that much, in whole rows. */
bool runlog_reaches(const char *dir, const uint64_t bytes[RUNLOG_FILES]);

void runlog_write(RunLog *runlog, const LogRow *row);
/* One row of spikes.csv for each series that the report flags. `names` are those of report->tensor,
 * NULL where none is known; `batch` is the index of the step's first micro-batch. */
void runlog_write_spikes(RunLog *runlog, size_t step, const SpikeReport *report,
                         const char *const names[SPIKE_TENSORS], size_t batch, const char *action);
/* Makes all rows last and notes how long the files are; 0 or errno. */
int runlog_sync(const RunLog *runlog, uint64_t bytes[RUNLOG_FILES]);
void runlog_close(RunLog *runlog);

#endif

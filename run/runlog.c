/* runlog.c - see runlog.h. */
#include "run/runlog.h"

#include <errno.h>
#include <math.h>
#include <string.h>

static const struct {
    const char *name;
    const char *format; /* of a double; NULL = the row's word */
} COLUMNS[LOG_COLUMNS] = {
    [LOG_STEP] = {"step", "%.0f"},
    [LOG_TOKENS] = {"tokens", "%.0f"},
    [LOG_TRAIN_LOSS] = {"train_loss", "%.9g"},
    [LOG_VAL_LOSS] = {"val_loss", "%.9g"},
    [LOG_LR] = {"lr", "%.9g"},
    [LOG_GAMMA_SCALE] = {"gamma_scale", "%.9g"},
    [LOG_GRAD_NORM] = {"grad_norm", "%.9g"},
    [LOG_CLIP_SCALE] = {"clip_scale", "%.9g"},
    [LOG_LOSS_Z] = {"loss_z", "%.9g"},
    [LOG_GRAD_Z] = {"grad_z", "%.9g"},
    [LOG_SPIKE] = {"spike", "%.0f"},
    [LOG_ACTION] = {"action", NULL},
    [LOG_STEP_MS] = {"step_ms", "%.9g"},
    [LOG_TOKENS_PER_S] = {"tokens_per_s", "%.9g"},
};

static const char SPIKES_HEADER[] =
    "step,kind,value,z,center,scale,tensor1,growth1,tensor2,growth2,"
    "tensor3,growth3,batch_position,action\n";

void log_set(LogRow *row, LogColumn column, double value) {
    row->value[column] = value;
    row->measured |= 1u << column;
}

static FILE *create(const char *dir, const char *name, char **path) {
    size_t size = strlen(dir) + strlen(name) + 2;
    *path = mem_alloc(size);
    snprintf(*path, size, "%s/%s", dir, name);
    FILE *file = fopen(*path, "w");
    if (!file) die(EXIT_IO, "cannot create %s: %s", *path, strerror(errno));
    return file;
}

/* Flushes, so that a row survives a killed process. */
static void finish_row(FILE *file, const char *path) {
    if (fflush(file) || ferror(file)) die(EXIT_IO, "cannot write %s: %s", path, strerror(errno));
}

RunLog runlog_create(const char *dir) {
    RunLog runlog = {0};
    runlog.log = create(dir, "log.csv", &runlog.log_path);
    runlog.spikes = create(dir, "spikes.csv", &runlog.spikes_path);
    for (int i = 0; i < LOG_COLUMNS; i++) {
        fprintf(runlog.log, "%s%s", COLUMNS[i].name, i + 1 < LOG_COLUMNS ? "," : "\n");
    }
    fputs(SPIKES_HEADER, runlog.spikes);
    finish_row(runlog.log, runlog.log_path);
    finish_row(runlog.spikes, runlog.spikes_path);
    return runlog;
}

/* "nan" without a sign: whether a NaN carries one depends on how it was made. */
static void print_number(FILE *file, const char *format, double value) {
    if (isnan(value))
        fputs("nan", file);
    else
        fprintf(file, format, value);
}

void runlog_write(RunLog *runlog, const LogRow *row) {
    for (int i = 0; i < LOG_COLUMNS; i++) {
        if (i == LOG_ACTION)
            fputs(row->action ? row->action : "", runlog->log);
        else if (row->measured >> i & 1)
            print_number(runlog->log, COLUMNS[i].format, row->value[i]);
        fputc(i + 1 < LOG_COLUMNS ? ',' : '\n', runlog->log);
    }
    finish_row(runlog->log, runlog->log_path);
}

void runlog_write_spikes(RunLog *runlog, size_t step, const SpikeReport *report,
                         const char *const names[SPIKE_TENSORS], size_t batch, const char *action) {
    const struct {
        const char *kind;
        const SpikeScore *score;
    } series[] = {{"grad", &report->grad}, {"loss", &report->loss}};
    FILE *file = runlog->spikes;
    for (size_t k = 0; k < 2; k++) {
        const SpikeScore *score = series[k].score;
        if (!score->flagged && score->finite) continue;
        const double numbers[] = {score->value, score->z, score->center, score->scale};
        fprintf(file, "%zu,%s", step, series[k].kind);
        for (size_t i = 0; i < 4; i++) {
            fputc(',', file);
            print_number(file, "%.9g", numbers[i]);
        }
        for (size_t i = 0; i < SPIKE_TENSORS; i++) {
            fprintf(file, ",%s,", names[i] ? names[i] : "");
            if (names[i]) print_number(file, "%.9g", report->growth[i]);
        }
        fprintf(file, ",%zu,%s\n", batch, action);
    }
    finish_row(file, runlog->spikes_path);
}

static void close_file(FILE *file, char *path) {
    if (file && fclose(file)) die(EXIT_IO, "cannot write %s: %s", path, strerror(errno));
    mem_free(path);
}

void runlog_close(RunLog *runlog) {
    close_file(runlog->log, runlog->log_path);
    close_file(runlog->spikes, runlog->spikes_path);
    *runlog = (RunLog){0};
}

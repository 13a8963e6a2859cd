/* runlog.c - see runlog.h. */
#include "run/log/runlog.h"

#include "base/words.h"
#include "run/io/files.h"
#include "run/log/layers.h"
#include "run/log/log_repair.h"
#include "run/log/tensors.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

/* In the order of the file. Integer columns are written with all digits. */
static const struct {
    LogColumn column;
    const char *name;
    bool integer;
} COLUMNS[LOG_COLUMNS] = {
    {LOG_STEP, "step", true},
    {LOG_TOKENS, "tokens", true},
    {LOG_TRAIN_LOSS, "train_loss"},
    {LOG_VAL_LOSS, "val_loss"},
    {LOG_LR, "lr"},
    {LOG_GAMMA_SCALE, "gamma_scale"},
    {LOG_GRAD_NORM, "grad_norm"},
    {LOG_CLIP_SCALE, "clip_scale"},
    {LOG_LOSS_Z, "loss_z"},
    {LOG_GRAD_Z, "grad_z"},
    {LOG_SPIKE, "spike", true},
    {LOG_ACTION, "action"},
    {LOG_MAX_LOGIT, "max_logit"},
    {LOG_STEP_MS, "step_ms"},
    {LOG_TOKENS_PER_S, "tokens_per_s"},
};

static const char *const FILES[RUNLOG_FILES] = {
    [FILE_LOG] = "log.csv",
    [FILE_SPIKES] = "spikes.csv",
    [FILE_LAYERS] = "layers.csv",
    [FILE_TENSORS] = "tensors.csv",
};

static const char *const HEADERS[RUNLOG_FILES] = {
    [FILE_LOG] = NULL, /* the names of COLUMNS */
    [FILE_SPIKES] =
        "step,kind,value,z,center,scale,tensor1,growth1,tensor2,growth2,tensor3,growth3,"
        "batch_position,action\n",
    [FILE_LAYERS] = LAYERS_HEADER,
    [FILE_TENSORS] = TENSORS_HEADER,
};

const char *runlog_name(int file) {
    return NAME_AT(FILES, file);
}

void log_set(LogRow *row, LogColumn column, double value) {
    row->value[column] = value;
    row->measured |= (size_t)1 << column;
}

/* Whether entry i of COLUMNS is in the file. */
static bool has_column(int i, bool max_logit) {
    return COLUMNS[i].column != LOG_MAX_LOGIT || max_logit;
}

static Csv create_log(const char *dir, bool max_logit) {
    Csv csv = csv_create(dir, FILES[FILE_LOG], "");
    for (int i = 0; i < LOG_COLUMNS; i++) {
        if (has_column(i, max_logit)) csv_text(&csv, COLUMNS[i].name);
    }
    csv_end_record(&csv);
    return csv;
}

static Csv create_file(const char *dir, int i, bool max_logit) {
    return HEADERS[i] ? csv_create(dir, FILES[i], HEADERS[i]) : create_log(dir, max_logit);
}

RunLog runlog_create(const char *dir, bool max_logit) {
    RunLog runlog = {.max_logit = max_logit};
    for (int i = 0; i < RUNLOG_FILES; i++) runlog.file[i] = create_file(dir, i, max_logit);
    return runlog;
}

static Csv start_again(const char *dir, int i, bool max_logit, size_t first) {
    char *kept = log_keep(dir, FILES[i], first);
    fprintf(stderr,
            "train: warning: %s/%s is not as the checkpoint recorded it: it is started again and "
            "begins at step %zu%s%s\n",
            dir, FILES[i], first, kept ? "; the old one is now " : "", kept ? kept : "");
    mem_free(kept);
    return create_file(dir, i, max_logit);
}

/* A file that the version of the checkpoint did not write. */
static Csv start_later(const char *dir, int i, bool max_logit, size_t first) {
    mem_free(log_keep(dir, FILES[i], first));
    return create_file(dir, i, max_logit);
}

static Csv continue_file(const char *dir, int i, bool max_logit, uint64_t bytes, size_t first) {
    if (bytes == 0) return start_later(dir, i, max_logit, first);
    LogState state = log_state(dir, FILES[i], bytes);
    if (state == LOG_LOST) return start_again(dir, i, max_logit, first);
    if (state == LOG_CONVERTED) {
        log_convert(dir, FILES[i]);
        fprintf(stderr, "train: warning: %s/%s had other line ends: it is converted back\n", dir,
                FILES[i]);
    }
    return csv_continue(dir, FILES[i], bytes);
}

/* Whether the header of log.csv, which stays as it began, has the column max_logit. */
static bool logs_max_logit(const char *path) {
    char header[512];
    int fd = fd_open(path, O_RDONLY);
    int64_t size = fd < 0 ? -1 : fd_read(fd, header, sizeof header - 1);
    if (fd >= 0) close(fd);
    if (size < 0) die(EXIT_IO, "cannot read %s: %s", path, strerror(errno));
    header[size] = '\0';
    header[strcspn(header, "\n")] = '\0';
    return strstr(header, ",max_logit,") != NULL;
}

RunLog runlog_continue(const char *dir, bool max_logit, const uint64_t bytes[RUNLOG_FILES],
                       size_t first) {
    RunLog runlog;
    for (int i = 0; i < RUNLOG_FILES; i++)
        runlog.file[i] = continue_file(dir, i, max_logit, bytes[i], first);
    runlog.max_logit = logs_max_logit(runlog.file[FILE_LOG].path);
    if (runlog.max_logit != max_logit)
        fprintf(stderr,
                "train: note: %s began with log.max_logit %s: its columns stay as they are\n",
                runlog.file[FILE_LOG].path, max_logit ? "false" : "true");
    return runlog;
}

bool runlog_reaches(const char *dir, const uint64_t bytes[RUNLOG_FILES]) {
    for (int i = 0; i < RUNLOG_FILES; i++) {
        if (bytes[i] && log_state(dir, FILES[i], bytes[i]) == LOG_LOST) return false;
    }
    return true;
}

void runlog_write(RunLog *runlog, const LogRow *row) {
    Csv *csv = &runlog->file[FILE_LOG];
    for (int i = 0; i < LOG_COLUMNS; i++) {
        const LogColumn column = COLUMNS[i].column;
        if (!has_column(i, runlog->max_logit)) continue;
        if (column == LOG_ACTION)
            csv_text(csv, row->action ? row->action : "");
        else if (!(row->measured >> column & 1))
            csv_empty(csv);
        else if (COLUMNS[i].integer)
            csv_integer(csv, (size_t)row->value[column]);
        else
            csv_number(csv, row->value[column]);
    }
    csv_end_record(csv);
}

void runlog_write_spikes(RunLog *runlog, size_t step, const SpikeReport *report,
                         const char *const names[SPIKE_TENSORS], size_t batch, const char *action) {
    const struct {
        const char *kind;
        const SpikeScore *score;
    } series[] = {{"grad", &report->grad}, {"loss", &report->loss}};
    Csv *csv = &runlog->file[FILE_SPIKES];
    for (size_t k = 0; k < 2; k++) {
        const SpikeScore *score = series[k].score;
        if (!score->flagged && score->finite) continue;
        const double numbers[] = {score->value, score->z, score->center, score->scale};
        csv_integer(csv, step);
        csv_text(csv, series[k].kind);
        for (size_t i = 0; i < 4; i++) csv_number(csv, numbers[i]);
        for (size_t i = 0; i < SPIKE_TENSORS; i++) {
            csv_text(csv, names[i] ? names[i] : "");
            if (names[i])
                csv_number(csv, report->growth[i]);
            else
                csv_empty(csv);
        }
        csv_integer(csv, batch);
        csv_text(csv, action);
        csv_end_record(csv);
    }
}

int runlog_sync(const RunLog *runlog, uint64_t bytes[RUNLOG_FILES]) {
    for (int i = 0; i < RUNLOG_FILES; i++) {
        int error = csv_sync(&runlog->file[i]);
        if (error) return error;
        bytes[i] = runlog->file[i].bytes;
    }
    return 0;
}

void runlog_close(RunLog *runlog) {
    for (int i = 0; i < RUNLOG_FILES; i++) csv_close(&runlog->file[i]);
}

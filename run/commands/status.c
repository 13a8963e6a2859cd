/* status.c - see status.h. */
#include "run/commands/status.h"

#include "base/stb_ds.h"
#include "base/text_out.h"
#include "run/config/config.h"
#include "run/io/csv_read.h"
#include "run/io/json_out.h"
#include "run/io/lock.h"
#include "run/log/manifest.h"
#include "run/store/checkpoint.h"
#include "run/store/owned.h"

#include <dirent.h>
#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { RECENT = 50 }; /* records of log.csv whose mean time counts */

typedef struct {
    const char *dir;
    const char *state;     /* running, interrupted, folded, imported, or the ending in run.json */
    char owner[32];        /* process id of the writer */
    bool alive, has_steps; /* has_steps: config.json could be read */
    bool saved, has_best;  /* whether there is a checkpoint, and one of the lowest loss */
    size_t step, steps, val_step, checkpoint, best;
    double train_loss, val_loss, tokens_per_s, seconds_left; /* NAN = unknown */
    size_t grad_spikes, loss_spikes;
} Status;

/* --- reading --- */

static double cell_number(const CsvIn *csv, const char *column) {
    const char *text = csv_cell(csv, column);
    return *text ? strtod(text, NULL) : NAN;
}

/* The last losses, and the speed of the last updates. */
static void read_log(Status *status) {
    double times[RECENT], tokens = NAN, total = 0;
    size_t count = 0;
    CsvIn csv = csv_open(status->dir, runlog_name(FILE_LOG));
    while (csv_next(&csv)) {
        const double loss = cell_number(&csv, "train_loss"), val = cell_number(&csv, "val_loss");
        const double time = cell_number(&csv, "step_ms");
        status->step = (size_t)strtoull(csv_cell(&csv, "step"), NULL, 10);
        if (*csv_cell(&csv, "train_loss")) status->train_loss = loss;
        if (*csv_cell(&csv, "val_loss")) {
            status->val_loss = val;
            status->val_step = status->step;
        }
        if (!(time > 0) || !status->step) continue;
        times[count++ % RECENT] = 1e-3 * time;
        tokens = cell_number(&csv, "tokens") / (double)status->step;
    }
    csv_end(&csv);
    const size_t recent = count < RECENT ? count : RECENT;
    for (size_t i = 0; i < recent; i++) total += times[i];
    if (!recent) return;
    const size_t left = status->steps > status->step ? status->steps - status->step : 0;
    status->tokens_per_s = tokens * (double)recent / total;
    if (status->has_steps) status->seconds_left = total / (double)recent * (double)left;
}

static void read_spikes(Status *status) {
    CsvIn csv = csv_open(status->dir, runlog_name(FILE_SPIKES));
    while (csv_next(&csv)) {
        const bool grad = strcmp(csv_cell(&csv, "kind"), "grad") == 0;
        status->grad_spikes += grad;
        status->loss_spikes += !grad;
    }
    csv_end(&csv);
}

static void read_steps(Status *status) {
    Config config;
    char *path = text_format("%s/config.json", status->dir);
    status->has_steps = access(path, R_OK) == 0 && config_load(&config, path, NULL, 0);
    mem_free(path);
    if (!status->has_steps) return;
    status->steps = config.train.steps;
    config_free(&config);
}

static Status status_of(const char *dir) {
    Status status = {
        .dir = dir, .train_loss = NAN, .val_loss = NAN, .tokens_per_s = NAN, .seconds_left = NAN};
    char *lock = text_format("%s/LOCK", dir);
    status.alive = lock_is_held(lock, status.owner, sizeof status.owner);
    mem_free(lock);
    const char *ending = manifest_ending(dir);
    char *folded = stored_model_origin(dir, "folded_from");
    char *imported = stored_model_origin(dir, "imported_from");
    status.state = status.alive ? "running"
                   : ending     ? ending
                   : folded     ? "folded"
                   : imported   ? "imported"
                                : "interrupted";
    mem_free(imported);
    mem_free(folded);
    read_steps(&status);
    read_log(&status);
    read_spikes(&status);
    status.saved = checkpoint_latest(dir, &status.checkpoint);
    status.has_best = manifest_best(dir, &status.best);
    if (status.saved && status.checkpoint > status.step) status.step = status.checkpoint;
    if (!status.alive) status.seconds_left = NAN;
    return status;
}

/* --- text --- */

/* A name from a folder may have any characters, such as commands to a terminal. */
static void print_name(const char *name, int width) {
    int length = 0;
    for (; name[length]; length++) {
        const unsigned char c = (unsigned char)name[length];
        putchar(c < ' ' || c == 127 ? '?' : c);
    }
    printf("%*s", width > length ? width - length : 0, "");
}

static const char *number_text(char text[32], double value) {
    snprintf(text, 32, "%.4g", value);
    return isnan(value) ? "-" : text;
}

static const char *time_text(char text[32], double seconds) {
    const double minutes = floor(seconds / 60);
    snprintf(text, 32, "%.0f:%02.0f:%02.0f", floor(minutes / 60), fmod(minutes, 60),
             fmod(floor(seconds), 60));
    return isnan(seconds) ? "-" : text;
}

static void print_run(const Status *status) {
    char text[32];
    print_name(status->dir, 0);
    printf("\nstate        %s", status->state);
    if (status->alive && *status->owner) printf(", process %s", status->owner);
    if (!status->alive && strcmp(status->state, "interrupted") == 0)
        printf(": no process on this machine writes it, and it has not ended; --resume continues");
    printf("\nstep         %zu", status->step);
    if (status->has_steps) printf(" of %zu", status->steps);
    printf("\ntrain loss   %s\n", number_text(text, status->train_loss));
    printf("val loss     %s", number_text(text, status->val_loss));
    if (!isnan(status->val_loss)) printf(" at step %zu", status->val_step);
    printf("\ntokens/s     %s\n", number_text(text, status->tokens_per_s));
    printf("time left    %s\n", time_text(text, status->seconds_left));
    if (status->saved)
        printf("checkpoint   step %zu", status->checkpoint);
    else
        printf("checkpoint   none");
    if (status->has_best) printf(", best step %zu", status->best);
    printf("\nspikes       %zu gradient, %zu loss\n", status->grad_spikes, status->loss_spikes);
}

enum { NAME_WIDTH = 24 };

static void print_titles(void) {
    printf("%-*s %-12s %10s %10s %10s %10s %10s %10s %7s\n", NAME_WIDTH, "run", "state", "step",
           "steps", "train", "val", "tokens/s", "left", "spikes");
}

static void print_line(const Status *status) {
    char train[32], val[32], rate[32], left[32];
    const char *slash = strrchr(status->dir, '/');
    print_name(slash ? slash + 1 : status->dir, NAME_WIDTH);
    printf(" %-12s %10zu %10zu %10s %10s %10s %10s %7zu\n", status->state, status->step,
           status->steps, number_text(train, status->train_loss),
           number_text(val, status->val_loss), number_text(rate, status->tokens_per_s),
           time_text(left, status->seconds_left), status->grad_spikes + status->loss_spikes);
}

/* --- JSON --- */

static void json_known(Json *json, const char *name, bool known, size_t value) {
    if (known)
        json_integer(json, name, value);
    else
        json_number(json, name, NAN);
}

static void print_object(Json *json, const Status *status) {
    json_open(json, NULL);
    json_string(json, "run", status->dir);
    json_string(json, "state", status->state);
    json_boolean(json, "alive", status->alive);
    json_known(json, "process", status->alive && *status->owner,
               (size_t)strtoull(status->owner, NULL, 10));
    json_integer(json, "step", status->step);
    json_known(json, "steps", status->has_steps, status->steps);
    json_number(json, "train_loss", status->train_loss);
    json_number(json, "val_loss", status->val_loss);
    json_known(json, "val_step", !isnan(status->val_loss), status->val_step);
    json_number(json, "tokens_per_s", status->tokens_per_s);
    json_number(json, "seconds_left", status->seconds_left);
    json_known(json, "checkpoint", status->saved, status->checkpoint);
    json_known(json, "best_checkpoint", status->has_best, status->best);
    json_integer(json, "grad_spikes", status->grad_spikes);
    json_integer(json, "loss_spikes", status->loss_spikes);
    json_close(json);
}

/* --- one run, or all in a directory --- */

static int by_name(const void *a, const void *b) {
    return strcmp(*(char *const *)a, *(char *const *)b);
}

/* The paths of the runs in a directory (stb_ds array of texts for mem_free), in the order of names. */
static char **runs_in(const char *dir) {
    char **runs = NULL;
    DIR *folder = opendir(dir);
    if (!folder && errno != ENOENT && errno != ENOTDIR)
        die(EXIT_IO, "cannot read %s: %s", dir, strerror(errno));
    for (const struct dirent *entry; folder && (entry = readdir(folder));) {
        if (*entry->d_name == '.') continue;
        char *path = text_format("%s/%s", dir, entry->d_name);
        if (owned_run(path))
            arrput(runs, path);
        else
            mem_free(path);
    }
    if (folder) closedir(folder);
    if (runs) qsort(runs, arrlenu(runs), sizeof *runs, by_name);
    return runs;
}

static void print_all(char **runs, bool as_json) {
    Json json = {.out = stdout};
    if (as_json)
        json_list_open(&json, NULL);
    else
        print_titles();
    for (size_t i = 0; i < arrlenu(runs); i++) {
        const Status status = status_of(runs[i]);
        if (as_json) {
            json_item(&json);
            print_object(&json, &status);
        } else {
            print_line(&status);
        }
    }
    if (!as_json) return;
    json_list_close(&json);
    putchar('\n');
}

void status_print(const Cli *cli) {
    if (owned_run(cli->run)) {
        const Status status = status_of(cli->run);
        Json json = {.out = stdout};
        if (cli->json) {
            print_object(&json, &status);
            putchar('\n');
        } else {
            print_run(&status);
        }
        return;
    }
    char **runs = runs_in(cli->run);
    if (!runs) die(EXIT_DATA, "%s is neither a run nor a directory of runs", cli->run);
    print_all(runs, cli->json);
    for (size_t i = 0; i < arrlenu(runs); i++) mem_free(runs[i]);
    arrfree(runs);
}

/* replay.c - see replay.h. */
#include "run/commands/replay.h"

#include "base/stb_ds.h"
#include "base/text_out.h"
#include "run/commands/replay_report.h"
#include "run/io/csv_read.h"
#include "run/io/files.h"
#include "run/io/move.h"
#include "run/io/stop.h"
#include "run/io/streams.h"
#include "run/store/rundir.h"
#include "run/store/stored_model.h"
#include "run/train/resume.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Keys that do not change the numbers. train.steps is for a run that was continued with more
 * steps: the learning rates of its first part follow from the old value. */
static const char *const OVERRIDES[] = {"train.steps", "train.threads", "train.recompute", NULL};

/* A record of the run's log.csv, as text. */
typedef struct {
    size_t step;
    char loss[CSV_NUMBER], norm[CSV_NUMBER], lr[CSV_NUMBER];
} Logged;

/* The role of an update: the one before the target, the target, any other. */
typedef enum { BEFORE, TARGET, OTHER, ROLES } Role;

typedef struct {
    const char *dir;
    Config config; /* that of the run, with other measurements */
    Run run;
    size_t step;          /* the target: the update to examine */
    size_t written, last; /* updates written .. last are recorded in files */
    size_t start;         /* step of the checkpoint that the replay starts from */
    size_t *lengths; /* candidates for the train.steps of the run, likeliest first (stb_ds array) */
    Logged *logged;  /* records after `start`, up to the first one after `last` (stb_ds array) */
    Probe *probes[ROLES]; /* activation statistics, by role */
    double *norms[ROLES]; /* (tensors) gradient norms, by role */
    SpikeReport spike;    /* the detector's report on the target */
    NonFinite nonfinite;  /* where the target first was not finite */
    char *folder, *temporary;
    size_t differs;  /* the first update that differs from log.csv; 0 = none */
    size_t compared; /* number of updates that log.csv has */
} Replay;

/* --- the target --- */

static Config config_of(const Cli *cli) {
    Config config;
    for (size_t i = 0; i < cli->n_sets; i++) {
        if (rundir_may_set(cli->sets[i], OVERRIDES)) continue;
        die(EXIT_USAGE,
            "--replay cannot change the run: only train.threads, train.recompute and train.steps "
            "can be set, not \"%s\"",
            cli->sets[i]);
    }
    rundir_config(&config, cli->run, cli->sets, cli->n_sets);
    stored_model_refuse_folded(cli->run);
    /* Validation changes no update, so it is skipped; every update is measured. */
    config.train.eval_every = 0;
    config.log.layers_every = 1;
    return config;
}

static size_t cell_step(const CsvIn *csv) {
    return (size_t)strtoull(csv_cell(csv, "step"), NULL, 10);
}

/* The step of the spike with the largest z; a non-finite one is the worst. */
static size_t worst_spike(const char *dir) {
    CsvIn csv = csv_open(dir, runlog_name(FILE_SPIKES));
    double worst = -INFINITY;
    size_t step = 0;
    while (csv_next(&csv)) {
        double z = strtod(csv_cell(&csv, "z"), NULL);
        if (isnan(z)) z = INFINITY;
        if (z <= worst) continue;
        worst = z;
        step = cell_step(&csv);
    }
    csv_end(&csv);
    if (!step)
        die(EXIT_USAGE, "%s has no spikes in spikes.csv: choose an update with --step N", dir);
    return step;
}

/* The steps of all checkpoints, newest first (stb_ds array). */
static size_t *checkpoints_of(const char *dir) {
    size_t *steps;
    int error = checkpoint_steps(dir, &steps);
    if (error) die(EXIT_IO, "cannot list %s/checkpoints: %s", dir, strerror(error));
    return steps;
}

/* The last update of the run, by its log and its checkpoints. */
static size_t updates_done(const char *dir) {
    size_t *steps = checkpoints_of(dir), done = steps ? steps[0] : 0;
    CsvIn csv = csv_open(dir, runlog_name(FILE_LOG));
    while (csv_next(&csv)) {
        size_t step = cell_step(&csv);
        if (step > done) done = step;
    }
    csv_end(&csv);
    arrfree(steps);
    return done;
}

static void choose_steps(Replay *replay, const Cli *cli) {
    size_t steps = replay->config.train.steps, done = updates_done(replay->dir);
    size_t step = cli->step == STEP_NEWEST ? worst_spike(replay->dir) : cli->step;
    if (step < 1 || step > steps)
        die(EXIT_USAGE, "--step must be an update of the run, 1 to %zu, not %zu", steps, step);
    if (step > done)
        die(EXIT_USAGE, "--step %zu: the last update of %s is %zu", step, replay->dir, done);
    replay->step = step;
    replay->written = cli->around < step ? step - cli->around : 1;
    replay->last = cli->around < steps - step ? step + cli->around : steps;
}

/* --- the starting point --- */

/* The target is compared with the update before it, which must be measured too. */
static size_t first_measured(const Replay *replay) {
    size_t before = replay->step > 1 ? replay->step - 1 : 1;
    return before < replay->written ? before : replay->written;
}

/* The checkpoints in the order to try them (stb_ds array): first those before all updates to be
 * measured, newest first; then those that miss some of these updates, the fewest first. */
static size_t *checkpoint_order(const Replay *replay, const size_t *steps) {
    size_t *order = NULL, first = first_measured(replay);
    for (size_t i = 0; i < arrlenu(steps); i++) {
        if (steps[i] < first) arrput(order, steps[i]);
    }
    for (size_t i = arrlenu(steps); i-- > 0;) {
        if (steps[i] >= first && steps[i] < replay->step) arrput(order, steps[i]);
    }
    return order;
}

/* Starts from the initial weights. Any valid checkpoint has the hash of the training data. */
static void start_from_scratch(Replay *replay, const size_t *steps) {
    CheckpointMeta meta;
    for (size_t i = 0; i < arrlenu(steps); i++) {
        if (checkpoint_verify(replay->dir, steps[i], &meta)) continue;
        run_check_data(&replay->run, &meta);
        break;
    }
    run_begin(&replay->run);
}

static void restore(Replay *replay, int argc, char **argv) {
    Run *run = &replay->run;
    CheckpointMeta meta = {0};
    run_open(run, &replay->config, argc, argv);
    run->dir = replay->dir;
    size_t *steps = checkpoints_of(replay->dir), *order = checkpoint_order(replay, steps);
    if (!run_load(run, order, arrlenu(order), &meta)) {
        if (order) { /* a failed load may have changed some tensors */
            run_close(run);
            run_open(run, &replay->config, argc, argv);
            run->dir = replay->dir;
        }
        start_from_scratch(replay, steps);
    }
    run->row = (LogRow){0}; /* drop a record that lacks its validation loss */
    replay->start = meta.step;
    arrfree(order);
    arrfree(steps);
}

/* The train.steps stored in a checkpoint; 0 if it cannot be read. */
static size_t length_at(const char *dir, size_t step) {
    size_t vocab, length = 0;
    Snapshot snapshot = {0};
    CheckpointFiles files;
    Config config;
    checkpoint_open(&files, dir, step);
    if (!checkpoint_metadata(&files, &snapshot, &vocab) &&
        !stored_model_config(&snapshot, dir, &config)) {
        length = config.train.steps;
        config_free(&config);
    }
    snapshot_free(&snapshot);
    checkpoint_close(&files);
    return length;
}

static void collect_lengths(Replay *replay) {
    size_t *steps = checkpoints_of(replay->dir);
    arrput(replay->lengths, replay->config.train.steps);
    for (size_t i = 0; i < arrlenu(steps); i++) {
        size_t length = length_at(replay->dir, steps[i]);
        if (length) arrput(replay->lengths, length);
    }
    arrfree(steps);
}

static void read_log(Replay *replay) {
    CsvIn csv = csv_open(replay->dir, runlog_name(FILE_LOG));
    bool done = false;
    while (!done && csv_next(&csv)) {
        Logged row = {.step = cell_step(&csv)};
        if (row.step <= replay->start) continue;
        snprintf(row.loss, sizeof row.loss, "%s", csv_cell(&csv, "train_loss"));
        snprintf(row.norm, sizeof row.norm, "%s", csv_cell(&csv, "grad_norm"));
        snprintf(row.lr, sizeof row.lr, "%s", csv_cell(&csv, "lr"));
        arrput(replay->logged, row);
        done = row.step > replay->last;
    }
    csv_end(&csv);
}

/* --- repeating --- */

/* The first record of log.csv at or after `step`; NULL past the last one. */
static const Logged *logged_from(const Replay *replay, size_t step) {
    for (size_t i = 0; i < arrlenu(replay->logged); i++) {
        if (replay->logged[i].step >= step) return &replay->logged[i];
    }
    return NULL;
}

/* A run continued with more train.steps followed the schedule of the old value at first. The
 * candidate that gives the next logged learning rate is the right one. */
static void choose_length(Replay *replay, size_t step) {
    const Logged *row = logged_from(replay, step);
    size_t *length = &replay->config.train.steps;
    for (size_t i = 0; row && i < arrlenu(replay->lengths); i++) {
        char text[CSV_NUMBER];
        *length = replay->lengths[i];
        if (*length < row->step) continue;
        double lr =
            replay->run.manifest.lr_scale * schedule_lr(&replay->config.optim, row->step, *length);
        if (strcmp(csv_number_text(text, lr), row->lr) == 0) return;
    }
    *length = replay->lengths[0];
}

/* Prints nothing if both are equal. */
static void print_difference(const char *name, const char *here, const char *there) {
    if (strcmp(here, there) == 0) return;
    printf("  %s is %s here and %s in log.csv, difference %.3g\n", name, here, there,
           strtod(here, NULL) - strtod(there, NULL));
}

static void compare(Replay *replay, size_t step) {
    char loss_text[CSV_NUMBER], norm_text[CSV_NUMBER];
    const Logged *row = logged_from(replay, step);
    const double *value = replay->run.row.value;
    const char *loss = csv_number_text(loss_text, value[LOG_TRAIN_LOSS]);
    const char *norm = csv_number_text(norm_text, value[LOG_GRAD_NORM]);
    bool known = row && row->step == step;
    bool same = known && strcmp(loss, row->loss) == 0 && strcmp(norm, row->norm) == 0;
    replay->compared += known;
    if (step >= replay->written)
        printf("%8zu %14s %14s  %s\n", step, loss, norm,
               !known ? "not in log.csv"
               : same ? "as logged"
                      : "differs");
    if (!known || same || replay->differs) return;
    replay->differs = step;
    printf("update %zu is the first that differs:\n", step);
    print_difference("train_loss", loss, row->loss);
    print_difference("grad_norm", norm, row->norm);
}

static Role role_of(const Replay *replay, size_t step) {
    return step == replay->step ? TARGET : step + 1 == replay->step ? BEFORE : OTHER;
}

static bool repeat(Replay *replay, size_t step) {
    Run *run = &replay->run;
    Role role = role_of(replay, step);
    if (step >= replay->written && !run->log.file[FILE_LOG].path) {
        runlog_close(&run->log); /* the one without files */
        run->log = runlog_create(replay->temporary, replay->config.log.max_logit);
    }
    run->probe = step >= first_measured(replay) ? replay->probes[role] : NULL;
    choose_length(replay, step);
    if (!run_update(run, step, &run->row)) return false;
    size_t tensors = params_count(&run->model->params);
    memcpy(replay->norms[role], run->optimizer.tensor_norms, tensors * sizeof(double));
    if (step >= replay->written) runlog_write(&run->log, &run->row);
    compare(replay, step);
    run->row = (LogRow){0};
    return true;
}

/* Returns false if a stop was requested. */
static bool repeat_all(Replay *replay) {
    Run *run = &replay->run;
    size_t B = run->config->train.batch, T = run->model->shape.T;
    double *losses = mem_alloc(size_mul(size_mul(run->config->train.accum, B * T), sizeof(double)));
    for (size_t step = replay->start + 1; step <= replay->last; step++) {
        run->losses = step == replay->step ? losses : NULL;
        if (!repeat(replay, step)) {
            mem_free(losses);
            return false;
        }
        if (step == replay->step) {
            replay->spike = run->report;
            replay->nonfinite = run->nonfinite;
        }
        /* The run itself ended here. */
        if (step >= replay->step &&
            health_must_stop(run->health, (SpikeAction)run->config->spike.action))
            break;
    }
    run->losses = losses;
    return true;
}

/* --- RUN/replay/step_<8 digits>/ --- */

/* The lock admits one process at a time, so leftovers of killed processes can be removed. */
static void open_folder(Replay *replay) {
    char *parent = text_format("%s/replay", replay->dir);
    replay->folder = text_format("%s/step_%08zu", parent, replay->step);
    replay->temporary = text_format("%s/.tmp-step_%08zu", parent, replay->step);
    folder_make(parent);
    rundir_lock(parent, "wait for it");
    folder_clean(parent);
    folder_make(replay->temporary);
    mem_free(parent);
}

/* One rename puts the complete folder in place of an older one. */
static void replace_folder(Replay *replay) {
    uint64_t bytes[RUNLOG_FILES];
    int error = runlog_sync(&replay->run.log, bytes);
    if (!error) error = folder_sync(replay->temporary);
    bool taken = false;
    if (!error) error = folder_move(replay->temporary, replay->folder, NULL, &taken);
    if (!error && taken) folder_remove(replay->temporary, NULL);
    if (error) die(EXIT_IO, "cannot write %s: %s", replay->folder, strerror(error));
}

/* --- the command --- */

static void print_start(const Replay *replay) {
    char from[64] = "the initial weights of the run";
    if (replay->start) snprintf(from, sizeof from, "the checkpoint of step %zu", replay->start);
    printf("update %zu of %s, from %s: %zu updates to repeat\n", replay->step, replay->dir, from,
           replay->last - replay->start);
    if (replay->start >= first_measured(replay))
        puts("there is no older checkpoint, so the updates before it are not repeated");
    printf("%8s %14s %14s\n", "step", "train_loss", "grad_norm");
    stdout_flush();
}

/* Prints possible reasons for a difference. */
static void print_reasons(const Replay *replay) {
    char *elsewhere = manifest_elsewhere(replay->dir);
    const char *from = replay->config.train.init_from;
    if (*elsewhere)
        fprintf(stderr,
                "train: run.json names another build or machine, whose bits may differ: %s\n",
                elsewhere);
    if (replay->start && sizeof(real) != sizeof(float))
        fputs("train: checkpoints store float32, but this build computes in double\n", stderr);
    if (!replay->start && *from)
        fprintf(
            stderr,
            "train: its initial weights are from %s, which may have been trained further since\n",
            from);
    mem_free(elsewhere);
}

static void print_verdict(const Replay *replay) {
    if (replay->differs) {
        fprintf(stderr,
                "train: error: %s cannot be repeated exactly: update %zu differs from log.csv\n",
                replay->dir, replay->differs);
        print_reasons(replay);
    } else if (replay->compared) {
        printf("repeated to the bit: %zu updates equal those in log.csv\n", replay->compared);
    } else {
        puts("log.csv has none of these updates: nothing to compare");
    }
}

static int finish(Replay *replay) {
    Run *run = &replay->run;
    size_t count = run->config->train.accum * run->config->train.batch;
    bool has_before = replay->step > replay->start + 1;
    SequenceLoss *losses = sequences_of_update(run, replay->step);
    sequences_write(replay->temporary, losses, count, run);
    replace_folder(replay);
    print_verdict(replay);
    print_tensors_grown(replay->step, &replay->spike, &run->model->params, &replay->nonfinite,
                        has_before ? replay->norms[BEFORE] : NULL, replay->norms[TARGET]);
    if (has_before) print_activations(replay->step, replay->probes[BEFORE], replay->probes[TARGET]);
    print_sequences(replay->step, losses, count, run);
    printf("written to %s\n", replay->folder);
    sequences_free(losses, count);
    mem_free(run->losses);
    return replay->differs ? EXIT_DATA : EXIT_DONE;
}

static void close_replay(Replay *replay) {
    for (int i = 0; i < ROLES; i++) {
        mem_free(replay->norms[i]);
        probe_free(replay->probes[i]);
    }
    replay->run.probe = NULL; /* one of them */
    run_close(&replay->run);
    mem_free(replay->folder);
    mem_free(replay->temporary);
    arrfree(replay->lengths);
    arrfree(replay->logged);
    config_free(&replay->config);
}

int replay(const Cli *cli, int argc, char **argv) {
    Replay replay = {.dir = cli->run, .config = config_of(cli)};
    int code;
    choose_steps(&replay, cli);
    ops_start(replay.config.train.threads);
    restore(&replay, argc, argv);
    collect_lengths(&replay);
    read_log(&replay);
    for (int i = 0; i < ROLES; i++) {
        size_t tensors = params_count(&replay.run.model->params);
        replay.norms[i] = mem_alloc(size_mul(tensors, sizeof(double)));
        replay.probes[i] = probe_create(replay.config.model.n_layer);
    }
    probe_free(replay.run.probe);
    stop_install("\nstopping without writing any files\n");
    open_folder(&replay);
    print_start(&replay);
    if (repeat_all(&replay)) {
        code = finish(&replay);
    } else {
        folder_remove(replay.temporary, NULL);
        code = stop_code();
    }
    close_replay(&replay);
    return code;
}

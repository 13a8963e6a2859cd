/* resume.c - see resume.h. */
#include "run/train/resume.h"

#include "base/stb_ds.h"
#include "base/text_out.h"
#include "base/words.h"
#include "run/io/files.h"
#include "run/io/stop.h"
#include "run/optim/schedule.h"
#include "run/store/aside.h"
#include "run/store/stored_model.h"
#include "run/train/events.h"

#include <stdlib.h>
#include <string.h>

enum { FAILURES_MAX = 3 };

/* --- the list of arrays --- */

/* The first or the second moments. Tensors that Muon updates have no second one. */
static void moments(const Params *params, bool second, Tensor **list) {
    for (size_t i = 0; i < params_count(params); i++) {
        const Param *param = &params->list[i];
        const bool muon = param->v_offset == NO_MOMENT;
        if (!param_is_trained(param) || (second && muon)) continue;
        const char *prefix = second ? "adam.v." : muon ? "muon.m." : "adam.m.";
        tensor_add(list, prefix, param->name, TENSOR_REAL, param->shape[0], param->shape[1],
                   second ? params->v + param->v_offset : params->m + param->offset);
    }
}

/* `action` encodes row.action, a string: 0 = none, else 1 + SpikeAction. */
static void list_tensors(Run *run, size_t *action, Snapshot *snapshot) {
    Params *params = &run->model->params;
    Tensor **state = &snapshot->state;
    stored_model_tensors(params, snapshot);
    moments(params, false, state);
    moments(params, true, state);
    tensor_add(state, "adam.", "applied", TENSOR_I64, 1, 0, &run->optimizer.applied);
    spike_tensors(run->detector, state);
    health_tensors(run->health, state);
    tensor_add(state, "row.", "value", TENSOR_F64, LOG_FIRST_COLUMNS, 0, run->row.value);
    tensor_add(state, "row.", "measured", TENSOR_I64, 1, 0, &run->row.measured);
    tensor_add(state, "row.", "action", TENSOR_I64, 1, 0, action);
    /* Later versions added these, one after the other: read_state may cut them off. */
    health_sign_tensors(run->health, state);
    tensor_add(state, "row.", "max_logit", TENSOR_F64, 1, 0, &run->row.value[LOG_MAX_LOGIT]);
}

static size_t action_index(const char *name) {
    return name ? (size_t)(name_index(spike_action_name, name) + 1) : 0;
}

/* --- saving --- */

static char *save(Run *run, size_t step) {
    CheckpointMeta meta = {.step = step,
                           .data_hash = run->data_hash,
                           .val_hash = run->val_hash,
                           .train_seconds = run->train_seconds,
                           .row_waits = run->row.measured != 0};
    size_t action = action_index(run->row.action);
    Snapshot snapshot = {0};
    /* Records that could not be synced may be lost, and a later sync would not report it. */
    int error = runlog_sync(&run->log, meta.log_bytes);
    if (error) die(EXIT_IO, "cannot sync the logs in %s: %s", run->dir, strerror(error));
    list_tensors(run, &action, &snapshot);
    stored_model_describe(&snapshot, run->config, dataset_vocab(run->data), step);
    char *failed = checkpoint_write(run->dir, &snapshot, &meta);
    snapshot_free(&snapshot);
    return failed;
}

/* The step of the checkpoint that train.keep_best keeps; 0 = none, for the initial weights are not
 * kept: --overwrite removes the old run when the new one has a checkpoint. */
static size_t best_step(const Run *run) {
    return run->config->train.keep_best ? health_summary(run->health).best_val_step : 0;
}

static void prune(const Run *run, size_t step) {
    const TrainOptions *train = &run->config->train;
    HealthSummary health = health_summary(run->health);
    CheckpointKeep keep = {.newest = train->keep,
                           .every = train->keep_every,
                           .best = best_step(run),
                           .healthy = health.diverged ? health.diverged_step : SIZE_MAX};
    checkpoint_prune(run->dir, step, &keep);
}

bool run_wants_checkpoint(const Run *run, size_t step) {
    const TrainOptions *train = &run->config->train;
    const bool regular = train->checkpoint_every && step % train->checkpoint_every == 0;
    const bool lasting = train->keep_every && step % train->keep_every == 0;
    return step > 0 && (regular || lasting || step == best_step(run));
}

/* run.json names the new best checkpoint before the old one is removed, so that the one it names
 * always exists. */
static void name_best(Run *run) {
    Manifest *manifest = &run->manifest;
    const size_t best = best_step(run);
    if (manifest->best_step == best) return;
    manifest->best_step = best;
    manifest->best_loss = health_summary(run->health).best_val_loss;
    manifest_update(run->dir, manifest);
}

ExitCode run_save(Run *run, size_t step) {
    if (!params_finite(&run->model->params)) return EXIT_DIVERGED;
    char *failed = save(run, step);
    if (!failed) {
        name_best(run);
        prune(run, step);
        aside_settle(false);
        run->failed_saves = 0;
        progress_checkpoint(&run->progress, step);
        events_checkpoint(run, step);
        return EXIT_DONE;
    }
    progress_pause(&run->progress);
    bool last = step == run->config->train.steps || ++run->failed_saves == FAILURES_MAX;
    const char *then = last               ? ""
                       : stop_requested() ? "; --resume repeats the steps after the last checkpoint"
                                          : "; the run continues";
    fprintf(stderr, "train: %s: no checkpoint after step %zu: %s%s\n", last ? "error" : "warning",
            step, failed, then);
    mem_free(failed);
    return last ? EXIT_IO : EXIT_DONE;
}

void run_check_room(const Run *run) {
    size_t action = 0;
    Snapshot snapshot = {0};
    list_tensors((Run *)run, &action, &snapshot);
    stored_model_describe(&snapshot, run->config, dataset_vocab(run->data), 0);
    char *failed = checkpoint_room(run->dir, checkpoint_size(&snapshot));
    snapshot_free(&snapshot);
    if (failed) die(EXIT_IO, "%s", failed);
}

void run_keep_tokenizer(const Run *run) {
    stored_model_keep_tokenizer(run->dir, dataset_vocab(run->data));
}

/* --- restoring --- */

/* Whether the tokens of the stored model are those of the run: the bytes of the data may be the same
 * and their format another. */
static bool same_vocab(const Run *run, const Snapshot *snapshot) {
    Snapshot own = {0};
    bool same = true;
    static const char *const keys[] = {"vocab", "alphabet", "tokenizer"};
    stored_model_describe(&own, run->config, dataset_vocab(run->data), 0);
    for (size_t i = 0; i < sizeof keys / sizeof *keys; i++) {
        const char *a = snapshot_metadata(&own, keys[i]), *b = snapshot_metadata(snapshot, keys[i]);
        same &= a && b ? strcmp(a, b) == 0 : a == b;
    }
    snapshot_free(&own);
    return same;
}

/* NULL if the checkpoint was written by a run with the same config, else the reason why not. Its
 * train.steps become run->planned_steps. */
static const char *compare_config(Run *run, const Snapshot *snapshot, const char *folder) {
    Config config;
    const char *wrong = stored_model_config(snapshot, folder, &config);
    if (wrong) return wrong;
    const char *key = config_difference(&config, run->config, DIFFERENCE_MOVED);
    run->planned_steps = config.train.steps;
    config_free(&config);
    if (!key && !same_vocab(run, snapshot)) return "its vocabulary differs from that of the data";
    return key ? "its config differs from config.json" : NULL;
}

/* Reads a checkpoint of this version, or of an earlier one, which lacks the last tensors. */
static const char *read_state(Run *run, const CheckpointFiles *files, Snapshot *snapshot) {
    if (!checkpoint_read(files, snapshot)) return NULL;
    arrsetlen(snapshot->state, arrlenu(snapshot->state) - 1); /* row.max_logit */
    if (!checkpoint_read(files, snapshot)) return NULL;
    arrsetlen(snapshot->state, arrlenu(snapshot->state) - HEALTH_SIGN_TENSORS);
    health_forget_signs(run->health);
    return checkpoint_read(files, snapshot);
}

/* Whether it is the first checkpoint of an imported run, which has weights only: everything else is as at the start of a
 * run. */
static bool is_imported(const CheckpointFiles *files, const Snapshot *snapshot) {
    return files->step == 0 && snapshot_metadata(snapshot, "imported_from");
}

static const char *restore_from(Run *run, const CheckpointFiles *files) {
    size_t vocab, action = 0;
    Snapshot snapshot = {0};
    char *folder = checkpoint_folder(run->dir, files->step);
    const char *wrong = checkpoint_metadata(files, &snapshot, &vocab);
    if (!wrong) wrong = compare_config(run, &snapshot, folder);
    list_tensors(run, &action, &snapshot);
    const bool imported = !wrong && is_imported(files, &snapshot);
    if (imported) arrsetlen(snapshot.state, 0);
    if (!wrong)
        wrong = imported ? checkpoint_read(files, &snapshot) : read_state(run, files, &snapshot);
    bool valid = !wrong && spike_restored(run->detector) && health_restored(run->health) &&
                 action <= ACTION_STOP + 1;
    if (!wrong && !valid) wrong = "its state is invalid";
    if (!wrong) run->row.action = action ? spike_action_name((int)action - 1) : NULL;
    snapshot_free(&snapshot);
    mem_free(folder);
    return wrong;
}

static const char *restore(Run *run, size_t step, CheckpointMeta *meta) {
    CheckpointFiles files;
    checkpoint_open(&files, run->dir, step);
    const char *wrong = checkpoint_check(&files, meta);
    if (!wrong) wrong = restore_from(run, &files);
    checkpoint_close(&files);
    return wrong;
}

/* A run killed between writing its last checkpoint and `latest` would otherwise keep an older name
 * there. */
static void name_latest(const Run *run, size_t step) {
    size_t named;
    if (checkpoint_latest(run->dir, &named) && named == step) return;
    char *failed = checkpoint_name_latest(run->dir, step);
    if (failed) die(EXIT_IO, "%s", failed);
}

void run_check_data(const Run *run, const CheckpointMeta *meta) {
    if (meta->data_hash == run->data_hash || !meta->data_hash) return; /* 0: an imported run */
    die(EXIT_DATA,
        "%s: data.train has changed since the checkpoint of step %zu was written; restore it, or "
        "train on the new data under another --set name=NAME or --run-dir",
        run->dir, meta->step);
}

bool run_load(Run *run, const size_t *steps, size_t count, CheckpointMeta *meta) {
    for (size_t i = 0; i < count; i++) {
        const char *wrong = restore(run, steps[i], meta);
        if (!wrong) {
            run_check_data(run, meta);
            return true;
        }
        fprintf(stderr, "train: warning: skipping the checkpoint of step %zu in %s: %s\n", steps[i],
                run->dir, wrong);
    }
    return false;
}

void run_begin(Run *run) {
    const char *from = run->config->train.init_from;
    if (*from && !run->begun) stored_model_begin(run->model, dataset_vocab(run->data), from);
    run->begun = true;
}

/* Returns the next step: the step of the checkpoint if its record still lacks the validation loss.
 */
static size_t continue_run(Run *run, const CheckpointMeta *meta) {
    run->restored = true;
    run->train_seconds = meta->train_seconds;
    model_remove_norms(run->model, meta->step);
    name_latest(run, meta->step);
    name_best(run);
    prune(run, meta->step);
    size_t first = run->row.measured ? meta->step : meta->step + 1;
    const bool has_log = meta->log_bytes[0] != 0;
    if (!has_log) { /* an imported run: its first record is that of step 0 */
        run->log = runlog_create(run->dir, run->config->log.max_logit);
        return 0;
    }
    run->log = runlog_continue(run->dir, run->config->log.max_logit, meta->log_bytes, first);
    return first;
}

/* Moves checkpoints to the end of the list that are newer than `latest` says and whose logs have been
 * cut since. A run fell back from such a checkpoint, which could not be read then, and continued its
 * logs from an older one. */
static void order_checkpoints(const Run *run, size_t *steps) {
    size_t named, count = arrlenu(steps), kept = 0, *last = NULL;
    if (!checkpoint_latest(run->dir, &named)) return;
    for (size_t i = 0; i < count; i++) {
        CheckpointMeta meta;
        bool left = steps[i] > named && !checkpoint_verify(run->dir, steps[i], &meta) &&
                    !runlog_reaches(run->dir, meta.log_bytes);
        if (left)
            arrput(last, steps[i]);
        else
            steps[kept++] = steps[i];
    }
    for (size_t i = 0; i < arrlenu(last); i++) steps[kept++] = last[i];
    arrfree(last);
}

size_t run_restore(Run *run) {
    size_t *steps;
    CheckpointMeta meta;
    int error = checkpoint_steps(run->dir, &steps);
    if (error) die(EXIT_IO, "cannot list %s/checkpoints: %s", run->dir, strerror(error));
    size_t count = arrlenu(steps);
    order_checkpoints(run, steps);
    bool loaded = run_load(run, steps, count, &meta);
    arrfree(steps);
    if (loaded) return continue_run(run, &meta);
    if (count) {
        die(EXIT_DATA,
            "%s has no valid checkpoint to resume from; restore one, or choose another --set "
            "name=NAME or --run-dir",
            run->dir);
    }
    run_begin(run);
    run->log = runlog_create(run->dir, run->config->log.max_logit);
    return 0;
}

void run_note_extension(Run *run, size_t first) {
    const OptimOptions *optim = &run->config->optim;
    size_t from = run->planned_steps, to = run->config->train.steps, done = first ? first - 1 : 0;
    double scale = run->manifest.lr_scale;
    if (run->row.measured && first) done = first; /* only its validation is missing */
    if (from == to) return;
    fprintf(
        stderr,
        "train: note: after step %zu the run continues to step %zu instead of %zu: its learning "
        "rate was %.6g at step %zu of the old schedule and is %.6g at step %zu of the new one\n",
        done, to, from, scale * schedule_lr(optim, done, from), done,
        scale * schedule_lr(optim, done + 1, to), done + 1);
    manifest_extend(&run->manifest, done, from, to);
}

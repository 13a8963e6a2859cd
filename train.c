/* train.c - main() and the training loop.
 *
 * One idea: the loop below is all of training: config -> data -> embedding -> blocks -> head ->
 * loss -> backward -> check -> update -> log. The parts it calls are one folder away:
 * run/train/trainer.c has one update, model/ one sublayer for all topologies, norm/ one file per
 * norm, data/ the sources of tokens, ops/ all loops over numbers.
 * Read next: run/train/trainer.h, then model/wiring.h. */
#include "base/program.h"
#include "ops/ops.h"
#include "run/commands/bench.h"
#include "run/commands/cli.h"
#include "run/commands/describe.h"
#include "run/commands/dryrun.h"
#include "run/commands/encode.h"
#include "run/commands/evaluate.h"
#include "run/commands/export.h"
#include "run/commands/fold.h"
#include "run/commands/import.h"
#include "run/commands/list.h"
#include "run/commands/logits.h"
#include "run/commands/manual.h"
#include "run/commands/measure.h"
#include "run/commands/replay.h"
#include "run/commands/sample.h"
#include "run/commands/status.h"
#include "run/io/stop.h"
#include "run/io/streams.h"
#include "run/models/imported.h"
#include "run/store/aside.h"
#include "run/store/rundir.h"
#include "run/train/events.h"
#include "run/train/resume.h"

#include <stdio.h>

/* Steps first .. train.steps, one log record each. A record restored from a checkpoint has its
 * update done and lacks only the validation. A stop request ends the run with a checkpoint of the
 * last complete update; --stop-at makes one after its update. */
static ExitCode train_loop(Run *run, size_t first, size_t stop_at) {
    const Config *config = run->config;
    const size_t steps = config->train.steps;
    LogRow *row = &run->row;
    if (first > stop_at && first <= steps) {
        stop_request();
        return EXIT_DONE;
    }
    for (size_t step = first; step <= steps; step++) {
        bool updated = row->measured != 0;
        log_set(row, LOG_STEP, (double)step);
        if (step == 0) log_set(row, LOG_TOKENS, 0);
        if (step > 0 && !updated && !run_update(run, step, row)) {
            *row = (LogRow){0};
            return run_save(run, step - 1);
        }
        bool must_stop =
            step > 0 && health_must_stop(run->health, (SpikeAction)config->spike.action);
        if (!must_stop && run_wants_validation(run, step)) {
            double val_loss = run_validate(run, step);
            if (stop_requested()) return run_save(run, step);
            health_validation(run->health, step, val_loss);
            log_set(row, LOG_VAL_LOSS, val_loss);
        }
        bool last = step == steps || must_stop;
        if (step % config->log.every == 0 || last) runlog_write(&run->log, row);
        progress_row(&run->progress, row, last);
        *row = (LogRow){0};
        events_step(run, step, step > 0 && !updated);
        if (must_stop) return EXIT_DIVERGED;
        if (step == stop_at && !last) stop_request();
        bool due = last || stop_requested() || run_wants_checkpoint(run, step);
        ExitCode code = due ? run_save(run, step) : EXIT_DONE;
        if (code != EXIT_DONE || stop_requested()) return code;
        if (run->progress.quiet || !run_wants_sample(run, step)) continue;
        progress_pause(&run->progress);
        sample_of_run(run, step);
    }
    return EXIT_DONE;
}

/* --- modes --- */

/* Trains in `dir`, which is locked: restores, runs the loop, writes the summary. */
static int train_in(Run *run, const char *dir, const Cli *cli) {
    run->dir = dir;
    size_t first = run_restore(run);
    run_keep_tokenizer(run);
    run_check_room(run);
    if (cli->resume && !run->restored)
        fprintf(stderr, "train: note: %s has no checkpoint, so the run begins at step 0\n", dir);
    if (first) manifest_resume(dir, &run->manifest, first);
    if (run->restored) run_note_extension(run, first);
    manifest_write(dir, &run->manifest, NULL);
    run->progress = progress_start(&run->manifest, dir, first, cli->quiet);
    int code = (int)train_loop(run, first, cli->stop_at);
    if (code == EXIT_DONE && stop_requested()) code = stop_code();
    Summary summary = run_summary(run, code);
    manifest_write(dir, &run->manifest, &summary);
    progress_end(&run->progress, &summary);
    events_end(run, &summary);
    aside_settle(code == EXIT_DIVERGED);
    if (code == EXIT_DONE && run->config->train.steps && !cli->quiet)
        sample_of_run(run, summary.steps);
    return code;
}

static int already_finished(const char *dir) {
    printf("%s is already finished; nothing to do (another --set name=NAME or --run-dir trains it "
           "again)\n",
           dir);
    return EXIT_DONE;
}

/* Everything that can be refused is checked before the folder is touched. */
static int train(const Config *config, const char *dir, const Cli *cli, int argc, char **argv) {
    RundirMode mode = cli->overwrite ? RUNDIR_OVERWRITE
                      : cli->extend  ? RUNDIR_EXTEND
                      : cli->resume  ? RUNDIR_RESUME
                                     : RUNDIR_NEW;
    int code = EXIT_DONE;
    ops_start(config->train.threads);
    rundir_recover(dir);
    if (!rundir_check(dir, config, mode, NULL)) {
        code = already_finished(dir);
    } else {
        Run run;
        int error;
        run_open(&run, config, argc, argv);
        /* The run that train.init_from names may be the one that --overwrite replaces. */
        if (!cli->resume || !checkpoint_exists(dir, &error)) run_begin(&run);
        DataSums sums = {run.data_hash, run.val_hash};
        /* From here on, a signal leaves a run that can be resumed. */
        stop_install(
            "\nstopping after this step with a checkpoint; press Ctrl-C again to stop at once\n");
        code = rundir_make(dir, config, mode, &sums) ? train_in(&run, dir, cli)
                                                     : already_finished(dir);
        run_close(&run);
    }
    return code;
}

static int with_config(const Cli *cli, int argc, char **argv) {
    Config config;
    if (!cli->config)
        die(EXIT_USAGE, "nothing to do: give --config FILE; %s --help lists all flags",
            program_name());
    if (!config_load(&config, cli->config, cli->sets, cli->n_sets)) return EXIT_USAGE;
    config_warn(&config);
    int code = EXIT_DONE;
    if (cli->mode == MODE_DESCRIBE) {
        describe(&config, cli->json);
    } else if (cli->mode == MODE_BENCH) {
        code = bench(&config, cli->bench, argc, argv);
    } else {
        char *dir = rundir_path(&config, cli->run_dir, cli->config, cli->sets, cli->n_sets);
        code = cli->mode == MODE_DRY_RUN ? dryrun(&config, dir, cli->json)
                                         : train(&config, dir, cli, argc, argv);
        mem_free(dir);
    }
    config_free(&config);
    return code;
}

static void start_process(char **argv) {
    /* OpenMP and OpenBLAS read their environment before main(), so to set it the program starts
     * itself again, which must come before anything that should happen only once. */
    program_start(argv, PERI_COMMIT);
    ops_exec_tuned(argv);
    /* If a standard stream is closed, the first file opened would get its descriptor and receive
     * the messages meant for the terminal. A closed terminal or a full quota must not kill a long
     * run; the failing write reports it. */
    streams_hold();
    /* By default cJSON returns incomplete data when memory is short, so its allocator must be
     * replaced before any JSON is read. */
    config_start();
}

/* The modes that only read the command line. */
static void (*const COMMANDS[])(const Cli *) = {
    [MODE_SAMPLE] = sample_of_checkpoint,
    [MODE_LOGITS] = logits_write,
    [MODE_FOLD] = fold_write,
    [MODE_EXPORT] = export_write,
    [MODE_IMPORT] = import_write,
    [MODE_STATUS] = status_print,
    [MODE_ENCODE] = encode_text,
    [MODE_TRAIN_TOKENIZER] = encode_train,
};

/* A foreign model in place of a run. */
static void refuse_foreign(const Cli *cli) {
    const bool takes_run = cli->mode != MODE_IMPORT && cli->mode != MODE_MEASURE;
    if (cli->run && takes_run && imported_is(cli->run))
        die(EXIT_USAGE,
            "%s is a Hugging Face model or a GGUF file, not a run; --import %s RUN makes it one",
            cli->run, cli->run);
}

static int run_mode(const Cli *cli, int argc, char **argv) {
    refuse_foreign(cli);
    switch (cli->mode) {
    case MODE_TRAIN:
    case MODE_DRY_RUN:
    case MODE_BENCH:
    case MODE_DESCRIBE:
        return with_config(cli, argc, argv);
    case MODE_EVAL:
        return evaluate(cli);
    case MODE_MEASURE:
        return measure(cli);
    case MODE_REPLAY:
        return (int)replay(cli, argc, argv);
    case MODE_LIST:
        list_print(cli->list, cli->json);
        break;
    case MODE_SCHEMA:
        config_print_schema(stdout);
        break;
    case MODE_MAN:
        manual_print_page(stdout);
        break;
    case MODE_COMPLETION:
        manual_print_completion(stdout);
        break;
    case MODE_HELP:
        cli_help(false);
        break;
    case MODE_VERSION:
        ops_start(0);
        manifest_print_build(stdout);
        break;
    default:
        COMMANDS[cli->mode](cli);
    }
    return EXIT_DONE;
}

int main(int argc, char **argv) {
    start_process(argv);
    if (argc < 2) {
        cli_help(true);
        return streams_end(EXIT_USAGE, false);
    }
    Cli cli = cli_parse(argc, argv);
    argc = cli_hide_command(argc, argv);
    events_start(cli.on_event);
    int code = run_mode(&cli, argc, argv);
    code = streams_end(code, cli.mode == MODE_TRAIN);
    cli_free(&cli);
    if (stop_requested()) stop_die();
    return code;
}

/* train.c - main() and the training loop.
 *
 * One idea: the loop below is all of training: config -> data -> embedding -> blocks -> head ->
 * loss -> backward -> check -> update -> log. The parts it calls are one folder away:
 * run/train/trainer.c has one update, model/ one sublayer for all topologies, norm/ one file per
 * norm, data/ the sources of tokens, ops/ all loops over numbers.
 * Read next: run/train/trainer.h, then model/wiring.h. */
#include "base/program.h"
#include "base/words.h"
#include "model/equations.h"
#include "norm/norm.h"
#include "ops/ops.h"
#include "run/commands/bench.h"
#include "run/commands/cli.h"
#include "run/commands/dryrun.h"
#include "run/commands/evaluate.h"
#include "run/commands/manual.h"
#include "run/commands/replay.h"
#include "run/commands/sample.h"
#include "run/io/stop.h"
#include "run/io/streams.h"
#include "run/store/aside.h"
#include "run/store/rundir.h"
#include "run/train/resume.h"

#include <stdio.h>
#include <string.h>

/* Steps first .. train.steps, one log record each. A record restored from a checkpoint has its
 * update done and lacks only the validation. A stop request ends the run with a checkpoint of the
 * last complete update. */
static ExitCode train_loop(Run *run, size_t first) {
    const Config *config = run->config;
    size_t steps = config->train.steps, every = config->train.checkpoint_every;
    LogRow *row = &run->row;
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
        if (must_stop) return EXIT_DIVERGED;
        bool due = last || stop_requested() || (every && step > 0 && step % every == 0);
        ExitCode code = due ? run_save(run, step) : EXIT_DONE;
        if (code != EXIT_DONE || stop_requested()) return code;
        if (!run_wants_sample(run, step)) continue;
        progress_pause(&run->progress);
        sample_of_run(run, step);
    }
    return EXIT_DONE;
}

/* --- modes --- */

/* Trains in `dir`, which is locked: restores, runs the loop, writes the summary. */
static int train_in(Run *run, const char *dir, bool resumes) {
    run->dir = dir;
    size_t first = run_restore(run);
    run_check_room(run);
    if (resumes && !run->restored)
        fprintf(stderr, "train: note: %s has no checkpoint, so the run begins at step 0\n", dir);
    if (first) manifest_resume(dir, &run->manifest, first);
    if (run->restored) run_note_extension(run, first);
    manifest_write(dir, &run->manifest, NULL);
    run->progress = progress_start(&run->manifest, dir, first);
    int code = (int)train_loop(run, first);
    if (code == EXIT_DONE && stop_requested()) code = stop_code();
    Summary summary = run_summary(run, code);
    manifest_write(dir, &run->manifest, &summary);
    progress_end(&run->progress, &summary);
    aside_settle(code == EXIT_DIVERGED);
    if (code == EXIT_DONE && run->config->train.steps) sample_of_run(run, summary.steps);
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
        code = rundir_make(dir, config, mode, &sums) ? train_in(&run, dir, cli->resume)
                                                     : already_finished(dir);
        run_close(&run);
    }
    return code;
}

/* On stderr: it is not part of the equations. */
static void describe_lr(const OptimOptions *optim, const NormKind *norm) {
    if (!norm_is_rms(norm) || optim->rmsnorm_lr_scale == 1) return;
    fprintf(stderr, "learning rate %.9g * optim.lr = %.9g (optim.rmsnorm_lr_scale)\n",
            optim->rmsnorm_lr_scale, optim->rmsnorm_lr_scale * optim->lr);
}

static int describe(const Config *config) {
    char hash[17],
        *text = equations_text(&config->model, &config->gamma_warmup, &config->branch_warmup);
    equations_hash(hash, &config->model, &config->gamma_warmup, &config->branch_warmup);
    printf("%sequations    %s\n", text, hash);
    mem_free(text);
    equations_print_precision(stdout, &config->model);
    describe_lr(&config->optim, norm_kind(config->model.norm));
    return EXIT_DONE;
}

static int list(const char *what) {
    if (strcmp(what, "topologies") == 0) {
        for (int i = 0; topology_name(i); i++)
            printf("%-12s %s\n", topology_name(i), topology_about(i));
    } else if (strcmp(what, "norms") == 0) {
        for (int i = 0; norm_name(i); i++)
            printf("%-14s %s\n", norm_name(i), norm_kind(i)->equation);
    } else if (strcmp(what, "keys") == 0) {
        config_list_keys(stdout);
    } else {
        const char *near = name_nearest(what, CLI_LISTS);
        die(EXIT_USAGE, "--list takes topologies, norms or keys, not \"%s\"%s%s%s", what,
            near ? "; did you mean " : "", near ? near : "", near ? "?" : "");
    }
    return EXIT_DONE;
}

static int with_config(const Cli *cli, int argc, char **argv) {
    Config config;
    if (!cli->config)
        die(EXIT_USAGE, "nothing to do: give --config FILE; %s --help lists all flags",
            program_name());
    if (!config_load(&config, cli->config, cli->sets, cli->n_sets)) return EXIT_USAGE;
    config_warn(&config);
    int code;
    if (cli->mode == MODE_DESCRIBE) {
        code = describe(&config);
    } else if (cli->mode == MODE_BENCH) {
        code = bench(&config, cli->bench, argc, argv);
    } else {
        char *dir = rundir_path(&config, cli->run_dir, cli->config, cli->sets, cli->n_sets);
        code =
            cli->mode == MODE_DRY_RUN ? dryrun(&config, dir) : train(&config, dir, cli, argc, argv);
        mem_free(dir);
    }
    config_free(&config);
    return code;
}

static void start_process(char **argv) {
    /* OpenMP and OpenBLAS read their environment before main(), so to set it the program starts
     * itself again, which must come before anything that should happen only once. */
    program_start(argv);
    ops_exec_tuned(argv);
    /* If a standard stream is closed, the first file opened would get its descriptor and receive
     * the messages meant for the terminal. A closed terminal or a full quota must not kill a long
     * run; the failing write reports it. */
    streams_hold();
    /* By default cJSON returns incomplete data when memory is short, so its allocator must be
     * replaced before any JSON is read. */
    config_start();
}

int main(int argc, char **argv) {
    start_process(argv);
    if (argc < 2) {
        cli_help(true);
        return streams_end(EXIT_USAGE, false);
    }
    Cli cli = cli_parse(argc, argv);
    int code = EXIT_DONE;
    switch (cli.mode) {
    case MODE_TRAIN:
    case MODE_DRY_RUN:
    case MODE_BENCH:
    case MODE_DESCRIBE:
        code = with_config(&cli, argc, argv);
        break;
    case MODE_SAMPLE:
        ops_start(0);
        sample_of_checkpoint(&cli);
        break;
    case MODE_EVAL:
        code = evaluate(&cli);
        break;
    case MODE_REPLAY:
        code = (int)replay(&cli, argc, argv);
        break;
    case MODE_LIST:
        code = list(cli.list);
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
    }
    code = streams_end(code, cli.mode == MODE_TRAIN);
    cli_free(&cli);
    if (stop_requested()) stop_die();
    return code;
}

/* train.c - main(): read the config, build, loop, done.
 *
 * The loop below is the whole of training: config -> data -> embed -> blocks -> head -> loss ->
 * backward -> judge -> update -> log. What it calls is one folder away: run/trainer.c holds one
 * update, model/ one sublayer for every topology, norm/ a file per norm, data/ where tokens come
 * from, ops/ every loop over numbers. Floor 5. Read next: run/trainer.h, then model/wiring.h. */
#include "model/equations.h"
#include "norm/norm.h"
#include "ops/ops.h"
#include "run/checkpoint.h"
#include "run/cli.h"
#include "run/rundir.h"
#include "run/sample.h"
#include "run/trainer.h"

#include <signal.h>
#include <stdio.h>
#include <string.h>

static ExitCode train_loop(Run *run) {
    const Config *config = run->config;
    size_t steps = config->train.steps;
    ExitCode code = EXIT_DONE;
    for (size_t step = 0; step <= steps && code == EXIT_DONE; step++) {
        LogRow row = {0};
        log_set(&row, LOG_STEP, 0);
        log_set(&row, LOG_TOKENS, 0);
        if (step > 0) run_update(run, step, &row);
        if (step > 0 && health_must_stop(run->health, (SpikeAction)config->spike.action))
            code = EXIT_DIVERGED;
        if (code == EXIT_DONE && run_wants_validation(run, step)) {
            double val_loss = run_validate(run, step);
            health_validation(run->health, step, val_loss);
            log_set(&row, LOG_VAL_LOSS, val_loss);
        }
        bool last = step == steps || code != EXIT_DONE;
        if (step % config->log.every == 0 || last) runlog_write(&run->log, &row);
        progress_row(&run->progress, &row, last);
    }
    return code;
}

/* --- modes
 * ------------------------------------------------------------------------------------------------
 */

static int train(const Config *config, const Cli *cli, int argc, char **argv) {
    Run run;
    char *dir = rundir_path(config, cli->run_dir);
    ops_start(config->train.threads);
    if (!rundir_check(dir, config, cli->overwrite)) {
        printf("%s is finished already, nothing to do (--overwrite starts anew)\n", dir);
        mem_free(dir);
        return EXIT_DONE;
    }
    run_open(&run, config, argc, argv);
    rundir_make(dir, config, cli->overwrite);
    manifest_write(dir, &run.manifest, NULL);
    run.log = runlog_create(dir);
    run.progress = progress_start(&run.manifest, dir);
    ExitCode code = train_loop(&run);
    if (code == EXIT_DONE && !params_finite(&run.model->params)) code = EXIT_DIVERGED;
    if (code == EXIT_DONE) {
        checkpoint_write(dir, run.model, config, dataset_vocab(run.data), config->train.steps);
    }
    Summary summary = run_summary(&run, code);
    manifest_write(dir, &run.manifest, &summary);
    progress_end(&run.progress, &summary);
    if (code == EXIT_DONE && config->train.steps) sample_of_run(&run);
    run_close(&run);
    mem_free(dir);
    return (int)code;
}

static int describe(const Config *config) {
    char hash[17], *text = equations_text(&config->model, &config->gamma_warmup);
    equations_hash(hash, text);
    printf("%sequations    %s\n", text, hash);
    mem_free(text);
    return EXIT_DONE;
}

static int list(const char *what) {
    static const char *const WHATS[] = {"topologies", "norms", "keys", NULL};
    if (strcmp(what, "topologies") == 0) {
        for (int i = 0; topology_name(i); i++)
            printf("%-12s %s\n", topology_name(i), topology_about(i));
    } else if (strcmp(what, "norms") == 0) {
        for (int i = 0; norm_name(i); i++)
            printf("%-14s %s\n", norm_name(i), norm_kind(i)->equation);
    } else if (strcmp(what, "keys") == 0) {
        config_list_keys(stdout);
    } else {
        const char *near = name_nearest(what, WHATS);
        die(EXIT_USAGE, "--list takes topologies, norms or keys, not \"%s\"%s%s%s", what,
            near ? "; did you mean " : "", near ? near : "", near ? "?" : "");
    }
    return EXIT_DONE;
}

static int with_config(const Cli *cli, int argc, char **argv) {
    Config config;
    if (!cli->config)
        die(EXIT_USAGE, "nothing to do: --config FILE is missing; ./train --help shows every flag");
    if (!config_load(&config, cli->config, cli->sets, cli->n_sets)) return EXIT_USAGE;
    int code = cli->mode == MODE_DESCRIBE ? describe(&config) : train(&config, cli, argc, argv);
    config_free(&config);
    return code;
}

int main(int argc, char **argv) {
    ops_exec_patient(argv);
    signal(SIGPIPE, SIG_IGN); /* a closed terminal or `| head` must not kill a week's run */
    if (argc < 2) {
        cli_help(true);
        return EXIT_USAGE;
    }
    Cli cli = cli_parse(argc, argv);
    int code = EXIT_DONE;
    switch (cli.mode) {
    case MODE_TRAIN:
    case MODE_DESCRIBE:
        code = with_config(&cli, argc, argv);
        break;
    case MODE_SAMPLE:
        ops_start(0);
        sample_of_checkpoint(&cli);
        break;
    case MODE_LIST:
        code = list(cli.list);
        break;
    case MODE_HELP:
        cli_help(false);
        break;
    case MODE_VERSION:
        ops_start(0);
        manifest_print_build(stdout);
        break;
    }
    cli_free(&cli);
    return code;
}

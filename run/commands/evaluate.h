/* evaluate.h - --eval: the loss of a stored model on its own or other validation data.
 *
 * One idea: the model comes from the checkpoint alone, the data from the config of the run and the
 * overrides on the command line, so only the data can differ from training.
 * Read next: run/store/stored_model.h. */
#ifndef RUN_COMMANDS_EVALUATE_H
#define RUN_COMMANDS_EVALUATE_H

#include "run/commands/cli.h"

/* The config of the run cli->run, with the --set of the command line. Only keys that do not change the
 * model can be set; any other ends the program (EXIT_USAGE). */
Config evaluate_config(const Cli *cli);

/* --context N, the length of the sequences; without it that of the model. A longer one ends the program
 * (EXIT_USAGE). */
size_t evaluate_context(const Cli *cli, const Model *model);

/* --eval RUN: prints one line of key=value pairs, or the same as JSON, losses in nats per token. Only data.*,
 * train.eval_rows, train.batch and train.threads can be overridden. Returns EXIT_DIVERGED, with a
 * message that names the first block, if the loss is not finite. */
int evaluate(const Cli *cli);

#endif

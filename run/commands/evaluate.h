/* evaluate.h - the loss of a stored model, on the run's own validation rows or on other data.
 *
 * One idea: the model comes from the checkpoint alone and the data from the run's config with the
 * overrides of the command line, so that nothing but the text can be another one. 
 * Read next: run/store/stored_model.h. */
#ifndef RUN_COMMANDS_EVALUATE_H
#define RUN_COMMANDS_EVALUATE_H

#include "run/commands/cli.h"

/* --eval RUN: one line of key=value pairs on standard output, losses in nats per token. The
 * overrides may be of data.*, train.eval_rows, train.batch and train.threads. */
void evaluate(const Cli *cli);

#endif

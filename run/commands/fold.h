/* fold.h - --fold: a run as a new run with fewer norms and gains that computes the same.
 *
 * One idea: what folding does is decided by model/folding.h. This file only writes the result as a
 * run that --sample, --eval, --logits and train.init_from read, and prints what was done and how far
 * the logits are apart. The new run has no optimizer state: moments of folded weights are not those
 * of the weights, so it cannot be resumed. Read next: model/folding.h. */
#ifndef RUN_COMMANDS_FOLD_H
#define RUN_COMMANDS_FOLD_H

#include "run/commands/cli.h"

/* --fold RUN OUT. An OUT that exists and is not an empty folder ends the program (EXIT_USAGE), as a
 * run with norm_removal does. */
void fold_write(const Cli *cli);

#endif

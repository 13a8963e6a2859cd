/* import.h - --import: a model of Hugging Face as a run.
 *
 * One idea: run/models decides what a model is in terms of this program. This file only writes the result as a run that
 * --sample, --eval, --logits and train.init_from read and that --resume trains on, with moments that start at zero.
 * Read next: run/models/hf_open.h. */
#ifndef RUN_COMMANDS_IMPORT_H
#define RUN_COMMANDS_IMPORT_H

#include "run/commands/cli.h"

/* --import DIR RUN. A RUN that exists and is not an empty folder ends the program (EXIT_USAGE); so does a --set of the
 * model itself. A model that this program cannot compute ends it with everything that the model needs (EXIT_DATA). */
void import_write(const Cli *cli);

#endif

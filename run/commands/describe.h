/* describe.h - --describe: the equations of the model of a config.
 *
 * One idea: names of topologies are ambiguous, the wiring that runs is not. Nothing here owns memory
 * after a call. Read next: model/equations.h. */
#ifndef RUN_COMMANDS_DESCRIBE_H
#define RUN_COMMANDS_DESCRIBE_H

#include "run/config/config.h"

/* Prints the equations and their hash to stdout, or `as_json` the same with the slots and
 * coefficients of every block. A learning rate that the norm changes is noted on stderr. */
void describe(const Config *config, bool as_json);

#endif

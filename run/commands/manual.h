/* manual.h - the manual page and the bash completion, printed by the program itself.
 *
 * One idea: flags and keys come from the tables that the parsers use, so none can be missing or out
 * of date. Read next: manual.c. */
#ifndef RUN_COMMANDS_MANUAL_H
#define RUN_COMMANDS_MANUAL_H

#include <stdio.h>

/* The page peri-train(1), in roff. */
void manual_print_page(FILE *out);
/* A bash script that completes flags, their values, keys and their choices after peri-train and
 * ./train. */
void manual_print_completion(FILE *out);

#endif

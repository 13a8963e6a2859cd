/* manual.h - the manual page and the completion of shells, printed by the program itself.
 *
 * One idea: flags and keys come from the tables that the program reads them by, so that neither can
 * be missing or out of date. Read next: manual.c. */
#ifndef RUN_COMMANDS_MANUAL_H
#define RUN_COMMANDS_MANUAL_H

#include <stdio.h>

/* peri-train(1), for man. */
void manual_print_page(FILE *out);
/* What bash completes after peri-train and ./train: flags, their values, keys and their choices. */
void manual_print_completion(FILE *out);

#endif

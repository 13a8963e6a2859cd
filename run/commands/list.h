/* list.h - --list: what there is to choose from.
 *
 * One idea: a list is a row of a table, its items come from the tables that the program itself uses.
 * Nothing here owns memory after a call. Read next: list.c. */
#ifndef RUN_COMMANDS_LIST_H
#define RUN_COMMANDS_LIST_H

#include <stdbool.h>

/* The name of list i, an argument of --list; NULL past the last. */
const char *list_name(int i);
/* Prints a list to stdout, one item per line, or `as_json` as a JSON list of objects with name and
 * about. An unknown list ends the program (EXIT_USAGE). */
void list_print(const char *what, bool as_json);

#endif

/* program.h - how this program was started, from which file, and of which commit it is.
 *
 * One idea: a command that a message prints must work when it is copied. It therefore begins with
 * the name under which the program was called: ./train in a checkout, peri-train once installed.
 * The strings belong to this file.
 * Read next: machine.h. */
#ifndef BASE_PROGRAM_H
#define BASE_PROGRAM_H

#include <stdbool.h>

/* Call this first in main(). `commit`: of the sources, followed by " dirty" if they differ from it, or
 * "unknown"; the Makefile defines it. */
void program_start(char **argv, const char *commit);
/* That commit, as 40 hexadecimal digits or "unknown"; and whether the sources differ from it. */
const char *program_commit(void);
bool program_is_dirty(void);
/* The name as called, quoted for a shell if necessary. Without program_start: ./train. */
const char *program_name(void);
/* The path of the program's file, without symbolic links; "" if it is unknown. */
const char *program_path(void);
/* Whether the dynamic loader was called with the program as its argument. /proc/self/exe is the
 * loader then. */
bool program_by_loader(void);

#endif

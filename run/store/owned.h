/* owned.h - which files of a folder belong to a run.
 *
 * One idea: a folder may contain files of other programs, beside those of a run or under the same
 * names. A file under a name that the program writes is judged by its contents, and if it is not
 * one of ours it is never replaced, cut or removed. An empty file has nothing to lose.
 * Nothing here owns memory. Read next: aside.h, rundir.h. */
#ifndef RUN_STORE_OWNED_H
#define RUN_STORE_OWNED_H

#include <stdbool.h>

/* The path of the first file in `dir` that a run would write and that is not of a run, for mem_free;
 * NULL if there is none. `logs`: CSV files count too. A file that cannot be read ends the program
 * (EXIT_IO). */
char *owned_conflict(const char *dir, bool logs);

/* Whether DIR/run.json or DIR/config.json is there and of a run. */
bool owned_run(const char *dir);

#endif

/* rundir.h - the folder of a run: whether it may be written, and its first files.
 *
 * One idea: nothing is ever overwritten silently. A finished run with the same config is a result
 * and costs nothing to ask for again; everything else that exists is an error that says what to
 * type. Floor 4. Read next: runlog.h. */
#ifndef RUN_RUNDIR_H
#define RUN_RUNDIR_H

#include "run/config.h"

/* The folder: `override` where given (--run-dir), else log.dir/name. Free with mem_free. */
char *rundir_path(const Config *config, const char *override);

/* Looks at the folder and writes nothing. False where the run is already there, finished, with the
 * same config; other states of a folder that holds a run end the program (EXIT_USAGE), unless
 * `overwrite`. */
bool rundir_check(const char *dir, const Config *config, bool overwrite);

/* Makes the folder and writes config.json, after removing the files of an old run with `overwrite`.
 */
void rundir_make(const char *dir, const Config *config, bool overwrite);

#endif

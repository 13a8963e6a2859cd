/* rundir.h - the folder of a run: whether it may be written, and its first files.
 *
 * One idea: nothing is ever overwritten silently, and one process at a time writes. A finished run
 * with the same config is a result and costs nothing to ask for again; an unfinished one goes on
 * where that is asked for; everything else that exists is an error that says what to type. 
 * Read next: run/log/runlog.h. */
#ifndef RUN_STORE_RUNDIR_H
#define RUN_STORE_RUNDIR_H

#include "run/config/config.h"

/* The folder: `override` where given (--run-dir), else log.dir/name. Free with mem_free. */
char *rundir_path(const Config *config, const char *override);

/* The config of the run that lies in `dir`, with `sets` over it. Ends the program where there is
 * none (EXIT_DATA) and where the sets are wrong (EXIT_USAGE). */
void rundir_config(Config *config, const char *dir, const char *const *sets, size_t n_sets);
/* Whether "key=value" sets one of `keys` (closed by NULL); one with a "." at its end stands for a
 * section. */
bool rundir_may_set(const char *set, const char *const *keys);

/* What may become of a run that lies there: nothing, --resume, --overwrite. */
typedef enum { RUNDIR_NEW, RUNDIR_RESUME, RUNDIR_OVERWRITE } RundirMode;

/* Looks at the folder and writes nothing. False where the run is already there, finished, with the
 * same config; other states of a folder that `mode` does not allow end the program (EXIT_USAGE). */
bool rundir_check(const char *dir, const Config *config, RundirMode mode);

/* Makes the folder, locks it until the process ends, looks again, and writes config.json, after
 * removing the files of an old run with RUNDIR_OVERWRITE. False as above; a folder that another
 * process writes ends the program (EXIT_USAGE). */
bool rundir_make(const char *dir, const Config *config, RundirMode mode);

/* Holds DIR/LOCK until the process ends; where another one does, the program ends (EXIT_USAGE) with
 * its number and `advice`. */
void rundir_lock(const char *dir, const char *advice);

#endif

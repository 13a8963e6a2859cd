/* dryrun.h - --dry-run: the memory, time and disk space of a run, without training or writing.
 *
 * One idea: sizes come from the memory plan of the run itself, so they are exact. Times are
 * estimated from two short benchmarks of this machine, so they have an uncertainty.
 * Read next: dryrun.c; accuracy: docs/dry_run.md. */
#ifndef RUN_COMMANDS_DRYRUN_H
#define RUN_COMMANDS_DRYRUN_H

#include "run/config/config.h"

/* Prints equations, sizes, memory, time, data, disk and schedule of the run to stdout, warnings to
 * stderr; `as_json` prints the same figures as JSON, in bytes and seconds. `dir` is the run directory. Returns an exit code. A run that does not fit the machine or
 * whose data are wrong ends the program, as training would. */
int dryrun(const Config *config, const char *dir, bool as_json);

#endif

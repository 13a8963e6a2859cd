/* dryrun.h - --dry-run: what a run will need and take, without a step and without a file.
 *
 * One idea: sizes come from the plan that the run itself will bind, so they are exact; times come
 * from two probes of this machine and a measured efficiency, so they carry a plus-minus.
 * Read next: dryrun.c; what was measured: docs/dry_run.md. */
#ifndef RUN_COMMANDS_DRYRUN_H
#define RUN_COMMANDS_DRYRUN_H

#include "run/config/config.h"

/* Prints equations, sizes, memory, time, data, disk and schedule of the run to stdout, what is
 * dubious to stderr. `run_dir` is --run-dir or NULL. Returns an exit code; a run that does not fit
 * the machine, or whose data are wrong, ends the program as the run would. */
int dryrun(const Config *config, const char *run_dir);

#endif

/* status.h - --status: how a run is doing, from its files.
 *
 * One idea: everything that is printed is read from the files of the run, which its process writes
 * anyway; whether that process is alive is read from the lock, without taking it. A run is never
 * disturbed, and the program needs no model and no data.
 * Read next: run/io/lock.h, run/log/runlog.h. */
#ifndef RUN_COMMANDS_STATUS_H
#define RUN_COMMANDS_STATUS_H

#include "run/commands/cli.h"

/* Prints the status of the run cli->run, or a line for each run in that directory; as JSON if
 * cli->json is set. Ends the program (EXIT_DATA) if there is no run. */
void status_print(const Cli *cli);

#endif

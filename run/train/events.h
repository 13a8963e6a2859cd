/* events.h - tells a command of the user about a run: spikes, divergence, checkpoints, the end.
 *
 * One idea: the command comes from the command line or the environment of this process alone, never
 * from a file: a config, a checkpoint or a folder of somebody else must not start programs. It is not
 * stored either. The facts are in its environment; their names are listed in docs/reading_logs.md.
 * State is static: one process, one run. Read next: run/io/shell.h. */
#ifndef RUN_TRAIN_EVENTS_H
#define RUN_TRAIN_EVENTS_H

#include "run/train/trainer.h"

/* The command of --on-event; NULL = that of PERI_ON_EVENT, if any; "" = none. */
void events_start(const char *command);

/* After update `step`, with its validation. `updated`: this process has made the update. */
void events_step(Run *run, size_t step, bool updated);
/* After the checkpoint of `step` has been written. */
void events_checkpoint(Run *run, size_t step);
/* After run.json has the summary. */
void events_end(Run *run, const Summary *summary);

#endif

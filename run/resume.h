/* resume.h - the state of a run between two updates, to disk and back.
 *
 * One idea: what the next update depends on is a list of arrays - weights, moments, the detector's
 * window, the counts of health, a row that waits for its validation - and saving and restoring walk
 * the same list, so nothing can be saved and not restored. Where data and random numbers stand
 * follows from the step. Floor 4. Read next: ../train.c. */
#ifndef RUN_RESUME_H
#define RUN_RESUME_H

#include "run/trainer.h"

/* Writes the checkpoint after update `step` and removes old ones. EXIT_DONE; where it fails the run
 * goes on with the older ones, until the third time in a row or where the run ends with it:
 * EXIT_IO. Weights that are not finite are never written: EXIT_DIVERGED. */
ExitCode run_save(Run *run, size_t step);

/* Restores the newest sound checkpoint of run->dir and opens the logs, cut to its length; where
 * there is none yet, and the run begins, the logs are new. Returns the step that is next. A folder
 * whose checkpoints are all damaged, or belong to other data, ends the program (EXIT_DATA). */
size_t run_restore(Run *run);

/* Ends the program (EXIT_IO) where the disk has no room for the first checkpoint. */
void run_check_room(const Run *run);

#endif

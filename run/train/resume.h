/* resume.h - the state of a run between two updates, to disk and back.
 *
 * One idea: what the next update depends on is a list of arrays - weights, moments, the detector's
 * window, the counts of health, a row that waits for its validation - and saving and restoring walk
 * the same list, so nothing can be saved and not restored. Where data and random numbers stand
 * follows from the step. Read next: train.c. */
#ifndef RUN_TRAIN_RESUME_H
#define RUN_TRAIN_RESUME_H

#include "run/store/checkpoint.h"
#include "run/train/trainer.h"

/* Writes the checkpoint after update `step` and removes old ones. EXIT_DONE; where it fails the run
 * goes on with the older ones, until the third time in a row or where the run ends with it:
 * EXIT_IO. Weights that are not finite are never written: EXIT_DIVERGED. */
ExitCode run_save(Run *run, size_t step);

/* Restores the newest sound checkpoint of run->dir and opens the logs, cut to its length; where
 * there is none yet, and the run begins, the logs are new. Returns the step that is next. A folder
 * whose checkpoints are all damaged, or belong to other data, ends the program (EXIT_DATA). */
size_t run_restore(Run *run);

/* Restores the first sound one of the checkpoints of `steps` (count), saying aloud what is wrong
 * with those before it; only reads. `with_logs`: one that tells of longer logs than there are is
 * not sound. False where none is: the run may then hold half of one. Other data end the program
 * (EXIT_DATA). */
bool run_load(Run *run, const size_t *steps, size_t count, bool with_logs, CheckpointMeta *meta);
/* The weights that a run begins with: those of train.init_from, or else what run_open drew. */
void run_begin(Run *run);
/* Ends the program (EXIT_DATA) where the training data are not those of the checkpoint. */
void run_check_data(const Run *run, const CheckpointMeta *meta);

/* Ends the program (EXIT_IO) where the disk has no room for the first checkpoint. */
void run_check_room(const Run *run);

#endif

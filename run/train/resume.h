/* resume.h - saves and restores the state of a run between two updates.
 *
 * One idea: the state is one list of arrays: weights, moments, the window of the spike detector,
 * the health counters, and a log record that still lacks its validation loss. Saving and restoring
 * walk the same list, so nothing can be saved and not restored. The position in the data and the
 * random numbers follow from the step. Read next: train.c. */
#ifndef RUN_TRAIN_RESUME_H
#define RUN_TRAIN_RESUME_H

#include "run/store/checkpoint.h"
#include "run/train/trainer.h"

/* Writes the checkpoint after update `step`, removes old ones and returns EXIT_DONE. If writing
 * fails, the run continues with the older checkpoints; the third failure in a row, or a failure at
 * the last step, returns EXIT_IO. Non-finite weights are never written: EXIT_DIVERGED. */
ExitCode run_save(Run *run, size_t step);
/* Whether a checkpoint is due after update `step`, whose validation is done. */
bool run_wants_checkpoint(const Run *run, size_t step);

/* Restores the newest valid checkpoint of run->dir, truncates the logs to the lengths recorded in
 * it and opens them. Logs that were changed since are repaired or started again: they never make a
 * checkpoint invalid. Without any checkpoint, the run starts from scratch with new logs. Returns the
 * next step. If all checkpoints are corrupt or belong to other data, the program ends (EXIT_DATA).
 */
size_t run_restore(Run *run);
/* If the restored checkpoint was planned with other train.steps, prints the learning rates of both
 * schedules at step `first`, the next one, and adds the change to the manifest. */
void run_note_extension(Run *run, size_t first);

/* Restores the first valid checkpoint of `steps` (count) and warns about each one skipped; writes
 * nothing. Returns false if none is valid; the run may then be partly overwritten. Other training
 * data end the program (EXIT_DATA). */
bool run_load(Run *run, const size_t *steps, size_t count, CheckpointMeta *meta);
/* The initial weights: those of train.init_from if it is set, else those that run_open drew. A
 * second call does nothing. */
void run_begin(Run *run);
/* Ends the program (EXIT_DATA) if the training data differ from those of the checkpoint. */
void run_check_data(const Run *run, const CheckpointMeta *meta);

/* Copies the tokenizer of the data next to the checkpoints (stored_model_tokenizer); nothing without one. */
void run_keep_tokenizer(const Run *run);
/* Ends the program (EXIT_IO) if the disk has no room for the first checkpoint. */
void run_check_room(const Run *run);

#endif

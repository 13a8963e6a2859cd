/* sample.h - text from a model on standard output.
 *
 * One idea: the prompt becomes tokens by the vocabulary of the training data, and tokens become
 * bytes as they are drawn. Read next: model/generate.h. */
#ifndef RUN_COMMANDS_SAMPLE_H
#define RUN_COMMANDS_SAMPLE_H

#include "data/dataset.h"
#include "model/generate.h"
#include "run/commands/cli.h"
#include "run/train/trainer.h"

/* Prints the prompt (length) and what the model makes of it. A prompt that the vocabulary cannot
 * spell ends the program (EXIT_USAGE). */
void sample_print(Model *model, const Vocab *vocab, const char *prompt, size_t length,
                  const GenerateOptions *options);

/* Whether a sample is due after `step` updates that are not the last. */
bool run_wants_sample(const Run *run, size_t step);
/* Prints the sample of a run after `step` updates: one row's worth, from the data's own beginning;
 * nothing where the tokens have no text. */
void sample_of_run(Run *run, size_t step);

/* --sample RUN: loads the latest checkpoint of the run and prints a sample as the flags say. */
void sample_of_checkpoint(const Cli *cli);

#endif

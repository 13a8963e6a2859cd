/* logits.h - --logits: the logits of a text as a file, to compare with another implementation.
 *
 * One idea: the file has exactly what a model computes and what it was computed from, in a format
 * that every framework reads. It appears complete or not at all and replaces no other file.
 *
 *     FILE.safetensors   tokens (S,T) I64, targets (S,T) I64, logits (S*T,V) F32
 *     FILE.npy           logits (S*T,V) float32; tokens and targets are printed
 *
 * A prompt is one sequence without targets. Read next: run/commands/evaluate.h. */
#ifndef RUN_COMMANDS_LOGITS_H
#define RUN_COMMANDS_LOGITS_H

#include "run/commands/cli.h"

/* --logits RUN FILE: of the first train.eval_rows validation sequences (1 if --set does not give it),
 * or of cli->prompt. A file that exists, and another ending, end the program (EXIT_USAGE). */
void logits_write(const Cli *cli);

#endif

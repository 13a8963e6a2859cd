/* worst_rows.h - the sequences of one update, worst first, as text.
 *
 * One idea: a spike often comes from one sequence, such as a table in the middle of prose or a file
 * of zeros, and it is recognized by its text. Everything that could break a CSV file or a terminal
 * is escaped. Read next: replay.c. */
#ifndef RUN_COMMANDS_WORST_ROWS_H
#define RUN_COMMANDS_WORST_ROWS_H

#include "run/train/trainer.h"

/* A sequence of a batch: column `row` of rows.csv is its index in micro-batch `micro`. */
typedef struct {
    size_t micro, row;
    double loss, max; /* mean and maximum over its tokens */
    size_t position;  /* of the maximum: the least expected target */
    int *tokens;      /* (T+1): its inputs, then its last target */
} SequenceLoss;

/* All (accum*B) sequences of update `step` by mean loss, descending, NaN first; equal ones in batch
 * order. run->losses must have the losses of its tokens. Free with sequences_free. */
SequenceLoss *sequences_of_update(Run *run, size_t step);
void sequences_free(SequenceLoss *losses, size_t count);

/* Writes rows.csv in `dir`, one record per sequence. A write error ends the program (EXIT_IO). */
void sequences_write(const char *dir, const SequenceLoss *losses, size_t count, const Run *run);
/* Prints the first `count` sequences, each with the text around its worst token. */
void sequences_print(const SequenceLoss *losses, size_t count, const Run *run);

#endif

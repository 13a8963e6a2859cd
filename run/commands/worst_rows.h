/* worst_rows.h - the rows of one update, worst first, as text.
 *
 * One idea: a spike is often one row - a table in the middle of prose, a file of zeros - and a row
 * is known by its text, so a text is what is shown; everything that could garble a table or a
 * terminal is escaped. Read next: replay.c. */
#ifndef RUN_COMMANDS_WORST_ROWS_H
#define RUN_COMMANDS_WORST_ROWS_H

#include "run/train/trainer.h"

typedef struct {
    size_t micro, row;
    double loss, max; /* mean and maximum over the tokens of the row */
    size_t position;  /* of the maximum: the target that was least expected */
    int *tokens;      /* (T+1): what the row reads, then its last target */
} RowLoss;

/* All rows of update `step`, by mean loss, descending, NaN first; equal ones in the order of the
 * batch. run->losses holds the losses of its tokens. (accum*B) of them, for rows_free. */
RowLoss *rows_of_update(Run *run, size_t step);
void rows_free(RowLoss *rows, size_t count);

/* rows.csv in `dir`, `count` rows; a failure to write ends the program (EXIT_IO). */
void rows_write(const char *dir, const RowLoss *rows, size_t count, const Run *run);
/* The first `count` of them to standard output, each with the text around its worst token. */
void rows_print(const RowLoss *rows, size_t count, const Run *run);

#endif

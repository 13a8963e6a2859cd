/* csv_read.h - a CSV file of a run read back, a row at a time.
 *
 * One idea: cells are asked for by the name of their column and stay the text they are, so that
 * numbers can be compared digit for digit. For the files of runlog.h, whose cells hold no commas.
 * A CsvIn owns the text of the file. Read next: csv.h. */
#ifndef RUN_IO_CSV_READ_H
#define RUN_IO_CSV_READ_H

#include "base/base.h"

typedef struct {
    char *text, *next;     /* the file; what follows the row */
    char **columns, **row; /* cells of the first line and of this row (stb_ds arrays) */
} CsvIn;

/* Reads DIR/NAME and its first line; a file that is missing has no rows. Any other failure ends the
 * program (EXIT_IO). */
CsvIn csv_open(const char *dir, const char *name);
/* Goes to the next whole row, the first one at first; false past the last one. */
bool csv_next(CsvIn *csv);
/* The cell of this row; "" where there is no such column, or the row ends before it. */
const char *csv_cell(const CsvIn *csv, const char *column);
void csv_end(CsvIn *csv);

#endif

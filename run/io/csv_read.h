/* csv_read.h - reads a CSV file of a run, one record at a time.
 *
 * One idea: cells are looked up by the name of their column and are not parsed, so that numbers can
 * be compared digit by digit. For the files of runlog.h, whose cells contain no commas or quotes.
 * A CsvIn owns the text of the file. Read next: csv.h. */
#ifndef RUN_IO_CSV_READ_H
#define RUN_IO_CSV_READ_H

#include "base/base.h"

typedef struct {
    char *text, *next;        /* the file; the rest after the current record */
    char **columns, **record; /* cells of the header and of the current record (stb_ds arrays) */
} CsvIn;

/* Reads DIR/NAME and its header. A missing file has no records; any other failure ends the program
 * (EXIT_IO). */
CsvIn csv_open(const char *dir, const char *name);
/* Advances to the next complete record (the first one after csv_open); false after the last. */
bool csv_next(CsvIn *csv);
/* A cell of the current record; "" if there is no such column or the record is too short. */
const char *csv_cell(const CsvIn *csv, const char *column);
void csv_end(CsvIn *csv);

#endif

/* csv.h - one CSV file that grows a row at a time.
 *
 * One idea: a row reaches the file in one write, so a killed process leaves whole rows; where the
 * disk refuses part of a row, what was written of it is cut off again. Floats read back to the bit,
 * decimals are points, since the program never sets a locale; "nan" has no sign, because whether a
 * NaN carries one depends on how it was made. Failing to write ends the program (EXIT_IO).
 * A Csv owns its file and the row that is being made. Read next: run/log/runlog.h. */
#ifndef RUN_IO_CSV_H
#define RUN_IO_CSV_H

#include "base/base.h"

typedef struct {
    int fd;
    char *path;     /* NULL = not open: rows go nowhere */
    uint64_t bytes; /* of whole rows */
    size_t cells;   /* of the row that is being made */
    char *row;      /* stb_ds array */
} Csv;

/* Creates DIR/NAME anew with its first line. */
Csv csv_create(const char *dir, const char *name, const char *header);
/* Opens DIR/NAME and cuts it to its first `bytes` bytes, which csv_reaches has found there. */
Csv csv_continue(const char *dir, const char *name, uint64_t bytes);
/* Whether DIR/NAME has `bytes` bytes and a row ends there. */
bool csv_reaches(const char *dir, const char *name, uint64_t bytes);

/* A number as csv_number writes it. */
enum { CSV_NUMBER = 32 };
const char *csv_number_text(char text[CSV_NUMBER], double value);

/* Cells of a row, from left to right, then its end. */
void csv_text(Csv *csv, const char *text);
void csv_whole(Csv *csv, size_t value);
void csv_number(Csv *csv, double value);
void csv_empty(Csv *csv);
void csv_end_row(Csv *csv);

/* Makes all rows last; 0 or errno. */
int csv_sync(const Csv *csv);
void csv_close(Csv *csv);

#endif

/* csv.h - a CSV file that is written one record at a time.
 *
 * One idea: each record is written with a single write, so a killed process leaves only complete
 * records. If a write fails halfway, the partial record is truncated again. Nine digits make floats
 * read back exactly; the decimal separator is a point, since the program never sets a locale; "nan"
 * has no sign, because the sign bit of a NaN depends on how it was computed. A failed write ends the
 * program (EXIT_IO).
 * A Csv owns its file and the buffer of the current record. Read next: run/log/runlog.h. */
#ifndef RUN_IO_CSV_H
#define RUN_IO_CSV_H

#include "base/base.h"

typedef struct {
    int fd;
    char *path;     /* NULL = not open: records are discarded */
    uint64_t bytes; /* length of the file: complete records */
    size_t cells;   /* number of cells in the current record */
    char *record;   /* the current record (stb_ds array) */
} Csv;

/* Creates DIR/NAME, or truncates it, and writes its header line. */
Csv csv_create(const char *dir, const char *name, const char *header);
/* Opens DIR/NAME for appending and truncates it to `bytes`; csv_reaches must hold. */
Csv csv_continue(const char *dir, const char *name, uint64_t bytes);
/* Whether DIR/NAME has at least `bytes` bytes and a record ends there. */
bool csv_reaches(const char *dir, const char *name, uint64_t bytes);

/* A number as csv_number writes it. */
enum { CSV_NUMBER = 32 };
const char *csv_number_text(char text[CSV_NUMBER], double value);

/* Adds the cells of a record from left to right; csv_end_record writes it. */
void csv_text(Csv *csv, const char *text);
void csv_integer(Csv *csv, size_t value);
void csv_number(Csv *csv, double value);
void csv_empty(Csv *csv);
void csv_end_record(Csv *csv);

/* Syncs the file to disk; 0 or errno. */
int csv_sync(const Csv *csv);
void csv_close(Csv *csv);

#endif

/* csv_read.c - see csv_read.h. */
#include "run/io/csv_read.h"

#include "base/text_out.h"
#include "base/stb_ds.h"
#include "run/io/files.h"

#include <errno.h>
#include <string.h>

/* Splits the line at `csv->next` into cells; false at the end of the file or in a partial line. */
static bool take_line(CsvIn *csv, char ***cells) {
    char *end = csv->next ? strchr(csv->next, '\n') : NULL;
    if (!end) return false;
    *end = '\0';
    arrsetlen(*cells, 0);
    for (char *cell = csv->next; cell;) {
        char *comma = strchr(cell, ',');
        if (comma) *comma++ = '\0';
        arrput(*cells, cell);
        cell = comma;
    }
    csv->next = end + 1;
    return true;
}

CsvIn csv_open(const char *dir, const char *name) {
    size_t size;
    char *path = text_format("%s/%s", dir, name);
    CsvIn csv = {.text = file_contents(path, INT64_MAX, &size)};
    if (!csv.text && errno != ENOENT) die(EXIT_IO, "cannot read %s: %s", path, strerror(errno));
    mem_free(path);
    csv.next = csv.text;
    take_line(&csv, &csv.columns);
    return csv;
}

bool csv_next(CsvIn *csv) {
    return take_line(csv, &csv->record);
}

const char *csv_cell(const CsvIn *csv, const char *column) {
    for (size_t i = 0; i < arrlenu(csv->columns) && i < arrlenu(csv->record); i++) {
        if (strcmp(csv->columns[i], column) == 0) return csv->record[i];
    }
    return "";
}

void csv_end(CsvIn *csv) {
    mem_free(csv->text);
    arrfree(csv->columns);
    arrfree(csv->record);
    *csv = (CsvIn){0};
}

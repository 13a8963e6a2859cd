/* csv.c - see csv.h. */
#include "run/io/csv.h"

#include "base/text_out.h"
#include "base/stb_ds.h"
#include "run/io/files.h"

#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <string.h>
#include <unistd.h>

static _Noreturn void cannot(const char *what, const char *path, int error) {
    die(EXIT_IO, "cannot %s %s: %s", what, path, strerror(error));
}

static void write_record(Csv *csv, const char *record, size_t size) {
    int error = write_all(csv->fd, record, size);
    if (error) {
        /* Best effort: if this fails too, --resume truncates the partial record. */
        (void)fd_cut(csv->fd, csv->bytes);
        cannot("write", csv->path, error);
    }
    csv->bytes += size;
}

static Csv open_csv(const char *dir, const char *name, int flags) {
    Csv csv = {.path = text_format("%s/%s", dir, name)};
    csv.fd = fd_open(csv.path, flags | O_WRONLY);
    if (csv.fd < 0) cannot("open", csv.path, errno);
    return csv;
}

Csv csv_create(const char *dir, const char *name, const char *header) {
    Csv csv = open_csv(dir, name, O_CREAT | O_TRUNC);
    write_record(&csv, header, strlen(header));
    return csv;
}

Csv csv_continue(const char *dir, const char *name, uint64_t bytes) {
    Csv csv = open_csv(dir, name, 0);
    int error = fd_cut(csv.fd, bytes);
    if (error) cannot("truncate", csv.path, error);
    if (lseek(csv.fd, 0, SEEK_END) < 0) cannot("read", csv.path, errno);
    csv.bytes = bytes;
    return csv;
}

bool csv_reaches(const char *dir, const char *name, uint64_t bytes) {
    char *path = text_format("%s/%s", dir, name), last = 0;
    int fd = fd_open(path, O_RDONLY);
    bool reaches = fd >= 0 && bytes > 0 && bytes <= INT64_MAX &&
                   pread(fd, &last, 1, (off_t)bytes - 1) == 1 && last == '\n';
    if (fd >= 0) close(fd);
    mem_free(path);
    return reaches;
}

/* --- records --- */

static void cell(Csv *csv, const char *text) {
    size_t length = strlen(text);
    if (csv->cells++) arrput(csv->record, ',');
    if (length) memcpy(arraddnptr(csv->record, length), text, length);
}

void csv_text(Csv *csv, const char *text) {
    cell(csv, text);
}

void csv_integer(Csv *csv, size_t value) {
    char text[32];
    snprintf(text, sizeof text, "%zu", value);
    cell(csv, text);
}

const char *csv_number_text(char text[CSV_NUMBER], double value) {
    snprintf(text, CSV_NUMBER, "%.9g", value);
    return isnan(value) ? "nan" : text;
}

void csv_number(Csv *csv, double value) {
    char text[CSV_NUMBER];
    cell(csv, csv_number_text(text, value));
}

void csv_empty(Csv *csv) {
    cell(csv, "");
}

void csv_end_record(Csv *csv) {
    arrput(csv->record, '\n');
    if (csv->path) write_record(csv, csv->record, arrlenu(csv->record));
    arrsetlen(csv->record, 0);
    csv->cells = 0;
}

int csv_sync(const Csv *csv) {
    return fd_sync(csv->fd);
}

void csv_close(Csv *csv) {
    if (csv->path && close(csv->fd) && errno != EINTR) cannot("close", csv->path, errno);
    mem_free(csv->path);
    arrfree(csv->record);
    *csv = (Csv){0};
}

/* files.c - see files.h. */
#include "run/files.h"

#include "ops/base.h"

#include <errno.h>
#include <math.h>
#include <stdarg.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

char *path_format(const char *format, ...) {
    char *path;
    size_t size;
    FILE *out = open_memstream(&path, &size);
    va_list args;
    va_start(args, format);
    if (!out || vfprintf(out, format, args) < 0 || fclose(out))
        die(EXIT_IO, "out of memory for a path");
    va_end(args);
    return path;
}

void folder_make(const char *path) {
    char *copy = path_format("%s", path);
    for (char *slash = copy;; slash++) {
        slash = strchr(slash, '/');
        if (slash == copy) continue;
        if (slash) *slash = '\0';
        if (mkdir(copy, 0777) && errno != EEXIST) {
            die(EXIT_IO, "cannot make the folder %s: %s", copy, strerror(errno));
        }
        if (!slash) break;
        *slash = '/';
    }
    mem_free(copy);
}

FILE *file_create(const char *path) {
    FILE *file = fopen(path, "wb");
    if (!file) die(EXIT_IO, "cannot create %s: %s", path, strerror(errno));
    return file;
}

void file_finish(FILE *file, const char *temporary, const char *final) {
    bool bad = fflush(file) || ferror(file) || fsync(fileno(file));
    int reason = errno;
    bool closed = fclose(file) == 0;
    if (bad || !closed) {
        unlink(temporary);
        die(EXIT_IO, "cannot write %s: %s", final, strerror(bad ? reason : errno));
    }
    if (rename(temporary, final))
        die(EXIT_IO, "cannot rename %s to %s: %s", temporary, final, strerror(errno));
}

void json_print_string(FILE *out, const char *text) {
    fputc('"', out);
    for (; *text; text++) {
        unsigned char byte = (unsigned char)*text;
        if (byte == '"' || byte == '\\')
            fprintf(out, "\\%c", byte);
        else if (byte == '\n')
            fputs("\\n", out);
        else if (byte < 0x20)
            fprintf(out, "\\u%04x", byte);
        else
            fputc(byte, out);
    }
    fputc('"', out);
}

void json_print_number(FILE *out, double value) {
    if (isfinite(value))
        fprintf(out, "%.9g", value);
    else
        fputs("null", out);
}

/* foreign.h - files that are neither text nor tokens, recognized by their first bytes.
 *
 * One idea: any bytes can be trained on, so a compressed or UTF-16 file would train without an
 * error, on noise. Each kind is a row of a table, with the command that converts it.
 * Read next: foreign.c, then tokens.h. */
#ifndef DATA_FOREIGN_H
#define DATA_FOREIGN_H

#include <stdbool.h>
#include <stddef.h>

typedef struct {
    const char *name;    /* "gzip-compressed data" */
    const char *command; /* converts the file that follows it */
    const char *output;  /* what comes after the file */
} Foreign;

/* What a file that begins with these bytes is; NULL if nothing is known about it. Encodings of text
 * other than UTF-8 are looked for where `text` is expected. */
const Foreign *foreign_find(const unsigned char *head, size_t size, bool text);

#endif

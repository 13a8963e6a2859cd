/* text_out.h - strings of any length: a stream that writes to memory, and formatted strings.
 *
 * One idea: a string that was truncated because memory ran out must never be taken for complete.
 * open_memstream does not report that on closing; text_end exits instead. The caller owns the
 * strings.
 * Read next: base.h. */
#ifndef BASE_TEXT_OUT_H
#define BASE_TEXT_OUT_H

#include <stddef.h>
#include <stdio.h>

typedef struct {
    FILE *out;
    char *text;    /* NUL-terminated */
    size_t size;   /* without the NUL, and without what the stream still buffers */
    size_t failed; /* bytes requested when memory ran out, 0 = it did not */
} TextOut;

/* Opens the stream to print to. `text` must not move until text_end. */
FILE *text_begin(TextOut *text);
/* Closes the stream and returns the string; free it with mem_free. Exits (EXIT_IO) if memory ran
 * out. */
char *text_end(TextOut *text);

/* A formatted string of any length, such as a path; free it with mem_free. */
char *text_format(const char *format, ...) __attribute__((format(printf, 1, 2)));
/* Appends to a string in a stb_ds array of char. The array's length excludes the NUL. */
void text_add(char **text, const char *format, ...) __attribute__((format(printf, 2, 3)));

#endif

/* text_out.h - a stream that writes into memory.
 *
 * One idea: a text that is cut short because memory ran out must never be taken for a whole one.
 * open_memstream says nothing about that in the end; this ends the program. The text is the
 * caller's. Read next: base.h. */
#ifndef BASE_TEXT_OUT_H
#define BASE_TEXT_OUT_H

#include <stddef.h>
#include <stdio.h>

typedef struct {
    FILE *out;
    char *text;     /* closed by a NUL */
    size_t size;    /* without the NUL; what is still in the stream's buffer does not count */
    size_t refused; /* bytes that there was no memory for, 0 = none */
} TextOut;

/* Where to print; `text` must stay where it is until text_end. */
FILE *text_begin(TextOut *text);
/* Closes the stream; the text, for mem_free. Ends the program (EXIT_IO) where it is not whole. */
char *text_end(TextOut *text);

/* A formatted text of any length, such as a path; free with mem_free. */
char *text_format(const char *format, ...) __attribute__((format(printf, 1, 2)));
/* Appends to a text (stb_ds array of char, NUL-terminated; the NUL does not count). */
void text_add(char **text, const char *format, ...) __attribute__((format(printf, 2, 3)));

#endif

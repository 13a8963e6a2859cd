/* utf8.h - the characters of UTF-8 text.
 *
 * One idea: paths and names may hold any bytes, but a message or a JSON file is UTF-8. Text is cut
 * between characters, and bytes that are no character are replaced where they are printed.
 * Nothing here allocates memory.
 * Read next: run/io/json_out.h. */
#ifndef BASE_UTF8_H
#define BASE_UTF8_H

#include <stddef.h>

/* U+FFFD, printed in place of a byte that belongs to no character. */
#define UTF8_REPLACEMENT "\xef\xbf\xbd"

/* The length of the UTF-8 sequence at `s`, of which `left` bytes are readable; 0 if it is invalid:
 * overlong, a surrogate, above U+10FFFF or truncated. */
size_t utf8_length(const char *s, size_t left);

/* The number of bytes at the end of `s` (length) that begin a character and are not all of it. */
size_t utf8_open(const char *s, size_t length);

/* `text` was printed into `size` bytes: if it fills them, removes the bytes of a last character that
 * did not fit as a whole. */
void utf8_cut(char *text, size_t size);

#endif

/* alphabet.h - the 256 characters in which byte-level vocabularies spell bytes.
 *
 * One idea: GPT-2 wrote its tokens, which are byte strings, as text: the bytes '!' to '~', 0xA1 to 0xAC
 * and 0xAE to 0xFF are the characters with these numbers, and the other 68 bytes, in order, are the
 * characters from U+0100 on. So a blank is U+0120. Nothing here owns memory.
 * Read next: read_model.c. */
#ifndef DATA_TOKENIZER_ALPHABET_H
#define DATA_TOKENIZER_ALPHABET_H

#include "base/base.h"

/* The number of the character of a byte. */
unsigned alphabet_character(unsigned char byte);
/* Appends the character of a byte, as UTF-8, to an stb_ds array. */
void alphabet_put(char **text, unsigned char byte);
/* The bytes that a text stands for, never longer than it; SIZE_MAX if one of its characters stands for
 * none. The text is valid UTF-8. */
size_t alphabet_bytes(const char *text, size_t length, char *bytes);

#endif

/* nfc.h - Unicode's normalization forms C and KC, by utf8proc.
 *
 * One idea: exactly one of nfc_utf8proc.c and nfc_none.c is compiled; the Makefile chooses by what
 * pkg-config finds. Nothing here keeps memory.
 * Read next: normalize.c. */
#ifndef DATA_TOKENIZER_NFC_H
#define DATA_TOKENIZER_NFC_H

#include "base/base.h"

/* The library, such as "2.8.0"; NULL if this build has none. */
const char *nfc_library(void);

/* Appends the NFC of valid UTF-8 text, or its NFKC (`compatible`), to an stb_ds array. */
void nfc_append(char **out, const char *text, size_t length, bool compatible);

#endif

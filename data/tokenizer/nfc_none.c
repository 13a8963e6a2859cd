/* nfc_none.c - see nfc.h: a build without utf8proc. */
#include "data/tokenizer/nfc.h"

const char *nfc_library(void) {
    return NULL;
}

char *nfc_of(const char *text, size_t length, size_t *result) {
    (void)text, (void)length, (void)result;
    die(EXIT_INTERNAL, "nfc_of without utf8proc");
}

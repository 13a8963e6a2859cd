/* nfc_none.c - see nfc.h: a build without utf8proc. */
#include "data/tokenizer/nfc.h"

const char *nfc_library(void) {
    return NULL;
}

void nfc_append(char **out, const char *text, size_t length, bool compatible) {
    (void)out, (void)text, (void)length, (void)compatible;
    die(EXIT_INTERNAL, "nfc_append without utf8proc");
}

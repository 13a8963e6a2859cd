/* nfc_utf8proc.c - see nfc.h. */
#include "data/tokenizer/nfc.h"

#include <string.h>
#include <utf8proc.h>

const char *nfc_library(void) {
    return utf8proc_version();
}

char *nfc_of(const char *text, size_t length, size_t *result) {
    const utf8proc_option_t form = UTF8PROC_STABLE | UTF8PROC_COMPOSE;
    utf8proc_ssize_t points =
        utf8proc_decompose((const utf8proc_uint8_t *)text, (utf8proc_ssize_t)length, NULL, 0, form);
    if (points < 0) die(EXIT_INTERNAL, "utf8proc: %s", utf8proc_errmsg(points));
    utf8proc_int32_t *buffer = mem_alloc(size_mul((size_t)points + 1, sizeof *buffer));
    utf8proc_decompose((const utf8proc_uint8_t *)text, (utf8proc_ssize_t)length, buffer, points,
                       form);
    utf8proc_ssize_t bytes = utf8proc_reencode(buffer, points, form);
    if (bytes < 0) die(EXIT_INTERNAL, "utf8proc: %s", utf8proc_errmsg(bytes));
    *result = (size_t)bytes;
    return (char *)buffer;
}

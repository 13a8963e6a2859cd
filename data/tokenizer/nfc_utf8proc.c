/* nfc_utf8proc.c - see nfc.h.
 *
 * utf8proc 2.8 drops U+11A7 after a Hangul syllable, as if it were the absent last consonant. This character never
 * joins what is before it, so a text is normalized in parts that begin there. */
#define _GNU_SOURCE /* memmem */
#include "data/tokenizer/nfc.h"

#include "base/stb_ds.h"

#include <string.h>
#include <utf8proc.h>

const char *nfc_library(void) {
    return utf8proc_version();
}

static void append_part(char **out, const char *text, size_t length, bool compatible) {
    const utf8proc_option_t form =
        UTF8PROC_STABLE | UTF8PROC_COMPOSE | (compatible ? UTF8PROC_COMPAT : 0);
    const utf8proc_uint8_t *bytes = (const utf8proc_uint8_t *)text;
    const utf8proc_ssize_t size = (utf8proc_ssize_t)length;
    utf8proc_ssize_t points = utf8proc_decompose(bytes, size, NULL, 0, form);
    if (points < 0) die(EXIT_INTERNAL, "utf8proc: %s", utf8proc_errmsg(points));
    utf8proc_int32_t *buffer = mem_alloc(size_mul((size_t)points + 1, sizeof *buffer));
    utf8proc_decompose(bytes, size, buffer, points, form);
    utf8proc_ssize_t result = utf8proc_reencode(buffer, points, form);
    if (result < 0) die(EXIT_INTERNAL, "utf8proc: %s", utf8proc_errmsg(result));
    if (result) memcpy(arraddnptr(*out, result), buffer, (size_t)result);
    mem_free(buffer);
}

void nfc_append(char **out, const char *text, size_t length, bool compatible) {
    static const char dropped[] = "\xE1\x86\xA7"; /* U+11A7 */
    while (length) {
        const size_t skip = memcmp(text, dropped, length < 3 ? length : 3) == 0 ? 3 : 0;
        const char *next = length > skip ? memmem(text + skip, length - skip, dropped, 3) : NULL;
        const size_t here = next ? (size_t)(next - text) : length;
        append_part(out, text, here, compatible);
        text += here;
        length -= here;
    }
}

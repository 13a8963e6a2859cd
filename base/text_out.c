/* text_out.c - see text_out.h. */
#define _GNU_SOURCE /* fopencookie */
#include "base/text_out.h"

#include "base/base.h"
#include "base/stb_ds.h"

#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/types.h>

/* Called by the stream, where dying is not allowed: exit() would write the same bytes again. */
static ssize_t add_bytes(void *cookie, const char *bytes, size_t size) {
    TextOut *text = cookie;
    size_t wanted = text->size + size + 1;
    char *grown = text->refused ? NULL : realloc(text->text, wanted);
    if (!grown) {
        if (!text->refused) text->refused = wanted;
        return 0;
    }
    memcpy(grown + text->size, bytes, size);
    text->text = grown;
    text->size += size;
    grown[text->size] = '\0';
    return (ssize_t)size;
}

FILE *text_begin(TextOut *text) {
    *text = (TextOut){.text = malloc(1)};
    if (!text->text) die(EXIT_IO, "out of memory: 1 byte asked for, for a text");
    *text->text = '\0';
    text->out = fopencookie(text, "w", (cookie_io_functions_t){.write = add_bytes});
    if (!text->out) die(EXIT_IO, "out of memory: %zu bytes asked for", sizeof(FILE));
    return text->out;
}

char *text_end(TextOut *text) {
    bool failed = fclose(text->out) != 0;
    if (failed || text->refused)
        die(EXIT_IO, "out of memory: %zu bytes asked for, for a text", text->refused);
    return text->text;
}

char *text_format(const char *format, ...) {
    va_list args, again;
    va_start(args, format);
    va_copy(again, args);
    size_t size = (size_t)vsnprintf(NULL, 0, format, args) + 1;
    char *text = mem_alloc(size);
    vsnprintf(text, size, format, again);
    va_end(args);
    va_end(again);
    return text;
}

void text_add(char **text, const char *format, ...) {
    va_list args, again;
    va_start(args, format);
    va_copy(again, args);
    size_t added = (size_t)vsnprintf(NULL, 0, format, args), used = arrlenu(*text);
    arrsetlen(*text, used + added + 1);
    vsnprintf(*text + used, added + 1, format, again);
    arrsetlen(*text, used + added);
    va_end(args);
    va_end(again);
}

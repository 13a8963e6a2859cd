/* text_out.c - see text_out.h. */
#define _GNU_SOURCE /* fopencookie */
#include "base/text_out.h"

#include "base/base.h"
#include "base/stb_ds.h"

#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/types.h>

/* The stream's write function. It must not exit: exit() would flush the same bytes again. */
static ssize_t write_bytes(void *cookie, const char *bytes, size_t size) {
    TextOut *text = cookie;
    size_t wanted = text->size + size + 1;
    char *grown = text->failed ? NULL : realloc(text->text, wanted);
    if (!grown) {
        if (!text->failed) text->failed = wanted;
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
    if (!text->text) die(EXIT_IO, "out of memory: 1 byte requested for a string");
    *text->text = '\0';
    text->out = fopencookie(text, "w", (cookie_io_functions_t){.write = write_bytes});
    if (!text->out) die(EXIT_IO, "out of memory: %zu bytes requested", sizeof(FILE));
    return text->out;
}

char *text_end(TextOut *text) {
    bool failed = fclose(text->out) != 0;
    if (failed || text->failed)
        die(EXIT_IO, "out of memory: %zu bytes requested for a string", text->failed);
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

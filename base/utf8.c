/* utf8.c - see utf8.h. */
#include "base/utf8.h"

#include <string.h>

/* The length of the sequence that begins with `first`. */
static size_t length_by_first(unsigned char first) {
    return first >= 0xf0 ? 4 : first >= 0xe0 ? 3 : first >= 0xc0 ? 2 : 1;
}

size_t utf8_length(const char *s, size_t left) {
    const unsigned char *u = (const unsigned char *)s;
    if (!left) return 0;
    if (u[0] < 0x80) return 1;
    size_t length = length_by_first(u[0]);
    if (u[0] < 0xc2 || u[0] > 0xf4 || left < length) return 0;
    if (u[0] == 0xe0 && u[1] < 0xa0) return 0;
    if (u[0] == 0xed && u[1] > 0x9f) return 0;
    if (u[0] == 0xf0 && u[1] < 0x90) return 0;
    if (u[0] == 0xf4 && u[1] > 0x8f) return 0;
    for (size_t i = 1; i < length; i++) {
        if ((u[i] & 0xc0) != 0x80) return 0;
    }
    return length;
}

size_t utf8_open(const char *s, size_t length) {
    for (size_t back = 1; back < 4 && back <= length; back++) {
        const unsigned char first = (unsigned char)s[length - back];
        if ((first & 0xc0) == 0x80) continue;
        return first >= 0xc2 && first <= 0xf4 && length_by_first(first) > back ? back : 0;
    }
    return 0;
}

void utf8_cut(char *text, size_t size) {
    size_t length = strlen(text), last = 1; /* bytes of the last sequence */
    if (length + 1 < size) return;
    while (last < 4 && last < length && ((unsigned char)text[length - last] & 0xc0) == 0x80) last++;
    if (last <= length && length_by_first((unsigned char)text[length - last]) > last)
        text[length - last] = '\0';
}

/* contents.h - a whole file in memory, for tests. */
#ifndef TESTS_LIB_CONTENTS_H
#define TESTS_LIB_CONTENTS_H

#include "base/stb_ds.h"
#include "tests/lib/test.h"

/* A file, NUL-terminated; its length without the NUL. For arrfree. */
static inline char *contents(const char *path, size_t *length) {
    FILE *in = fopen(path, "rb");
    CHECK(in, "no %s", path);
    char *text = NULL, piece[4096];
    size_t got;
    while (in && (got = fread(piece, 1, sizeof piece, in)) > 0)
        memcpy(arraddnptr(text, got), piece, got);
    if (in) fclose(in);
    *length = arrlenu(text);
    arrput(text, '\0');
    return text;
}

#endif

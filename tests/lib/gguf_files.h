/* gguf_files.h - GGUF files that are opened from a path or from bytes, for tests.
 *
 * A file includes this header first. */
#ifndef TESTS_LIB_GGUF_FILES_H
#define TESTS_LIB_GGUF_FILES_H

#ifndef _GNU_SOURCE
#define _GNU_SOURCE /* memfd_create */
#endif

#include "base/stb_ds.h"
#include "run/models/gguf.h"
#include "tests/lib/contents.h"
#include "tests/lib/test.h"

#include <sys/mman.h>
#include <unistd.h>

typedef struct {
    Weights weights;
    char *config, *tokenizer, *tokenizer_error, *error;
} Opened;

static inline Opened open_path(const char *path) {
    Opened opened;
    opened.error = gguf_open(path, &opened.weights, &opened.config, &opened.tokenizer,
                             &opened.tokenizer_error);
    return opened;
}

static inline void close_file(Opened *opened) {
    weights_free(&opened->weights);
    mem_free(opened->config);
    mem_free(opened->tokenizer);
    mem_free(opened->tokenizer_error);
    mem_free(opened->error);
}

static inline Opened open_bytes(const unsigned char *bytes, size_t size) {
    char path[64];
    const int file = memfd_create("gguf", MFD_CLOEXEC);
    CHECK(write(file, bytes, size) == (ssize_t)size, "no file in memory");
    snprintf(path, sizeof path, "/proc/self/fd/%d", file);
    Opened opened = open_path(path);
    close(file);
    return opened;
}

#endif

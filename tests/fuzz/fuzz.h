/* fuzz.h - shared by the fuzz targets: die() ends one input, and its memory is freed.
 *
 * A target is a file fuzz_*.c that includes this file first and defines fuzz_one(). `make fuzz` links
 * it with a copy of the sources in which die() and the allocator are weak symbols, so that the
 * definitions below replace them. An input may die of its own errors (EXIT_USAGE, EXIT_DATA,
 * EXIT_IO). EXIT_INTERNAL, abort(), a leak and anything a sanitizer reports are bugs. Files that are
 * open when an input dies stay open, so targets read from memory or from fuzz_file(). */
#ifndef TESTS_FUZZ_FUZZ_H
#define TESTS_FUZZ_FUZZ_H

#define _GNU_SOURCE /* memfd_create */

#include "base/base.h"

#include <cJSON.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

/* Runs one input; returns, dies or aborts. */
static void fuzz_one(const uint8_t *data, size_t size);

static jmp_buf fuzz_end;
static void **fuzz_live; /* live allocations, in order */
static size_t fuzz_count, fuzz_capacity;

static void *fuzz_track(void *pointer) {
    if (fuzz_count == fuzz_capacity) {
        fuzz_capacity = fuzz_capacity ? 2 * fuzz_capacity : 1024;
        fuzz_live = realloc(fuzz_live, fuzz_capacity * sizeof *fuzz_live);
    }
    if (!pointer || !fuzz_live) abort();
    fuzz_live[fuzz_count++] = pointer;
    return pointer;
}

/* Pointers of other allocators are not in the list: mem_free may also get the text of a TextOut. */
static void fuzz_forget(const void *pointer) {
    size_t i = fuzz_count;
    while (i > 0 && fuzz_live[i - 1] != pointer) i--;
    if (!i) return;
    memmove(fuzz_live + i - 1, fuzz_live + i, (fuzz_count - i) * sizeof *fuzz_live);
    fuzz_count--;
}

void *mem_alloc(size_t bytes) {
    void *pointer = NULL;
    if (posix_memalign(&pointer, 64, bytes ? bytes : 1) != 0) die(EXIT_IO, "out of memory");
    return memset(fuzz_track(pointer), 0, bytes);
}

void mem_free(void *pointer) {
    fuzz_forget(pointer);
    free(pointer);
}

void *mem_realloc(void *pointer, size_t bytes) {
    fuzz_forget(pointer);
    return fuzz_track(realloc(pointer, bytes));
}

_Noreturn void die(ExitCode code, const char *format, ...) {
    if (code == EXIT_INTERNAL) {
        va_list args;
        va_start(args, format);
        vfprintf(stderr, format, args);
        va_end(args);
        abort();
    }
    longjmp(fuzz_end, 1);
}

/* The path of an in-memory file with the input, valid until the next call. */
static inline const char *fuzz_file(const void *data, size_t size) {
    static char path[64];
    static int file = -1;
    if (file < 0) file = memfd_create("input", 0);
    if (ftruncate(file, 0) != 0 || pwrite(file, data, size, 0) != (ssize_t)size) abort();
    snprintf(path, sizeof path, "/proc/self/fd/%d", file);
    return path;
}

int LLVMFuzzerInitialize(int *argc, char ***argv);
int LLVMFuzzerInitialize(int *argc, char ***argv) {
    (void)argc;
    (void)argv;
    cJSON_InitHooks(&(cJSON_Hooks){mem_alloc, mem_free});
    return 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    static size_t before;
    before = fuzz_count;
    if (setjmp(fuzz_end) == 0) {
        fuzz_one(data, size);
        if (fuzz_count != before) abort(); /* a leak */
    }
    while (fuzz_count > before) free(fuzz_live[--fuzz_count]);
    return 0;
}

#endif

/* fuzz.h - what the fuzz targets share: die() ends one input, and its memory is given back.
 *
 * A target is a file fuzz_*.c that includes this first and defines fuzz_one(); `make fuzz` links it
 * with the sources, in whose copy die() and the allocator are weak, so that those below take their
 * place. An input may die for its own faults (EXIT_USAGE, EXIT_DATA, EXIT_IO); to die for ours
 * (EXIT_INTERNAL) is a finding, like abort(), a leak and whatever the sanitizers see. Files that
 * are open when an input dies stay open: read from memory, or from fuzz_file(). */
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

/* Tries one input; returns, dies or aborts. */
static void fuzz_one(const uint8_t *data, size_t size);

static jmp_buf fuzz_end;
static void **fuzz_live; /* what is allocated, in order */
static size_t fuzz_lives, fuzz_room;

static void *fuzz_track(void *pointer) {
    if (fuzz_lives == fuzz_room) {
        fuzz_room = fuzz_room ? 2 * fuzz_room : 1024;
        fuzz_live = realloc(fuzz_live, fuzz_room * sizeof *fuzz_live);
    }
    if (!pointer || !fuzz_live) abort();
    fuzz_live[fuzz_lives++] = pointer;
    return pointer;
}

/* Pointers of other allocators (open_memstream) are given back here too, and are not in the list.
 */
static void fuzz_forget(const void *pointer) {
    size_t i = fuzz_lives;
    while (i > 0 && fuzz_live[i - 1] != pointer) i--;
    if (!i) return;
    memmove(fuzz_live + i - 1, fuzz_live + i, (fuzz_lives - i) * sizeof *fuzz_live);
    fuzz_lives--;
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

/* The path of a file in memory that holds the input, until the next call. */
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
    before = fuzz_lives;
    if (setjmp(fuzz_end) == 0) {
        fuzz_one(data, size);
        if (fuzz_lives != before) abort(); /* an input that lives gives everything back */
    }
    while (fuzz_lives > before) free(fuzz_live[--fuzz_lives]);
    return 0;
}

#endif

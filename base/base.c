/* base.c - see base.h. */
#include "base/base.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>

_Noreturn void die(ExitCode code, const char *format, ...) {
    va_list args;
    va_start(args, format);
    fflush(stdout);
    fputs("train: error: ", stderr);
    vfprintf(stderr, format, args);
    fputc('\n', stderr);
    va_end(args);
    exit((int)code);
}

enum { ALIGNMENT = 64, HUGE = 2 << 20, MAPPED = 32 << 20 };

static size_t round_up(size_t n, size_t unit) {
    return (n + unit - 1) / unit * unit;
}

static _Noreturn void out_of_memory(size_t bytes) {
    die(EXIT_IO, "out of memory: %zu bytes requested; reduce train.batch or model.context", bytes);
}

/* Pages of 2 MiB, where the system has them, make a step of workload S 1 to 2 % faster. Only the
 * whole pages are advised: the last one must not use more memory than was requested. */
static void advise_huge_pages(void *pointer, size_t bytes) {
    if (bytes >= HUGE) (void)madvise(pointer, bytes / HUGE * HUGE, MADV_HUGEPAGE);
}

/* Large blocks are mapped. Their pages are zeroed by the system at the first access, in the thread
 * that uses them, and not before the first step. There are few, so a linked list is enough. */
typedef struct Mapping {
    void *pointer, *base;
    size_t size;
    struct Mapping *next;
} Mapping;
static Mapping *mappings;

static void *map(size_t bytes) {
    Mapping *mapping = malloc(sizeof *mapping);
    if (!mapping || bytes > SIZE_MAX - 2 * (size_t)HUGE) out_of_memory(bytes);
    const size_t size = round_up(bytes, HUGE) + HUGE;
    void *base = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (base == MAP_FAILED) out_of_memory(bytes);
    void *pointer = (void *)round_up((uintptr_t)base, HUGE);
    advise_huge_pages(pointer, bytes);
    *mapping = (Mapping){pointer, base, size, mappings};
    mappings = mapping;
    return pointer;
}

/* Unmaps `pointer`; false if it was not mapped. */
static bool unmap(const void *pointer) {
    if ((uintptr_t)pointer % HUGE != 0) return false;
    for (Mapping **at = &mappings; *at; at = &(*at)->next) {
        Mapping *mapping = *at;
        if (mapping->pointer != pointer) continue;
        *at = mapping->next;
        munmap(mapping->base, mapping->size);
        free(mapping);
        return true;
    }
    return false;
}

void *mem_alloc(size_t bytes) {
    if (bytes >= MAPPED) return map(bytes);
    const size_t rounded = bytes ? round_up(bytes, ALIGNMENT) : ALIGNMENT;
    void *pointer; /* unlike aligned_alloc, takes a size that is no multiple of the alignment */
    if (posix_memalign(&pointer, bytes < HUGE ? ALIGNMENT : HUGE, rounded) != 0)
        out_of_memory(bytes);
    advise_huge_pages(pointer, rounded);
    return memset(pointer, 0, rounded);
}

void mem_free(void *pointer) {
    if (pointer && !unmap(pointer)) free(pointer);
}

void *mem_realloc(void *pointer, size_t bytes) {
    void *grown = realloc(pointer, bytes);
    if (!grown && bytes) die(EXIT_IO, "out of memory: %zu bytes requested", bytes);
    return grown;
}

size_t size_mul(size_t a, size_t b) {
    size_t product;
    if (__builtin_mul_overflow(a, b, &product)) {
        die(EXIT_USAGE, "sizes too large: %zu * %zu exceeds the address space", a, b);
    }
    return product;
}

void *arena_take(Arena *arena, size_t count, size_t size) {
    size_t bytes = size_mul(count, size);
    size_t rounded = (bytes + ALIGNMENT - 1) / ALIGNMENT * ALIGNMENT;
    size_t offset = arena->used;
    bool overflows = rounded < bytes || __builtin_add_overflow(offset, rounded, &arena->used);
    if (overflows) arena->used = SIZE_MAX;
    arena->offset += (double)(rounded < bytes ? bytes : rounded);
    if (arena->offset > arena->needed) arena->needed = arena->offset;
    if (arena->base && arena->used > arena->size) {
        die(EXIT_INTERNAL, "the two planning passes need different amounts of memory");
    }
    return arena->base ? arena->base + offset : NULL;
}

ArenaMark arena_overlay_begin(const Arena *arena) {
    return (ArenaMark){arena->used, arena->offset};
}

void arena_overlay_next(Arena *arena, ArenaMark begin) {
    if (arena->used > arena->overlay_end) arena->overlay_end = arena->used;
    arena->used = begin.used;
    arena->offset = begin.offset;
}

void arena_overlay_end(Arena *arena) {
    if (arena->overlay_end > arena->used) arena->used = arena->overlay_end;
    arena->offset = arena->needed;
}

void arena_bind(Arena *arena) {
    if (arena->used == SIZE_MAX) {
        die(EXIT_USAGE, "sizes too large: %.0f bytes exceed the address space", arena->needed);
    }
    *arena = (Arena){.base = mem_alloc(arena->used), .size = arena->used};
}

void arena_free(Arena *arena) {
    mem_free(arena->base);
    *arena = (Arena){0};
}

double clock_seconds(void) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + 1e-9 * (double)now.tv_nsec;
}

uint64_t hash_bytes(uint64_t hash, const void *data, size_t size) {
    const unsigned char *bytes = data;
    for (size_t i = 0; i < size; i++) hash = hash_byte(hash, bytes[i]);
    return hash;
}

uint64_t hash_text(uint64_t hash, const char *text) {
    return hash_bytes(hash, text, strlen(text));
}

/* base.h - the number type, exit codes, fatal errors and memory, for every other file.
 *
 * One idea: a program that trains for days allocates all its memory before step 1 and never fails
 * silently. `real` is one typedef, so the same sources also build in double, where gradients are
 * checked to 1e-6. Whoever creates an Arena owns it; pointers taken from it are valid until
 * arena_free. Includes no other file of the project.
 * Read next: philox.h, then ops/ops.h.
 *
 * Shapes, everywhere: B sequences in a batch, T tokens in a sequence, R = B*T tokens in a batch,
 * C width of the residual stream, L blocks, NH query heads, NKV key/value heads, HS = C/NH head
 * size, F hidden width of the MLP, V vocabulary size. */
#ifndef BASE_BASE_H
#define BASE_BASE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

_Static_assert(sizeof(size_t) == 8, "peri.c needs a 64-bit system");

#ifdef REAL_DOUBLE
typedef double real;
#define REAL_NAME "double"
#else
typedef float real;
#define REAL_NAME "float"
#endif

#define PERI_VERSION "0.2.0"

typedef enum {
    EXIT_DONE = 0,
    EXIT_INTERNAL = 1, /* a bug in this program */
    EXIT_USAGE = 2,    /* invalid command line or config */
    EXIT_DATA = 3,     /* invalid data or checkpoint */
    EXIT_IO = 4,       /* the system failed: disk full, out of memory, permission denied */
    EXIT_DIVERGED = 5, /* training diverged */
    EXIT_STOPPED = 75, /* stopped on request; the run can be resumed */
} ExitCode;

/* Prints "train: error: <message>" to stderr and exits with `code`. */
_Noreturn void die(ExitCode code, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* Zeroed memory, aligned to 64 bytes; never NULL. Exits (EXIT_IO) where there is not enough, with
 * the number of bytes requested. */
void *mem_alloc(size_t bytes);
void mem_free(void *pointer);
/* realloc that never returns NULL; stb_ds uses it, since it does not check its realloc. */
void *mem_realloc(void *pointer, size_t bytes);

/* a*b; exits (EXIT_USAGE) on overflow. */
size_t size_mul(size_t a, size_t b);

/* One block of memory for many buffers, planned in two passes. The same planning code runs first
 * over an empty arena, which only measures, and again after arena_bind, which has allocated the
 * measured size. Sizes and pointers therefore cannot disagree. */
typedef struct {
    unsigned char *base;   /* NULL while measuring */
    size_t used;           /* bytes taken so far; SIZE_MAX after an overflow */
    size_t size;           /* bytes allocated, 0 while measuring */
    size_t overlay_end;    /* largest `used` of the overlays so far */
    double offset, needed; /* `used` and its maximum as double, which cannot overflow */
} Arena;

/* `count` elements of `size` bytes, zeroed and aligned to 64 bytes; NULL while measuring. A plan
 * larger than the address space can be measured but not bound. */
void *arena_take(Arena *arena, size_t count, size_t size);
static inline real *arena_reals(Arena *arena, size_t count) {
    return (real *)arena_take(arena, count, sizeof(real));
}
/* Overlays: groups of buffers that are never in use at the same time share memory, as the members
 * of a union do. arena_overlay_begin is called before the first group, arena_overlay_next after
 * every group: the next one starts at the same address. arena_overlay_end, after the last group,
 * moves past the largest of them. Overlays do not nest. */
typedef struct {
    size_t used;
    double offset;
} ArenaMark;
ArenaMark arena_overlay_begin(const Arena *arena);
void arena_overlay_next(Arena *arena, ArenaMark begin);
void arena_overlay_end(Arena *arena);
/* Ends the measuring pass: allocates the measured size and starts over at offset 0. */
void arena_bind(Arena *arena);
void arena_free(Arena *arena);

/* Seconds of a monotonic clock. */
double clock_seconds(void);

/* 64-bit FNV-1a, chained through `hash`; start with HASH_START. Every step is a bijection of the
 * hash, so a change of a single byte always changes the result. */
#define HASH_START 0xcbf29ce484222325ULL
static inline uint64_t hash_byte(uint64_t hash, unsigned char byte) {
    return (hash ^ byte) * 0x100000001b3ULL;
}
uint64_t hash_bytes(uint64_t hash, const void *data, size_t size);
uint64_t hash_text(uint64_t hash, const char *text);

#endif

/* base.h - what every other file stands on: the number type, exit codes, errors and memory.
 *
 * One idea: a program that trains for days takes all its memory before step 1 and never fails
 * quietly. `real` is one typedef, so the same sources build in double and gradients can be checked
 * to 1e-6. Whoever creates an Arena owns it; pointers taken from it live exactly as long.
 * Includes nothing of the project. Read next: philox.h, then ops/ops.h.
 *
 * Shapes, everywhere: B rows in a batch, T tokens in a row, R = B*T, C width of the stream, L
 * blocks, NH query heads, NKV key/value heads, HS = C/NH head size, F width of the MLP, V
 * vocabulary. */
#ifndef BASE_BASE_H
#define BASE_BASE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

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
    EXIT_INTERNAL = 1, /* our own mistake */
    EXIT_USAGE = 2,    /* command line or config */
    EXIT_DATA = 3,     /* data or checkpoint invalid */
    EXIT_IO = 4,       /* the system refused: disk, memory, permission */
    EXIT_DIVERGED = 5, /* the training went to pieces */
    EXIT_STOPPED = 75, /* stopped on request, can be resumed */
} ExitCode;

/* Prints "train: error: <sentence>" to stderr and ends the program with `code`. */
_Noreturn void die(ExitCode code, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* Memory that is zero, aligned to 64 bytes and never NULL; the error names the bytes asked for. */
void *mem_alloc(size_t bytes);
void mem_free(void *pointer);
/* The allocator given to stb_ds, which does not check its realloc. */
void *mem_realloc(void *pointer, size_t bytes);

/* a*b, or the end of the program where the product does not fit a size_t. */
size_t size_mul(size_t a, size_t b);

/* Two-pass memory: the same planning code runs once over an arena without a base, which only
 * counts, and once over the allocated one, which binds. Sizes and pointers cannot disagree. */
typedef struct {
    unsigned char *base; /* NULL while measuring */
    size_t used, size;   /* size: what was measured, 0 while measuring */
    size_t most;         /* the greatest `used` that arena_turn took back */
    double at, asked;    /* used and most in bytes, also where no size_t can hold them */
} Arena;

/* `count` elements of `size` bytes, 64-byte aligned, zero; NULL while measuring. A plan beyond the
 * address space can be measured (`used` stays at SIZE_MAX) but not bound. */
void *arena_take(Arena *arena, size_t count, size_t size);
static inline real *arena_reals(Arena *arena, size_t count) {
    return (real *)arena_take(arena, count, sizeof(real));
}
/* Pieces that take turns in one place: each begins where the arena stood at `mark`; after the last
 * of them, the arena goes on behind the largest. */
typedef struct {
    size_t used;
    double at;
} ArenaMark;
ArenaMark arena_mark(const Arena *arena);
void arena_turn(Arena *arena, ArenaMark mark);
void arena_turns_end(Arena *arena);
/* Ends the measuring pass: allocates what was counted and starts again at its beginning. */
void arena_bind(Arena *arena);
void arena_free(Arena *arena);

/* Seconds of a clock that never goes backwards. */
double clock_seconds(void);

/* 64-bit FNV-1a, chained through `hash` (start with HASH_START). Every step is a bijection of the
 * hash, so that a change of one byte never goes unseen. */
#define HASH_START 0xcbf29ce484222325ULL
uint64_t hash_bytes(uint64_t hash, const void *data, size_t size);
uint64_t hash_text(uint64_t hash, const char *text);

#endif

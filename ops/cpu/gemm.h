/* gemm.h - what cpu_gemm.c and the products of each instruction set share.
 *
 * One idea: an Engine is a table of functions; which one runs is the processor's to say, and no
 * result depends on it. Private to ops/cpu/cpu_gemm*.c. Read next: gemm_block.h. */
#ifndef OPS_CPU_GEMM_H
#define OPS_CPU_GEMM_H

#include "ops/cpu/cpu.h"

/* Extents of the copies: KC is part of the numeric definition, the others are not. */
enum { MC = 128, NC = 768, KC = 384, LEFT_PAD = 16 };

/* The copies of a thread: two pieces of operands, in the order of the innermost loop. */
typedef struct {
    real a[MC * KC + MC / 4 * LEFT_PAD], b[NC * KC];
} Packed;

typedef struct {
    size_t rows; /* of the tile in registers */
    /* Tile `t` of a product; `finish` is called for every piece of it that is done. */
    void (*block)(const Product *p, const Tile *t, Packed *copies, TileHook *finish,
                  const void *context);
    /* As left_pack, right_pack and panels_multiply in cpu.h. */
    void (*pack_left)(real *panels, const real *x, size_t stride, bool along, size_t m, size_t k,
                      real alpha);
    void (*pack_right)(real *panels, const real *x, size_t stride, bool along, size_t n, size_t k,
                       real alpha);
    void (*multiply)(real *c, size_t ldc, Left a, const real *b, size_t b_rows, size_t m, size_t n,
                     size_t k, bool add);
} Engine;

extern const Engine gemm_avx512, gemm_avx2;

static inline size_t ceil_div(size_t a, size_t b) {
    return (a + b - 1) / b;
}
static inline size_t at_most(size_t n, size_t most) {
    return n < most ? n : most;
}

#endif

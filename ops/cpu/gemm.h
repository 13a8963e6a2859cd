/* gemm.h - what cpu_gemm.c and the GEMM kernels of each instruction set share.
 *
 * One idea: GemmKernels is a table of functions per instruction set. The processor decides which
 * one runs; the results are the same bit for bit. Private to ops/cpu/cpu_gemm*.c.
 * Read next: gemm_block.h. */
#ifndef OPS_CPU_GEMM_H
#define OPS_CPU_GEMM_H

#include "ops/cpu/cpu.h"

/* Sizes of packed blocks: A is (MC,KC), B is (KC,NC). Results depend on KC, not on the others. */
enum { MC = 128, NC = 768, KC = 384, A_PAD = 16 };

/* The pack buffers of a thread: one block of each operand, in the order of the innermost loop. */
typedef struct {
    real a[MC * KC + MC / 4 * A_PAD], b[NC * KC];
} PackBuffers;

typedef struct {
    const char *name; /* for users */
    /* Computes tile `t` of C; calls `epilogue` for every part of it that is finished. */
    void (*block)(const Gemm *g, const Tile *t, PackBuffers *buffers, Epilogue *epilogue,
                  const void *context);
    /* As the functions in cpu.h. */
    OperandA (*pack_a)(real *panels, const real *x, size_t stride, size_t m, size_t k, real alpha);
    OperandA (*a_in_place)(real *x, size_t stride, size_t m, size_t k);
    void (*pack_b)(real *panels, const real *x, size_t stride, bool k_contiguous, size_t n,
                   size_t k, real alpha);
    void (*packed)(real *c, size_t ldc, OperandA a, OperandB b, size_t m, size_t n, size_t k,
                   bool add);
} GemmKernels;

/* The engines of float32, and of bfloat16; those of other processors are not compiled. */
extern const GemmKernels gemm_avx512, gemm_avx2, gemm_neon;
extern const GemmKernels gemm_avx512_bf16, gemm_avx512_rounded, gemm_avx2_rounded,
    gemm_neon_rounded;

static inline size_t ceil_div(size_t a, size_t b) {
    return (a + b - 1) / b;
}
static inline size_t size_min(size_t a, size_t b) {
    return a < b ? a : b;
}

#endif

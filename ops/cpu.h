/* cpu.h - what the cpu_*.c files share: chunking and the single-threaded GEMM.
 *
 * One idea: a parallel loop runs over chunks whose borders depend on sizes only, so a thread count
 * can never reach the bits. Floor 0, private to ops/cpu_*.c and norm/. */
#ifndef OPS_CPU_H
#define OPS_CPU_H

#include "ops/base.h"

/* Loops below this many elements stay on one thread: starting a team costs a few microseconds. */
#define PARALLEL_MIN ((size_t)1 << 15)

/* Row sums over a whole tensor (gradients of gamma, beta) use this many partial sums, added in
 * order. */
enum { ROW_CHUNKS = 16 };

/* First element of chunk i of `chunks` over n elements, a multiple of 16 except at the end, so that
 * vector tails fall in the same places whatever runs the chunk. */
static inline size_t chunk_begin(size_t i, size_t chunks, size_t n) {
    size_t size = ((n + chunks - 1) / chunks + 15) / 16 * 16;
    return i * size < n ? i * size : n;
}
/* The same for rows, where any border will do. */
static inline size_t row_chunk_begin(size_t i, size_t R) {
    return i * R / ROW_CHUNKS;
}

/* C (M,N) = alpha op(A) op(B) + beta C, row-major, on the calling thread; only inside a parallel
 * region, where this OpenBLAS runs single-threaded. */
void gemm_tile(bool ta, bool tb, size_t M, size_t N, size_t K, real alpha, const real *A,
               size_t lda, const real *B, size_t ldb, real beta, real *C, size_t ldc);
/* The same over fixed tiles of C, shared out to all threads; bias (N) or NULL is added to every
 * row. */
void gemm(bool ta, bool tb, size_t M, size_t N, size_t K, const real *A, size_t lda, const real *B,
          size_t ldb, real beta, real *C, size_t ldc, const real *bias);

#endif

/* cpu.h - what the cpu_*.c files share: chunking and the single-threaded GEMM.
 *
 * One idea: a parallel loop runs over chunks whose borders depend on sizes only, so a thread count
 * can never reach the bits. Floor 0, private to ops/cpu_*.c and norm/. */
#ifndef OPS_CPU_H
#define OPS_CPU_H

#include "ops/ops.h"
#include "ops/phase.h"
#include "ops/philox.h"

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

/* x (n) *= mask / (1-p), with the mask of calls first, first+1, ... of four elements each. */
static inline void drop_calls(real *x, const Dropout *dropout, size_t first, size_t n) {
    const real keep = (real)(1 / (1 - dropout->p));
    const uint32_t drop_below = (uint32_t)(dropout->p * 4294967296.0);
    for (size_t start = 0; start < n; start += 4) {
        size_t index = first + start / 4;
        Philox r =
            philox(dropout->seed, STREAM_DROPOUT, (uint32_t)index,
                   (uint32_t)(index >> 32) ^ dropout->site << 8, dropout->step, dropout->micro);
        for (size_t i = start; i < n && i < start + 4; i++) {
            x[i] *= r.word[i - start] < drop_below ? 0 : keep;
        }
    }
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

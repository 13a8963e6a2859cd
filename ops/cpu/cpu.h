/* cpu.h - what the cpu_*.c files share: chunking and the single-threaded GEMM.
 *
 * One idea: a parallel loop runs over chunks whose borders depend on sizes only, so a thread count
 * can never reach the bits. Private to ops/cpu/ and norm/. */
#ifndef OPS_CPU_CPU_H
#define OPS_CPU_CPU_H

#include "ops/ops.h"
#include "base/phase.h"
#include "base/philox.h"

/* Loops below this many elements stay on one thread: starting a team costs a few microseconds. */
#define PARALLEL_MIN ((size_t)1 << 15)

/* A function that is compiled twice and chosen by the processor: loops over elements that do not
 * add up, whose bits are the same for any width of vectors. */
#ifdef NO_AVX512
#define ANY_WIDTH
#else
#define ANY_WIDTH __attribute__((target_clones("default", "avx512f")))
#endif

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

/* C (M,N) = alpha op(A) op(B) + beta C, row-major; op(A) is (M,K), transposed where ta says so. */
typedef struct {
    bool ta, tb;
    size_t M, N, K;
    const real *A;
    size_t lda;
    const real *B;
    size_t ldb;
    real alpha, beta; /* beta is 0 or 1 */
    real *C;
    size_t ldc;
} Product;
/* What is left to do with a tile of C while it is in the cache. */
typedef struct {
    size_t row, col, rows, cols;
} Tile;
typedef void TileHook(const Tile *tile, const void *context);
/* `finish` is called once for every tile, by the thread that made it; NULL = nothing is left. */
void gemm(const Product *product, TileHook *finish, const void *context);

/* Small products on the calling thread, whose operands are packed once for several of them. The
 * left one is panels of rows that were packed, or a matrix (k,m) used as it is, rows `step` apart:
 * up to 7 elements past its end are read and come to nothing. */
typedef struct {
    const real *at;
    size_t panel, step; /* elements from panel to panel; from k to k+1 */
    bool along;         /* or from row to row, where k runs along them */
} Left;
Left left_in_place(const real *x, size_t stride);
/* Elements of the panels. m rows, or n columns, of k elements. */
size_t left_size(size_t m, size_t k);
size_t right_size(size_t n, size_t k);
/* alpha * x, lines that run along k and are `stride` apart, or (right) lie beside each other. */
Left left_pack(real *panels, const real *x, size_t stride, size_t m, size_t k, real alpha);
void right_pack(real *panels, const real *x, size_t stride, bool along, size_t n, size_t k,
                real alpha);
/* c (m,n) = or += a (m,k) b (k,n), b packed with n columns of b_rows >= k elements. */
void panels_multiply(real *c, size_t ldc, Left a, const real *b, size_t b_rows, size_t m, size_t n,
                     size_t k, bool add);

/* Memory for the copies that products make, for as many threads as there are now. */
void gemm_reserve(void);
/* By OpenBLAS alone, outside of parallel regions on threads of its own. */
void gemm_library(const Product *product);

#endif

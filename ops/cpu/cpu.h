/* cpu.h - what the files of ops/cpu/ share: chunks, the mask of dropout and GEMM.
 *
 * One idea: a parallel loop runs over chunks whose borders depend on sizes only, so the number of
 * threads cannot change a bit of a result. Private to ops/cpu/ and norm/.
 * Read next: gemm.h. */
#ifndef OPS_CPU_CPU_H
#define OPS_CPU_CPU_H

#include "ops/ops.h"
#include "base/phase.h"
#include "base/philox.h"

/* Loops over fewer elements run on one thread: starting a team costs a few microseconds. */
#define PARALLEL_MIN ((size_t)1 << 15)

#ifndef __x86_64__
#define NO_AVX512
#endif

/* A function that is compiled twice and selected by the processor. For elementwise loops without
 * sums over vector lanes, whose bits are the same for any vector width. */
#ifdef NO_AVX512
#define ANY_WIDTH
#else
#define ANY_WIDTH __attribute__((target_clones("default", "avx512f")))
#endif

/* Sums over the rows of a tensor (the gradients of gamma and beta) use this many partial sums,
 * which are added in order. */
enum { ROW_CHUNKS = 16 };

/* The first element of chunk i of `chunks` over n elements. A multiple of 16 except at the end, so
 * that the scalar tails of vector loops are at the same elements whoever runs the chunk. */
static inline size_t chunk_begin(size_t i, size_t chunks, size_t n) {
    size_t size = ((n + chunks - 1) / chunks + 15) / 16 * 16;
    return i * size < n ? i * size : n;
}
/* The same for rows, where any border is possible. */
static inline size_t row_chunk_begin(size_t i, size_t R) {
    return i * R / ROW_CHUNKS;
}

/* x (n) *= mask / (1-p). A Philox call gives the mask of four elements; these are the calls first,
 * first+1, ... of the dropout site. */
static inline void dropout_mask(real *x, const Dropout *dropout, size_t first, size_t n) {
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

/* C (M,N) = alpha op(A) op(B) + beta C, row-major. op(A) is (M,K), the transpose of A if ta is set;
 * op(B) is (K,N), the transpose of B if tb is set. */
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
} Gemm;
typedef struct {
    size_t row, col, rows, cols;
} Tile;
/* Called for every finished tile of C, while it is in the cache, by the thread that computed it. */
typedef void Epilogue(const Tile *tile, const void *context);
/* In parallel; epilogue NULL = none. */
void gemm(const Gemm *g, Epilogue *epilogue, const void *context);

/* Small GEMMs on the calling thread, with operands that are packed once and used several times.
 * Operand A (m,k) consists of packed panels of rows, or it is a matrix (k,m) that is read in place,
 * with rows `stride` apart. In place, up to 7 elements past its end are read but not used. */
typedef struct {
    const void *data;
    size_t panel;      /* elements from one panel of rows to the next */
    size_t stride;     /* elements from k to k+1, or from row to row if k_contiguous */
    bool k_contiguous; /* the elements of a row are neighbours in memory */
} OperandA;
/* x (k,m) itself. Without float32 it is overwritten by what the engine reads. */
OperandA a_in_place(real *x, size_t stride, size_t m, size_t k);
/* Elements of packed operands: A of m rows, B of n columns. */
size_t packed_a_size(size_t m, size_t k);
size_t packed_b_size(size_t n, size_t k);
/* A = alpha * x, where x has m rows of k elements, `stride` apart. */
OperandA pack_a(real *panels, const real *x, size_t stride, size_t m, size_t k, real alpha);
/* B (k,n) = alpha * x^T if k_contiguous, for x with n rows of k elements, `stride` apart; else
 * alpha * x, for x with k rows of n elements. */
void pack_b(real *panels, const real *x, size_t stride, bool k_contiguous, size_t n, size_t k,
            real alpha);
/* Rows `first` to first+k-1 of an operand B that was packed with `rows` rows; `first` is even. */
typedef struct {
    const real *panels;
    size_t rows, first;
} OperandB;
/* Rows `first` and following of a packed operand A; `first` is a multiple of 64. */
static inline OperandA rows_of_a(OperandA a, size_t first) {
    a.data =
        (const real *)a.data + (a.k_contiguous ? first * a.stride : first / a.stride * a.panel);
    return a;
}
/* c (m,n) = or += a (m,k) b (k,n), where b was packed with n columns. */
void gemm_packed(real *c, size_t ldc, OperandA a, OperandB b, size_t m, size_t n, size_t k,
                 bool add);

/* Selects the engine `number` of those for a precision that run on this processor, the fastest is 0.
 * Returns its name; NULL if there are fewer. For tests. */
const char *gemm_use_engine(Precision precision, size_t number);
/* Allocates the pack buffers of gemm for the current number of threads. */
void gemm_reserve(void);
/* Plain OpenBLAS: outside of parallel regions it uses threads of its own. */
void gemm_openblas(const Gemm *g);

#endif

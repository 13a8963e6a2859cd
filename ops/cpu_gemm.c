/* cpu_gemm.c - matrix products: fixed tiles over single-threaded BLAS.
 *
 * One idea: OpenBLAS splits a product by thread count, which changes the last bits; a loop over
 * tiles of the output that are fixed by shape, each one sgemm on one thread with its full sum over
 * K, gives the same bits on any number of threads at no cost. 128x384 ran at 0.88 to 1.0 of the
 * threaded library (2 cores, Zen 4, OpenBLAS 0.3.21) over the shapes of small models. The parallel
 * loop must never get an `if` clause: outside an active region OpenBLAS would thread by itself.
 * Floor 0. Read next: cpu_linear.c. */
#include "ops/cpu.h"
#include "ops/ops.h"

#include <cblas.h>
#include <stdio.h>

enum { TILE_ROWS = 128, TILE_COLS = 384, LEAST_ROWS = 32, ENOUGH_TILES = 8 };

/* Rows of a tile: fewer where the output is so small that 128 would leave threads without one. */
static size_t tile_rows(size_t M, size_t across) {
    size_t rows = TILE_ROWS;
    while (rows > LEAST_ROWS && (M + rows - 1) / rows * across < ENOUGH_TILES) rows /= 2;
    return rows;
}

void gemm_tile(bool ta, bool tb, size_t M, size_t N, size_t K, real alpha, const real *A,
               size_t lda, const real *B, size_t ldb, real beta, real *C, size_t ldc) {
    enum CBLAS_TRANSPOSE opa = ta ? CblasTrans : CblasNoTrans, opb = tb ? CblasTrans : CblasNoTrans;
    blasint m = (blasint)M, n = (blasint)N, k = (blasint)K;
    blasint la = (blasint)lda, lb = (blasint)ldb, lc = (blasint)ldc;
#ifdef REAL_DOUBLE
    cblas_dgemm(CblasRowMajor, opa, opb, m, n, k, alpha, A, la, B, lb, beta, C, lc);
#else
    cblas_sgemm(CblasRowMajor, opa, opb, m, n, k, alpha, A, la, B, lb, beta, C, lc);
#endif
}

static void add_bias(real *C, size_t ldc, const real *bias, size_t M, size_t N) {
    for (size_t i = 0; i < M; i++) {
        real *row = C + i * ldc;
        for (size_t j = 0; j < N; j++) row[j] += bias[j];
    }
}

void gemm(bool ta, bool tb, size_t M, size_t N, size_t K, const real *A, size_t lda, const real *B,
          size_t ldb, real beta, real *C, size_t ldc, const real *bias) {
    PHASE(PHASE_GEMM);
    size_t across = (N + TILE_COLS - 1) / TILE_COLS, rows = tile_rows(M, across);
    size_t down = (M + rows - 1) / rows;
#pragma omp parallel for schedule(dynamic, 1)
    for (size_t tile = 0; tile < across * down; tile++) {
        size_t i = tile / across * rows, j = tile % across * TILE_COLS;
        size_t m = M - i < rows ? M - i : rows, n = N - j < TILE_COLS ? N - j : TILE_COLS;
        real *corner = C + i * ldc + j;
        gemm_tile(ta, tb, m, n, K, 1, ta ? A + i : A + i * lda, lda, tb ? B + j * ldb : B + j, ldb,
                  beta, corner, ldc);
        if (bias) add_bias(corner, ldc, bias + j, m, n);
    }
}

const char *ops_numerics(void) {
    static char text[64];
    snprintf(text, sizeof text, "gemm tiles %d to %d x %d, row chunks %d", LEAST_ROWS, TILE_ROWS,
             TILE_COLS, ROW_CHUNKS);
    return text;
}

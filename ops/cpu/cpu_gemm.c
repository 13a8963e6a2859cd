/* cpu_gemm.c - matrix products: who multiplies, and how the work is shared out.
 *
 * One idea: the bits of a product must not depend on the number of threads. OpenBLAS splits by it,
 * and copies both operands anew for every piece, which at the sizes of small models costs a fifth
 * of the time. The blocks of gemm_block.h sum every element in one order wherever their borders
 * are, so there are as many as threads; where all three sides are long, OpenBLAS multiplies tiles
 * that are fixed by shape, each on one thread.
 * On 2 cores with AVX-512, operands not in the cache, GFLOP/s, blocks against threaded OpenBLAS
 * 0.3.21: (2048,1536,384) 330/316, (2048,384,1536) 335/306, (768,384,128) 370/224, (256,3072,768)
 * 290/295, (2048,2048,2048) 367/399. Read next: gemm_block.h, then cpu_linear.c. */
#include "ops/cpu/cpu.h"
#include "ops/cpu/gemm.h"

#include <cblas.h>
#include <omp.h>
#include <stdio.h>

/* --- products on one thread --- */

size_t ops_threads(void) {
    return (size_t)omp_get_max_threads();
}

static struct {
    Packed *of_thread;
    size_t threads;
} packed;

void gemm_reserve(void) {
    if (packed.threads >= ops_threads()) return;
    mem_free(packed.of_thread);
    packed.threads = ops_threads();
    packed.of_thread = mem_alloc(size_mul(packed.threads, sizeof(Packed)));
}

static const Engine *engine(void) {
#ifndef NO_AVX512
    if (__builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512dq"))
        return &gemm_avx512;
#endif
    return &gemm_avx2;
}

static void block(const Product *product, const Tile *tile, TileHook *finish, const void *context) {
    engine()->block(product, tile, &packed.of_thread[omp_get_thread_num()], finish, context);
}

size_t left_size(size_t m, size_t k) {
    return ceil_div(m, 8) * (8 * k + 2 * LEFT_PAD);
}

Left left_in_place(const real *x, size_t stride) {
    return (Left){x, engine()->rows, stride, false};
}

Left left_pack(real *panels, const real *x, size_t stride, size_t m, size_t k, real alpha) {
    engine()->pack_left(panels, x, stride, true, m, k, alpha);
    return (Left){panels, engine()->rows * k + LEFT_PAD, engine()->rows, false};
}

size_t right_size(size_t n, size_t k) {
    return ceil_div(n, 16) * 16 * k;
}

void right_pack(real *panels, const real *x, size_t stride, bool along, size_t n, size_t k,
                real alpha) {
    engine()->pack_right(panels, x, stride, along, n, k, alpha);
}

void panels_multiply(real *c, size_t ldc, Left a, const real *b, size_t b_rows, size_t m, size_t n,
                     size_t k, bool add) {
    engine()->multiply(c, ldc, a, b, b_rows, m, n, k, add);
}

/* --- sharing out --- */

typedef struct {
    size_t rows, cols; /* of a tile, but for the last ones */
} Grid;

/* `tiles` or a few more, of sides that are multiples of EDGE. A column split copies A once more, a
 * row split B. */
static Grid grid_of(const Product *p, size_t tiles) {
    enum { EDGE = 16 };
    Grid grid = {0};
    size_t least = SIZE_MAX;
    for (size_t down = 1; down <= tiles; down++) {
        size_t across = ceil_div(tiles, down), copied = p->M * across + p->N * down;
        if (copied >= least) continue;
        least = copied;
        grid = (Grid){.rows = ceil_div(ceil_div(p->M, down), EDGE) * EDGE,
                      .cols = ceil_div(ceil_div(p->N, across), EDGE) * EDGE};
    }
    return grid;
}

typedef void Multiply(const Product *product, const Tile *tile, TileHook *finish,
                      const void *context);

/* The loop must never get an `if` clause: outside of an active region OpenBLAS would thread by
 * itself. */
static void share(Multiply *multiply, const Product *p, Grid grid, TileHook *finish,
                  const void *context) {
    size_t down = ceil_div(p->M, grid.rows), across = ceil_div(p->N, grid.cols);
#pragma omp parallel for schedule(dynamic, 1)
    for (size_t index = 0; index < down * across; index++) {
        size_t i = index / across * grid.rows, j = index % across * grid.cols;
        Tile tile = {.row = i,
                     .col = j,
                     .rows = at_most(p->M - i, grid.rows),
                     .cols = at_most(p->N - j, grid.cols)};
        multiply(p, &tile, finish, context);
    }
}

/* --- OpenBLAS --- */

static void library(const Product *p, const Tile *tile, TileHook *finish, const void *context) {
    const size_t i = tile->row, j = tile->col;
    enum CBLAS_TRANSPOSE ta = p->ta ? CblasTrans : CblasNoTrans;
    enum CBLAS_TRANSPOSE tb = p->tb ? CblasTrans : CblasNoTrans;
#ifdef REAL_DOUBLE
    cblas_dgemm(
#else
    cblas_sgemm(
#endif
        CblasRowMajor, ta, tb, (blasint)tile->rows, (blasint)tile->cols, (blasint)p->K, p->alpha,
        p->ta ? p->A + i : p->A + i * p->lda, (blasint)p->lda, p->tb ? p->B + j * p->ldb : p->B + j,
        (blasint)p->ldb, p->beta, p->C + i * p->ldc + j, (blasint)p->ldc);
    if (finish) finish(tile, context);
}

/* --- one row --- */

/* A token alone reads every weight once: there is nothing to copy for. */
ANY_WIDTH static void row_times_lines(real *y, const real *x, const real *lines, size_t stride,
                                      size_t count, size_t n, real alpha) {
    enum { LANES = 32 }; /* partial sums, so that their order is the same for any width */
    for (size_t j = 0; j < count; j++) {
        const real *line = lines + j * stride;
        real lane[LANES] = {0}, rest = 0;
        size_t i = 0;
        for (; i + LANES <= n; i += LANES) {
            for (size_t k = 0; k < LANES; k++) lane[k] += x[i + k] * line[i + k];
        }
        for (; i < n; i++) rest += x[i] * line[i];
        for (size_t half = LANES / 2; half; half /= 2) {
            for (size_t k = 0; k < half; k++) lane[k] += lane[k + half];
        }
        y[j] = alpha * (lane[0] + rest);
    }
}

static void one_row(const Product *p, const Tile *tile, TileHook *finish, const void *context) {
    row_times_lines(p->C + tile->col, p->A, p->B + tile->col * p->ldb, p->ldb, tile->cols, p->K,
                    p->alpha);
    if (finish) finish(tile, context);
}

/* --- all --- */

/* Sides from which on OpenBLAS is faster, and elements of one of its tiles, about. */
enum { LONG = 1024, LIBRARY_TILE = 1 << 19 };

void gemm(const Product *p, TileHook *finish, const void *context) {
    PHASE(PHASE_GEMM);
    if (p->M == 0 || p->N == 0) return;
    gemm_reserve();
    bool worth_sharing = (double)p->M * (double)p->N * (double)p->K > PARALLEL_MIN;
    size_t tiles = worth_sharing ? ops_threads() : 1;
    if (p->M == 1 && p->tb && p->beta == 0) {
        share(one_row, p, grid_of(p, tiles), finish, context);
    } else if (p->M >= LONG && p->N >= LONG && p->K >= LONG) {
        size_t fours = (p->M * p->N + 2 * LIBRARY_TILE) / (4 * LIBRARY_TILE);
        share(library, p, grid_of(p, 4 * (fours ? fours : 1)), finish, context);
    } else {
        share(block, p, grid_of(p, tiles), finish, context);
    }
}

void gemm_library(const Product *p) {
    library(p, &(Tile){.rows = p->M, .cols = p->N}, NULL, NULL);
}

const char *ops_numerics(void) {
    static char text[96];
    snprintf(text, sizeof text, "gemm blocks of %d, from %d on OpenBLAS tiles of %d, row chunks %d",
             KC, LONG, LIBRARY_TILE, ROW_CHUNKS);
    return text;
}

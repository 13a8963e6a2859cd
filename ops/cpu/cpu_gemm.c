/* cpu_gemm.c - parallel GEMM: which kernel computes it, and how C is split over threads.
 *
 * One idea: the bits of C must not depend on the number of threads. Threaded OpenBLAS splits C by
 * the number of threads, and packs both operands again for every part, which costs a fifth of the
 * time at the sizes of small models. There are three ways:
 *   - gemm_block.h sums every element of C in the same order wherever tiles begin, so C is split
 *     into as many tiles as there are threads;
 *   - where M, N and K are all large, single-threaded OpenBLAS is faster. Its bits do depend on the
 *     shape of a tile, so the tiles are fixed by the shape of C;
 *   - a single row reads every weight once, so nothing is packed.
 * GFLOP/s of gemm_block.h / threaded OpenBLAS 0.3.21 for (M,N,K), on 2 cores with AVX-512, operands
 * not in the cache: (2048,1536,384) 330/316, (2048,384,1536) 335/306, (768,384,128) 370/224,
 * (256,3072,768) 290/295, (2048,2048,2048) 367/399.
 * Read next: gemm_block.h, then cpu_linear.c. */
#include "ops/cpu/cpu.h"
#include "ops/cpu/gemm.h"
#include "ops/cpu/half.h"

#include <cblas.h>
#include <omp.h>
#include <stdio.h>

/* --- engines --- */

/* base/requirements.c has refused processors without AVX2; every aarch64 has NEON. */
static bool any_processor(void) {
    return true;
}
#ifndef NO_AVX512
static bool has_avx512(void) {
    return __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
           __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512vl");
}
#endif
#if !defined NO_AVX512 && !defined REAL_DOUBLE
static bool has_avx512_bf16(void) {
    return has_avx512() && __builtin_cpu_supports("avx512bf16");
}
#endif

/* The engines of each precision, the fastest first. The bits of a precision are the same on all of
 * them (tests/unit/test_ops_half.c). */
static const struct {
    Precision precision;
    const GemmKernels *kernels;
    bool (*runs_here)(void);
} ENGINES[] = {
#ifndef NO_AVX512
    {PRECISION_FLOAT32, &gemm_avx512, has_avx512},
#endif
#ifdef __x86_64__
    {PRECISION_FLOAT32, &gemm_avx2, any_processor},
#endif
#if !defined NO_AVX512 && !defined REAL_DOUBLE
    {PRECISION_BFLOAT16, &gemm_avx512_bf16, has_avx512_bf16},
#endif
#ifndef NO_AVX512
    {PRECISION_BFLOAT16, &gemm_avx512_rounded, has_avx512},
#endif
#ifdef __x86_64__
    {PRECISION_BFLOAT16, &gemm_avx2_rounded, any_processor},
#endif
#ifdef __aarch64__
    {PRECISION_FLOAT32, &gemm_neon, any_processor},
    {PRECISION_BFLOAT16, &gemm_neon_rounded, any_processor},
#endif
};
enum { ENGINE_COUNT = sizeof ENGINES / sizeof *ENGINES };

static struct {
    Precision precision;
    const GemmKernels *kernels; /* NULL until the first use */
} engine;

/* The engine number `skip` of those for the precision that run here; NULL if there are fewer. */
static const GemmKernels *engine_for(Precision precision, size_t skip) {
    for (size_t i = 0; i < ENGINE_COUNT; i++) {
        if (ENGINES[i].precision == precision && ENGINES[i].runs_here() && skip-- == 0)
            return ENGINES[i].kernels;
    }
    return NULL;
}

static const GemmKernels *kernels(void) {
    if (!engine.kernels) engine.kernels = engine_for(engine.precision, 0);
    return engine.kernels;
}

void ops_set_precision(Precision precision) {
    engine.precision = precision;
    engine.kernels = engine_for(precision, 0);
}

Precision ops_precision(void) {
    return engine.precision;
}

const char *ops_engine(Precision precision) {
    return engine_for(precision, 0)->name;
}

const char *gemm_use_engine(Precision precision, size_t number) {
    const GemmKernels *found = engine_for(precision, number);
    if (!found) return NULL;
    engine.precision = precision;
    engine.kernels = found;
    return found->name;
}

/* --- memory --- */

size_t ops_threads(void) {
    return size_min((size_t)omp_get_max_threads(), (size_t)omp_get_thread_limit());
}

static struct {
    PackBuffers *of_thread;
    size_t threads;
} buffers;

void gemm_reserve(void) {
    kernels(); /* so that no two threads choose the engine */
    if (buffers.threads >= ops_threads()) return;
    mem_free(buffers.of_thread);
    buffers.threads = ops_threads();
    buffers.of_thread = mem_alloc(size_mul(buffers.threads, sizeof(PackBuffers)));
}

/* --- on one thread --- */

static void block_tile(const Gemm *g, const Tile *tile, Epilogue *epilogue, const void *context) {
    kernels()->block(g, tile, &buffers.of_thread[omp_get_thread_num()], epilogue, context);
}

size_t packed_a_size(size_t m, size_t k) {
    return ceil_div(m, 8) * (8 * k + 2 * A_PAD);
}

OperandA a_in_place(real *x, size_t stride, size_t m, size_t k) {
    return kernels()->a_in_place(x, stride, m, k);
}

OperandA pack_a(real *panels, const real *x, size_t stride, size_t m, size_t k, real alpha) {
    return kernels()->pack_a(panels, x, stride, m, k, alpha);
}

size_t packed_b_size(size_t n, size_t k) {
    return ceil_div(n, 16) * 16 * k;
}

void pack_b(real *panels, const real *x, size_t stride, bool k_contiguous, size_t n, size_t k,
            real alpha) {
    kernels()->pack_b(panels, x, stride, k_contiguous, n, k, alpha);
}

void gemm_packed(real *c, size_t ldc, OperandA a, OperandB b, size_t m, size_t n, size_t k,
                 bool add) {
    kernels()->packed(c, ldc, a, b, m, n, k, add);
}

/* --- tiles of C over threads --- */

typedef struct {
    size_t rows, cols; /* of a tile; the last ones may be smaller */
} Grid;

/* Splits C into `tiles` tiles or a few more, with sides that are multiples of EDGE. Every
 * additional column of tiles packs A once more, every additional row packs B; the grid that packs
 * least wins. */
static Grid grid_of(const Gemm *g, size_t tiles) {
    enum { EDGE = 16 };
    Grid grid = {0};
    size_t least = SIZE_MAX;
    for (size_t down = 1; down <= tiles; down++) {
        size_t across = ceil_div(tiles, down), packed = g->M * across + g->N * down;
        if (packed >= least) continue;
        least = packed;
        grid = (Grid){.rows = ceil_div(ceil_div(g->M, down), EDGE) * EDGE,
                      .cols = ceil_div(ceil_div(g->N, across), EDGE) * EDGE};
    }
    return grid;
}

typedef void TileGemm(const Gemm *g, const Tile *tile, Epilogue *epilogue, const void *context);

/* Runs `compute` for all tiles. */
static void run_tiles(TileGemm *compute, const Gemm *g, Grid grid, Epilogue *epilogue,
                      const void *context) {
    size_t down = ceil_div(g->M, grid.rows), across = ceil_div(g->N, grid.cols);
#pragma omp parallel for schedule(dynamic, 1)
    for (size_t index = 0; index < down * across; index++) {
        size_t i = index / across * grid.rows, j = index % across * grid.cols;
        Tile tile = {.row = i,
                     .col = j,
                     .rows = size_min(g->M - i, grid.rows),
                     .cols = size_min(g->N - j, grid.cols)};
        compute(g, &tile, epilogue, context);
    }
}

/* --- OpenBLAS --- */

static void openblas_call(const Gemm *g, const Tile *tile) {
    const size_t i = tile->row, j = tile->col;
    enum CBLAS_TRANSPOSE ta = g->ta ? CblasTrans : CblasNoTrans;
    enum CBLAS_TRANSPOSE tb = g->tb ? CblasTrans : CblasNoTrans;
#ifdef REAL_DOUBLE
    cblas_dgemm(
#else
    cblas_sgemm(
#endif
        CblasRowMajor, ta, tb, (blasint)tile->rows, (blasint)tile->cols, (blasint)g->K, g->alpha,
        g->ta ? g->A + i : g->A + i * g->lda, (blasint)g->lda, g->tb ? g->B + j * g->ldb : g->B + j,
        (blasint)g->ldb, g->beta, g->C + i * g->ldc + j, (blasint)g->ldc);
}

/* In a region of one thread OpenBLAS does not see that it is called in parallel and would start a
 * team, whose size decides about the bits. So every task sets its own number of threads to one; the
 * number of the thread that started the region stays. */
static void openblas_tile(const Gemm *g, const Tile *tile, Epilogue *epilogue,
                          const void *context) {
    omp_set_num_threads(1);
    openblas_call(g, tile);
    if (epilogue) epilogue(tile, context);
}

/* --- one row --- */

/* y (count) = alpha * dot products of x (n) with lines of n elements, `stride` apart. */
static inline __attribute__((always_inline)) void dot_products(real *y, const real *x,
                                                               const real *lines, size_t stride,
                                                               size_t count, size_t n, real alpha,
                                                               const bool rounded) {
    enum { LANES = 32 }; /* partial sums: the same order for any vector width */
#define OPERAND(x) (rounded ? bfloat16_round(x) : (x))
    for (size_t j = 0; j < count; j++) {
        const real *line = lines + j * stride;
        real lane[LANES] = {0}, rest = 0;
        size_t i = 0;
        for (; i + LANES <= n; i += LANES) {
            for (size_t k = 0; k < LANES; k++) lane[k] += OPERAND(x[i + k]) * OPERAND(line[i + k]);
        }
        for (; i < n; i++) rest += OPERAND(x[i]) * OPERAND(line[i]);
        for (size_t half = LANES / 2; half; half /= 2) {
            for (size_t k = 0; k < half; k++) lane[k] += lane[k + half];
        }
        y[j] = alpha * (lane[0] + rest);
    }
#undef OPERAND
}

ANY_WIDTH static void vector_times_lines(real *y, const real *x, const real *lines, size_t stride,
                                         size_t count, size_t n, real alpha) {
    dot_products(y, x, lines, stride, count, n, alpha, false);
}

ANY_WIDTH static void rounded_vector_times_lines(real *y, const real *x, const real *lines,
                                                 size_t stride, size_t count, size_t n,
                                                 real alpha) {
    dot_products(y, x, lines, stride, count, n, alpha, true);
}

static void row_tile(const Gemm *g, const Tile *tile, Epilogue *epilogue, const void *context) {
    bool rounded = engine.precision == PRECISION_BFLOAT16;
    (rounded ? rounded_vector_times_lines : vector_times_lines)(
        g->C + tile->col, g->A, g->B + tile->col * g->ldb, g->ldb, tile->cols, g->K, g->alpha);
    if (epilogue) epilogue(tile, context);
}

/* --- gemm --- */

/* OpenBLAS is faster where M, N and K are all at least LARGE; its tiles have about OPENBLAS_TILE
 * elements. */
enum { LARGE = 1024, OPENBLAS_TILE = 1 << 19 };

/* The number of OpenBLAS tiles is M*N / OPENBLAS_TILE, rounded to a multiple of four and at least
 * four. A multiple of four divides evenly over 1, 2 and 4 threads. Invariant: the number depends on
 * M and N only, never on the number of threads, because the bits depend on the tiles. */
static size_t openblas_tiles(const Gemm *g) {
    size_t fours = (g->M * g->N + 2 * OPENBLAS_TILE) / (4 * OPENBLAS_TILE);
    return 4 * (fours ? fours : 1);
}

void gemm(const Gemm *g, Epilogue *epilogue, const void *context) {
    PHASE(PHASE_GEMM);
    if (g->M == 0 || g->N == 0) return;
    gemm_reserve();
    bool parallel = (double)g->M * (double)g->N * (double)g->K > PARALLEL_MIN;
    size_t tiles = parallel ? ops_threads() : 1;
    if (g->M == 1 && g->tb && g->beta == 0) {
        run_tiles(row_tile, g, grid_of(g, tiles), epilogue, context);
    } else if (engine.precision == PRECISION_FLOAT32 && g->M >= LARGE && g->N >= LARGE &&
               g->K >= LARGE) {
        run_tiles(openblas_tile, g, grid_of(g, openblas_tiles(g)), epilogue, context);
    } else {
        run_tiles(block_tile, g, grid_of(g, tiles), epilogue, context);
    }
}

void gemm_openblas(const Gemm *g) {
    bool own_threads = openblas_get_parallel() == OPENBLAS_THREAD;
    if (own_threads) openblas_set_num_threads((int)ops_threads());
    openblas_call(g, &(Tile){.rows = g->M, .cols = g->N});
    if (own_threads) openblas_set_num_threads(1);
}

const char *ops_numerics(void) {
    static char text[96];
    snprintf(text, sizeof text, "gemm blocks of %d, from %d on OpenBLAS tiles of %d, row chunks %d",
             KC, LARGE, OPENBLAS_TILE, ROW_CHUNKS);
    return text;
}

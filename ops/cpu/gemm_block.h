/* gemm_block.h - GEMM on one thread, written once for every vector width.
 *
 * One idea (Goto & van de Geijn 2008): blocks of both operands are packed in the order in which the
 * innermost loop reads them, and that loop keeps a tile of C in registers. Every element of C sums
 * over ascending k in one accumulator, for at most BLOCK_K values of k at a time. Its bits therefore
 * depend neither on where tiles begin nor on the vector width.
 * Included by one file per engine, cpu_gemm_*.c, which defines
 *   KERNELS  name of the GemmKernels table   TARGET   attribute of the instruction set
 *   ENGINE   its name for users              VECTOR   bytes of a vector
 *   MR       rows of the register tile
 *   ROUNDED  1: operands are rounded to bfloat16       PAIRS    1: vdpbf16ps multiplies them
 * The tile has NR columns, three vectors: the widest tile that leaves registers for the operands.
 * Private to them. */
#include "ops/cpu/gemm.h"

#include <string.h>

typedef real Vector __attribute__((vector_size(VECTOR)));
typedef real Loose __attribute__((vector_size(VECTOR), aligned(sizeof(real)), may_alias));

enum { LANES = VECTOR / sizeof(real), NR = 3 * LANES };

#define INLINE_TARGET static inline __attribute__((always_inline)) TARGET

#ifdef PAIRS
#include "ops/cpu/gemm_pack_pairs.h"
#else
#include "ops/cpu/gemm_pack.h"
#endif

/* c (MR,.) = or += a (MR,rows) b (rows,`vectors` vectors), both packed. Element (i,k) of a is at
 * k*stride + i, or at k + i*stride if k_contiguous. */
INLINE_TARGET void micro_kernel(size_t rows, const Element *a, size_t stride,
                                const bool k_contiguous, const Element *b, real *c, size_t ldc,
                                bool add, const int vectors) {
    Vector sum[MR][3] = {{{0}}};
    for (int i = 0; i < MR; i++) {
        for (int j = 0; j < vectors; j++) __builtin_prefetch(c + i * ldc + j * LANES, 1);
    }
    for (size_t k = 0; k < rows; k++, a += k_contiguous ? 1 : stride, b += vectors * LANES) {
#pragma GCC unroll 8
        for (int i = 0; i < MR; i++) {
            Element a_ik = k_contiguous ? a[i * stride] : a[i];
#pragma GCC unroll 3
            for (int j = 0; j < vectors; j++)
                sum[i][j] = multiply_add(sum[i][j], a_ik, b + j * LANES);
        }
    }
#pragma GCC unroll 8
    for (int i = 0; i < MR; i++, c += ldc) {
#pragma GCC unroll 3
        for (int j = 0; j < vectors; j++) {
            Loose *at = (Loose *)(c + j * LANES);
            if (add) sum[i][j] += *at;
            *at = sum[i][j];
        }
    }
}

/* Dispatches to one micro-kernel per shape. Inlining it with constant arguments lets the compiler
 * unroll the loops over i and j completely, so the accumulators sum[][] are registers. With a
 * variable number of vectors they would be an array in memory. Cases 1 to 3 are that many vectors
 * with a packed operand A; cases 4 to 6 are 1 to 3 vectors with an A whose rows are read in place.
 * All cases compute an element in the same order, so the choice changes no bit. */
TARGET static void tile(size_t rows, const Element *a, size_t stride, bool k_contiguous,
                        const Element *b, real *c, size_t ldc, bool add, size_t vectors) {
    switch (vectors + (k_contiguous ? 3 : 0)) {
#define CASE(n)                                                                                    \
    case n:                                                                                        \
        micro_kernel(rows, a, stride, n > 3, b, c, ldc, add, n > 3 ? n - 3 : n);                   \
        break
        CASE(1);
        CASE(2);
        CASE(3);
        CASE(4);
        CASE(5);
        CASE(6);
#undef CASE
    }
}

/* The same at an edge of C, where only m x n elements of the tile exist. */
TARGET static void edge_tile(size_t rows, const Element *a, size_t stride, bool k_contiguous,
                             const Element *b, real *c, size_t ldc, bool add, size_t vectors,
                             size_t m, size_t n) {
    real full[MR * NR] __attribute__((aligned(64)));
    tile(rows, a, stride, k_contiguous, b, full, NR, false, vectors);
    for (size_t i = 0; i < m; i++) {
        const real *from = full + i * NR;
        for (size_t j = 0; j < n; j++) c[i * ldc + j] = add ? c[i * ldc + j] + from[j] : from[j];
    }
}

/* Vectors of the next panel of B when `remaining` columns are left: three. The last four vectors
 * are split as two and two, because a panel of one vector loads more than it computes. */
static inline size_t vectors_of(size_t remaining) {
    size_t vectors = ceil_div(remaining, LANES);
    return vectors == 4 ? 2 : size_min(vectors, 3);
}

/* Packs a panel of B, `count` <= width columns of kc elements. */
INLINE_TARGET void pack_b_panel(Element *panel, const real *x, size_t stride, bool k_contiguous,
                                size_t count, size_t kc, size_t width, real alpha) {
    if (k_contiguous)
        pack_k_contiguous(panel, x, stride, count, kc, width, alpha);
    else
        pack_k_strided(panel, x, stride, count, kc, width, alpha);
}

/* Packs operand B, n columns of k elements, as panels of vectors_of() vectors. */
TARGET static void pack_b_panels(real *panels, const real *x, size_t stride, bool k_contiguous,
                                 size_t n, size_t k, real alpha) {
    Element *panel = (Element *)panels;
    for (size_t first = 0, width; first < n; first += width, panel += width * packed_rows(k)) {
        const real *from = k_contiguous ? x + first * stride : x + first;
        size_t remaining = n - first;
        width = vectors_of(remaining) * LANES;
        if (width == NR && remaining >= NR)
            pack_b_panel(panel, from, stride, k_contiguous, NR, k, NR, alpha);
        else
            pack_b_panel(panel, from, stride, k_contiguous, size_min(remaining, width), k, width,
                         alpha);
    }
}

/* c (m,n) = or += a (m,k) b (k,n). */
TARGET static void packed(real *c, size_t ldc, OperandA a, OperandB b, size_t m, size_t n, size_t k,
                          bool add) {
    const size_t rows = packed_rows(k);
    for (size_t col = 0, width; col < n; col += width) {
        size_t vectors = vectors_of(n - col), cols = size_min(n - col, vectors * LANES);
        width = vectors * LANES;
        for (size_t row = 0; row < m; row += MR) {
            const Element *a_panel = (const Element *)a.data + row / MR * a.panel;
            const Element *b_panel = (const Element *)b.panels + col * packed_rows(b.rows) +
                                     width * packed_rows(b.first);
            real *at = c + row * ldc + col;
            if (m - row >= MR && cols == width)
                tile(rows, a_panel, a.stride, a.k_contiguous, b_panel, at, ldc, add, vectors);
            else
                edge_tile(rows, a_panel, a.stride, a.k_contiguous, b_panel, at, ldc, add, vectors,
                          size_min(m - row, MR), cols);
        }
    }
}

/* The K elements of a sum in parts of equal size, except the last. */
static inline size_t part_of(size_t K) {
    const size_t part = ceil_div(K, ceil_div(K, BLOCK_K));
    return READS_A_IN_PLACE ? part : ceil_div(part, 2) * 2; /* whole pairs */
}

/* Tile `t` of C. A is read in place where its rows are contiguous and fill whole register tiles. */
TARGET static void block(const Gemm *g, const Tile *t, PackBuffers *buffers, Epilogue *epilogue,
                         const void *context) {
    const size_t part = part_of(g->K), row_end = t->row + t->rows, col_end = t->col + t->cols;
    for (size_t j = t->col; j < col_end; j += BLOCK_N) {
        size_t n = size_min(col_end - j, BLOCK_N);
        for (size_t at = 0; at < g->K; at += part) {
            size_t k = size_min(g->K - at, part);
            const real *b = g->tb ? g->B + j * g->ldb + at : g->B + at * g->ldb + j;
            pack_b_panels(buffers->b, b, g->ldb, g->tb, n, k, 1);
            for (size_t i = t->row; i < row_end; i += BLOCK_M) {
                size_t m = size_min(row_end - i, BLOCK_M);
                const real *a = g->ta ? g->A + at * g->lda + i : g->A + i * g->lda + at;
                bool in_place = READS_A_IN_PLACE && !g->ta && g->alpha == 1 && m % MR == 0;
                OperandA operand = in_place ? (OperandA){a, MR * g->lda, g->lda, true}
                                            : pack_a_panels((Element *)buffers->a, a, g->lda,
                                                            !g->ta, m, k, g->alpha);
                packed(g->C + i * g->ldc + j, g->ldc, operand, (OperandB){buffers->b, k, 0}, m, n,
                       k, at > 0 || g->beta != 0);
                if (epilogue && at + k == g->K) epilogue(&(Tile){i, j, m, n}, context);
            }
        }
    }
}

/* --- the table --- */

static OperandA pack_a_lines(real *panels, const real *x, size_t stride, size_t m, size_t k,
                             real alpha) {
    return pack_a_panels((Element *)panels, x, stride, true, m, k, alpha);
}

const GemmKernels KERNELS = {.name = ENGINE,
                             .block = block,
                             .pack_a = pack_a_lines,
                             .a_in_place = a_rows_in_place,
                             .pack_b = pack_b_panels,
                             .packed = packed};

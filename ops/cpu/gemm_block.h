/* gemm_block.h - GEMM on one thread, written once for every vector width.
 *
 * One idea (Goto & van de Geijn 2008): blocks of both operands are packed in the order in which the
 * innermost loop reads them, and that loop keeps a tile of C in registers. Every element of C sums
 * over ascending k in one accumulator, for at most KC values of k at a time. Its bits therefore
 * depend neither on where tiles begin nor on the vector width.
 * Included by one file per instruction set, cpu_gemm_*.c, which defines
 *   KERNELS  name of the GemmKernels table   TARGET   attribute of the instruction set
 *   VECTOR   bytes of a vector               MR       rows of the register tile
 * The tile has NR columns, three vectors: the widest tile that leaves registers for the operands.
 * Private to them. */
#include "ops/cpu/gemm.h"

#include <string.h>

typedef real Vector __attribute__((vector_size(VECTOR)));
typedef real Loose __attribute__((vector_size(VECTOR), aligned(sizeof(real)), may_alias));

enum { LANES = VECTOR / sizeof(real), NR = 3 * LANES };

/* Four elements of a and b, which are numbered 0 to 7. */
#if defined __clang__ || __GNUC__ >= 12
#define SHUFFLE(a, b, ...) __builtin_shufflevector(a, b, __VA_ARGS__)
#else
typedef typeof(_Generic((real)0, float : (int32_t)0, double : (int64_t)0)) MaskElement;
typedef MaskElement Mask __attribute__((vector_size(4 * sizeof(real))));
#define SHUFFLE(a, b, ...) __builtin_shuffle(a, b, (Mask){__VA_ARGS__})
#endif

#define INLINE_TARGET static inline __attribute__((always_inline)) TARGET

/* c (MR,.) = or += a (MR,kc) b (kc,`vectors` vectors). Element (i,k) of a is at k*stride + i, or at
 * k + i*stride if k_contiguous. */
INLINE_TARGET void micro_kernel(size_t kc, const real *a, size_t stride, const bool k_contiguous,
                                const real *b, real *c, size_t ldc, bool add, const int vectors) {
    Vector sum[MR][3] = {{{0}}};
    for (int i = 0; i < MR; i++) {
        for (int j = 0; j < vectors; j++) __builtin_prefetch(c + i * ldc + j * LANES, 1);
    }
    for (size_t k = 0; k < kc; k++, a += k_contiguous ? 1 : stride, b += vectors * LANES) {
#pragma GCC unroll 8
        for (int i = 0; i < MR; i++) {
            real a_ik = k_contiguous ? a[i * stride] : a[i];
#pragma GCC unroll 3
            for (int j = 0; j < vectors; j++) sum[i][j] += a_ik * *(const Vector *)(b + j * LANES);
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
TARGET static void tile(size_t kc, const real *a, size_t stride, bool k_contiguous, const real *b,
                        real *c, size_t ldc, bool add, size_t vectors) {
    switch (vectors + (k_contiguous ? 3 : 0)) {
#define CASE(n)                                                                                    \
    case n:                                                                                        \
        micro_kernel(kc, a, stride, n > 3, b, c, ldc, add, n > 3 ? n - 3 : n);                     \
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

/* The same at an edge of C, where only rows x cols of the tile exist. */
TARGET static void edge_tile(size_t kc, const real *a, size_t stride, bool k_contiguous,
                             const real *b, real *c, size_t ldc, bool add, size_t vectors,
                             size_t rows, size_t cols) {
    real full[MR * NR] __attribute__((aligned(64)));
    tile(kc, a, stride, k_contiguous, b, full, NR, false, vectors);
    for (size_t i = 0; i < rows; i++) {
        const real *from = full + i * NR;
        for (size_t j = 0; j < cols; j++) c[i * ldc + j] = add ? c[i * ldc + j] + from[j] : from[j];
    }
}

/* Packs `count` <= width lines of kc elements, rows of A or columns of B, as a panel (kc,width),
 * padded with zeros. Here the elements of a line are contiguous and lines are `stride` apart; they
 * are transposed in squares of 4x4. */
INLINE_TARGET void pack_k_contiguous(real *restrict panel, const real *restrict x, size_t stride,
                                     size_t count, size_t kc, size_t width, real alpha) {
    typedef real Quad __attribute__((vector_size(4 * sizeof(real))));
    typedef real LooseQuad
        __attribute__((vector_size(4 * sizeof(real)), aligned(sizeof(real)), may_alias));
    size_t i = 0;
    for (; i + 4 <= count; i += 4) {
        const real *line = x + i * stride;
        size_t k = 0;
        for (; k + 4 <= kc; k += 4) {
            const real *from = line + k;
            real *to = panel + k * width + i;
            for (size_t l = 4; l < 8; l++) __builtin_prefetch(from + l * stride);
            Quad a = *(const LooseQuad *)from, b = *(const LooseQuad *)(from + stride);
            Quad c = *(const LooseQuad *)(from + 2 * stride),
                 d = *(const LooseQuad *)(from + 3 * stride);
            Quad ab = SHUFFLE(a, b, 0, 4, 1, 5);
            Quad cd = SHUFFLE(c, d, 0, 4, 1, 5);
            *(LooseQuad *)to = alpha * SHUFFLE(ab, cd, 0, 1, 4, 5);
            *(LooseQuad *)(to + width) = alpha * SHUFFLE(ab, cd, 2, 3, 6, 7);
            ab = SHUFFLE(a, b, 2, 6, 3, 7);
            cd = SHUFFLE(c, d, 2, 6, 3, 7);
            *(LooseQuad *)(to + 2 * width) = alpha * SHUFFLE(ab, cd, 0, 1, 4, 5);
            *(LooseQuad *)(to + 3 * width) = alpha * SHUFFLE(ab, cd, 2, 3, 6, 7);
        }
        for (; k < kc; k++) {
            for (size_t l = 0; l < 4; l++) panel[k * width + i + l] = alpha * line[l * stride + k];
        }
    }
    for (; i < width; i++) {
        for (size_t k = 0; k < kc; k++)
            panel[k * width + i] = i < count ? alpha * x[i * stride + k] : 0;
    }
}

/* The same where neighbouring lines are contiguous and the elements of a line are `stride`
 * apart. */
INLINE_TARGET void pack_k_strided(real *restrict panel, const real *restrict x, size_t stride,
                                  size_t count, size_t kc, size_t width, real alpha) {
    for (size_t k = 0; k < kc; k++, panel += width, x += stride) {
        for (size_t i = 0; i < width; i += 16) __builtin_prefetch(x + 32 * stride + i);
        for (size_t i = 0; i < count; i++) panel[i] = alpha * x[i];
        for (size_t i = count; i < width; i++) panel[i] = 0;
    }
}

INLINE_TARGET void pack(real *panel, const real *x, size_t stride, bool k_contiguous, size_t count,
                        size_t kc, size_t width, real alpha) {
    if (k_contiguous)
        pack_k_contiguous(panel, x, stride, count, kc, width, alpha);
    else
        pack_k_strided(panel, x, stride, count, kc, width, alpha);
}

/* Packs operand A, m rows of k elements, as panels of MR rows. A_PAD elements between panels keep
 * them from mapping to the same cache sets. If k is strided, all panels are written in one pass
 * over x in memory order, because the hardware prefetcher does not follow long strides. */
TARGET static void pack_a_panels(real *restrict panels, const real *restrict x, size_t stride,
                                 bool k_contiguous, size_t m, size_t k, real alpha) {
    const size_t panel = MR * k + A_PAD, whole = m / MR * MR;
    if (k_contiguous) {
        for (size_t first = 0; first < whole; first += MR)
            pack_k_contiguous(panels + first / MR * panel, x + first * stride, stride, MR, k, MR,
                              alpha);
        if (whole < m)
            pack_k_contiguous(panels + whole / MR * panel, x + whole * stride, stride, m - whole, k,
                              MR, alpha);
        return;
    }
    for (size_t row = 0; row < k; row++, x += stride) {
        for (size_t i = 0; i < m; i += 16) __builtin_prefetch(x + 8 * stride + i);
        for (size_t first = 0; first < whole; first += MR) {
            real *to = panels + first / MR * panel + row * MR;
            for (size_t i = 0; i < MR; i++) to[i] = alpha * x[first + i];
        }
        for (size_t i = whole; i < m; i++)
            panels[whole / MR * panel + row * MR + i - whole] = alpha * x[i];
    }
}

/* Vectors of the next panel of B when `remaining` columns are left: three. The last four vectors
 * are split as two and two, because a panel of one vector loads more than it computes. */
static inline size_t vectors_of(size_t remaining) {
    size_t vectors = ceil_div(remaining, LANES);
    return vectors == 4 ? 2 : size_min(vectors, 3);
}

/* Packs operand B, n columns of k elements, as panels of vectors_of() vectors. */
TARGET static void pack_b_panels(real *panels, const real *x, size_t stride, bool k_contiguous,
                                 size_t n, size_t k, real alpha) {
    for (size_t first = 0, width; first < n; first += width) {
        const real *from = k_contiguous ? x + first * stride : x + first;
        size_t remaining = n - first;
        width = vectors_of(remaining) * LANES;
        if (width == NR && remaining >= NR)
            pack(panels + first * k, from, stride, k_contiguous, NR, k, NR, alpha);
        else
            pack(panels + first * k, from, stride, k_contiguous, size_min(remaining, width), k,
                 width, alpha);
    }
}

/* c (m,n) = or += a (m,k) b (k,n); b was packed with b_rows >= k rows. */
TARGET static void packed(real *c, size_t ldc, OperandA a, const real *b, size_t b_rows, size_t m,
                          size_t n, size_t k, bool add) {
    for (size_t col = 0, width; col < n; col += width) {
        size_t vectors = vectors_of(n - col), cols = size_min(n - col, vectors * LANES);
        width = vectors * LANES;
        for (size_t row = 0; row < m; row += MR) {
            const real *a_panel = a.data + row / MR * a.panel, *b_panel = b + col * b_rows;
            real *at = c + row * ldc + col;
            if (m - row >= MR && cols == width)
                tile(k, a_panel, a.stride, a.k_contiguous, b_panel, at, ldc, add, vectors);
            else
                edge_tile(k, a_panel, a.stride, a.k_contiguous, b_panel, at, ldc, add, vectors,
                          size_min(m - row, MR), cols);
        }
    }
}

/* Tile `t` of C. A is read in place where its rows are contiguous and fill whole register tiles. */
TARGET static void block(const Gemm *g, const Tile *t, PackBuffers *buffers, Epilogue *epilogue,
                         const void *context) {
    const size_t depth = ceil_div(g->K, ceil_div(g->K, KC)); /* K in parts of equal size */
    const size_t row_end = t->row + t->rows, col_end = t->col + t->cols;
    for (size_t j = t->col; j < col_end; j += NC) {
        size_t n = size_min(col_end - j, NC);
        for (size_t at = 0; at < g->K; at += depth) {
            size_t k = size_min(g->K - at, depth);
            const real *b = g->tb ? g->B + j * g->ldb + at : g->B + at * g->ldb + j;
            pack_b_panels(buffers->b, b, g->ldb, g->tb, n, k, 1);
            for (size_t i = t->row; i < row_end; i += MC) {
                size_t m = size_min(row_end - i, MC);
                const real *a = g->ta ? g->A + at * g->lda + i : g->A + i * g->lda + at;
                OperandA operand = {buffers->a, MR * k + A_PAD, MR, false};
                bool in_place = !g->ta && g->alpha == 1 && m % MR == 0;
                if (in_place)
                    operand = (OperandA){a, MR * g->lda, g->lda, true};
                else
                    pack_a_panels(buffers->a, a, g->lda, !g->ta, m, k, g->alpha);
                packed(g->C + i * g->ldc + j, g->ldc, operand, buffers->b, k, m, n, k,
                       at > 0 || g->beta != 0);
                if (epilogue && at + k == g->K) epilogue(&(Tile){i, j, m, n}, context);
            }
        }
    }
}

const GemmKernels KERNELS = {
    .mr = MR, .block = block, .pack_a = pack_a_panels, .pack_b = pack_b_panels, .packed = packed};

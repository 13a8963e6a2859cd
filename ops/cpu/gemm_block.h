/* gemm_block.h - a matrix product on one thread, written once for every width of vectors.
 *
 * One idea (Goto & van de Geijn 2008): pieces of both operands are copied into the order in which
 * the innermost loop reads them, and that loop keeps a tile of C in registers. Every element of C
 * sums over k upwards in one accumulator, KC or a little less at a time, so its bits depend neither
 * on where tiles begin nor on how wide a vector is.
 * Included by one file per instruction set, cpu_gemm_*.c, which has defined
 *   ENGINE   the Engine that comes of it     TARGET   attribute of the instruction set
 *   VECTOR   bytes of a vector               MR       rows of the tile in registers
 * The tile's NR columns are three vectors: the widest that leaves registers for its operands.
 * Private to them. */
#include "ops/cpu/gemm.h"

#include <string.h>

typedef real Vector __attribute__((vector_size(VECTOR)));
typedef real Loose __attribute__((vector_size(VECTOR), aligned(sizeof(real)), may_alias));

enum { LANES = VECTOR / sizeof(real), NR = 3 * LANES };

#define INLINE_TARGET static inline __attribute__((always_inline)) TARGET

/* c (MR,.) = or += a (kc,MR) b (kc,`vectors` vectors); element (k,i) of a lies at k*step + i, or at
 * k + i*step where its lines run `along` k. */
INLINE_TARGET void tile(size_t kc, const real *a, size_t step, const bool along, const real *b,
                        real *c, size_t ldc, bool add, const int vectors) {
    Vector sum[MR][3] = {{{0}}};
    for (int i = 0; i < MR; i++) {
        for (int j = 0; j < vectors; j++) __builtin_prefetch(c + i * ldc + j * LANES, 1);
    }
    for (size_t k = 0; k < kc; k++, a += along ? 1 : step, b += vectors * LANES) {
#pragma GCC unroll 8
        for (int i = 0; i < MR; i++) {
            real left = along ? a[i * step] : a[i];
#pragma GCC unroll 3
            for (int j = 0; j < vectors; j++) sum[i][j] += left * *(const Vector *)(b + j * LANES);
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

TARGET static void micro(size_t kc, const real *a, size_t step, bool along, const real *b, real *c,
                         size_t ldc, bool add, size_t vectors) {
    switch (vectors + (along ? 3 : 0)) {
#define CASE(n)                                                                                    \
    case n:                                                                                        \
        tile(kc, a, step, n > 3, b, c, ldc, add, n > 3 ? n - 3 : n);                               \
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

/* The same at an edge, where only rows x cols of the tile exist. */
TARGET static void edge(size_t kc, const real *a, size_t step, bool along, const real *b, real *c,
                        size_t ldc, bool add, size_t vectors, size_t rows, size_t cols) {
    real whole[MR * NR] __attribute__((aligned(64)));
    micro(kc, a, step, along, b, whole, NR, false, vectors);
    for (size_t i = 0; i < rows; i++) {
        const real *from = whole + i * NR;
        for (size_t j = 0; j < cols; j++) c[i * ldc + j] = add ? c[i * ldc + j] + from[j] : from[j];
    }
}

/* `count` <= width lines of kc elements, a stride apart, as a panel (kc,width) with zeros past
 * them: lines that run along k, four by four elements at a time, ... */
INLINE_TARGET void pack_along(real *restrict panel, const real *restrict x, size_t stride,
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
            Quad ab = __builtin_shufflevector(a, b, 0, 4, 1, 5);
            Quad cd = __builtin_shufflevector(c, d, 0, 4, 1, 5);
            *(LooseQuad *)to = alpha * __builtin_shufflevector(ab, cd, 0, 1, 4, 5);
            *(LooseQuad *)(to + width) = alpha * __builtin_shufflevector(ab, cd, 2, 3, 6, 7);
            ab = __builtin_shufflevector(a, b, 2, 6, 3, 7);
            cd = __builtin_shufflevector(c, d, 2, 6, 3, 7);
            *(LooseQuad *)(to + 2 * width) = alpha * __builtin_shufflevector(ab, cd, 0, 1, 4, 5);
            *(LooseQuad *)(to + 3 * width) = alpha * __builtin_shufflevector(ab, cd, 2, 3, 6, 7);
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

/* ... and lines that lie side by side. */
INLINE_TARGET void pack_beside(real *restrict panel, const real *restrict x, size_t stride,
                               size_t count, size_t kc, size_t width, real alpha) {
    for (size_t k = 0; k < kc; k++, panel += width, x += stride) {
        for (size_t i = 0; i < width; i += 16) __builtin_prefetch(x + 32 * stride + i);
        for (size_t i = 0; i < count; i++) panel[i] = alpha * x[i];
        for (size_t i = count; i < width; i++) panel[i] = 0;
    }
}

INLINE_TARGET void pack(real *panel, const real *x, size_t stride, bool along, size_t count,
                        size_t kc, size_t width, real alpha) {
    if (along)
        pack_along(panel, x, stride, count, kc, width, alpha);
    else
        pack_beside(panel, x, stride, count, kc, width, alpha);
}

/* The left operand: m rows of k elements as panels of MR rows, LEFT_PAD apart, so that panels do
 * not all fall on the same lines of the cache. Rows that lie beside each other are read as they
 * lie, for what is far apart in memory is not fetched ahead by itself. */
TARGET static void pack_left(real *restrict panels, const real *restrict x, size_t stride,
                             bool along, size_t m, size_t k, real alpha) {
    const size_t panel = MR * k + LEFT_PAD, whole = m / MR * MR;
    if (along) {
        for (size_t first = 0; first < whole; first += MR)
            pack_along(panels + first / MR * panel, x + first * stride, stride, MR, k, MR, alpha);
        if (whole < m)
            pack_along(panels + whole / MR * panel, x + whole * stride, stride, m - whole, k, MR,
                       alpha);
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

/* Vectors of the panel that begins `left` columns before the end: three, but no single one after
 * them where two and two will do, for its loads would cost more than its products. */
static inline size_t vectors_of(size_t left) {
    size_t vectors = ceil_div(left, LANES);
    return vectors == 4 ? 2 : at_most(vectors, 3);
}

/* The right operand: n columns of k elements as panels of as many vectors. */
TARGET static void pack_right(real *panels, const real *x, size_t stride, bool along, size_t n,
                              size_t k, real alpha) {
    for (size_t first = 0, width; first < n; first += width) {
        const real *from = along ? x + first * stride : x + first;
        size_t left = n - first;
        width = vectors_of(left) * LANES;
        if (width == NR && left >= NR)
            pack(panels + first * k, from, stride, along, NR, k, NR, alpha);
        else
            pack(panels + first * k, from, stride, along, at_most(left, width), k, width, alpha);
    }
}

/* c (m,n) = or += a (m,k) b (k,n); the panels of b were packed for b_rows >= k rows. */
TARGET static void multiply(real *c, size_t ldc, Left a, const real *b, size_t b_rows, size_t m,
                            size_t n, size_t k, bool add) {
    for (size_t col = 0, width; col < n; col += width) {
        size_t vectors = vectors_of(n - col), cols = at_most(n - col, vectors * LANES);
        width = vectors * LANES;
        for (size_t row = 0; row < m; row += MR) {
            const real *left = a.at + row / MR * a.panel, *right = b + col * b_rows;
            real *at = c + row * ldc + col;
            if (m - row >= MR && cols == width)
                micro(k, left, a.step, a.along, right, at, ldc, add, vectors);
            else
                edge(k, left, a.step, a.along, right, at, ldc, add, vectors, at_most(m - row, MR),
                     cols);
        }
    }
}

/* Tile `t` of the product. */
TARGET static void block(const Product *p, const Tile *t, Packed *copies, TileHook *finish,
                         const void *context) {
    const size_t depth = ceil_div(p->K, ceil_div(p->K, KC)); /* K in equal parts */
    const size_t row_end = t->row + t->rows, col_end = t->col + t->cols;
    for (size_t j = t->col; j < col_end; j += NC) {
        size_t n = at_most(col_end - j, NC);
        for (size_t at = 0; at < p->K; at += depth) {
            size_t k = at_most(p->K - at, depth);
            const real *b = p->tb ? p->B + j * p->ldb + at : p->B + at * p->ldb + j;
            pack_right(copies->b, b, p->ldb, p->tb, n, k, 1);
            for (size_t i = t->row; i < row_end; i += MC) {
                size_t m = at_most(row_end - i, MC);
                const real *a = p->ta ? p->A + at * p->lda + i : p->A + i * p->lda + at;
                Left left = {copies->a, MR * k + LEFT_PAD, MR, false};
                bool in_place = !p->ta && p->alpha == 1 && m % MR == 0;
                if (in_place)
                    left = (Left){a, MR * p->lda, p->lda, true};
                else
                    pack_left(copies->a, a, p->lda, !p->ta, m, k, p->alpha);
                multiply(p->C + i * p->ldc + j, p->ldc, left, copies->b, k, m, n, k,
                         at > 0 || p->beta != 0);
                if (finish && at + k == p->K) finish(&(Tile){i, j, m, n}, context);
            }
        }
    }
}

const Engine ENGINE = {.rows = MR,
                       .block = block,
                       .pack_left = pack_left,
                       .pack_right = pack_right,
                       .multiply = multiply};

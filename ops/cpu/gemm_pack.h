/* gemm_pack.h - operands of GEMM, packed as numbers of type real: as they are, or rounded.
 *
 * One idea: with ROUNDED, packing rounds to bfloat16 and the innermost loop stays that of float32,
 * for processors without instructions for bfloat16 and for double builds. A product of two bfloat16
 * numbers is exact in float32. The products of a pair of k are added in the order of vdpbf16ps, the
 * second first, so the bits are those of gemm_pack_pairs.h.
 * Private to gemm_block.h, which includes it. */
#ifndef ROUNDED
#define ROUNDED 0
#endif
#include "ops/cpu/half.h"

typedef real Element; /* of a packed operand */
enum {
    BLOCK_M = ROUNDED ? MC / 2 : MC,
    BLOCK_N = ROUNDED ? NC / 2 : NC,
    BLOCK_K = ROUNDED ? 2 * KC : KC /* as in gemm_pack_pairs.h: the bits depend on it */
};

/* Rows of a packed operand for k elements of a line. */
static inline size_t packed_rows(size_t k) {
    return k;
}

/* The row of a packed operand that has element k of kc. */
static inline size_t row_of(size_t k, size_t kc) {
    return ROUNDED && (k ^ 1) < kc ? k ^ 1 : k;
}

/* sum + a*b; a is the same for all elements of the vector. */
INLINE_TARGET Vector multiply_add(Vector sum, Element a, const Element *b) {
    return sum + a * *(const Vector *)b;
}

/* Four elements of a and b, which are numbered 0 to 7. */
#if defined __clang__ || __GNUC__ >= 12
#define SHUFFLE(a, b, ...) __builtin_shufflevector(a, b, __VA_ARGS__)
#else
typedef typeof(_Generic((real)0, float : (int32_t)0, double : (int64_t)0)) MaskElement;
typedef MaskElement Mask __attribute__((vector_size(4 * sizeof(real))));
#define SHUFFLE(a, b, ...) __builtin_shuffle(a, b, (Mask){__VA_ARGS__})
#endif

TARGET static void round_elements(real *x, size_t n) {
    for (size_t i = 0; ROUNDED && i < n; i++) x[i] = bfloat16_round(x[i]);
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
            *(LooseQuad *)(to + row_of(0, 4) * width) = alpha * SHUFFLE(ab, cd, 0, 1, 4, 5);
            *(LooseQuad *)(to + row_of(1, 4) * width) = alpha * SHUFFLE(ab, cd, 2, 3, 6, 7);
            ab = SHUFFLE(a, b, 2, 6, 3, 7);
            cd = SHUFFLE(c, d, 2, 6, 3, 7);
            *(LooseQuad *)(to + row_of(2, 4) * width) = alpha * SHUFFLE(ab, cd, 0, 1, 4, 5);
            *(LooseQuad *)(to + row_of(3, 4) * width) = alpha * SHUFFLE(ab, cd, 2, 3, 6, 7);
        }
        for (; k < kc; k++) {
            for (size_t l = 0; l < 4; l++)
                panel[row_of(k, kc) * width + i + l] = alpha * line[l * stride + k];
        }
    }
    for (; i < width; i++) {
        for (size_t k = 0; k < kc; k++)
            panel[row_of(k, kc) * width + i] = i < count ? alpha * x[i * stride + k] : 0;
    }
    round_elements(panel, kc * width);
}

/* The same where neighbouring lines are contiguous and the elements of a line are `stride`
 * apart. */
INLINE_TARGET void pack_k_strided(real *restrict panel, const real *restrict x, size_t stride,
                                  size_t count, size_t kc, size_t width, real alpha) {
    for (size_t k = 0; k < kc; k++, x += stride) {
        real *to = panel + row_of(k, kc) * width;
        for (size_t i = 0; i < width; i += 16) __builtin_prefetch(x + 32 * stride + i);
        for (size_t i = 0; i < count; i++) to[i] = alpha * x[i];
        for (size_t i = count; i < width; i++) to[i] = 0;
    }
    round_elements(panel, kc * width);
}

/* Packs operand A, m rows of k elements, as panels of MR rows. A_PAD elements between panels keep
 * them from mapping to the same cache sets. If k is strided, all panels are written in one pass
 * over x in memory order, because the hardware prefetcher does not follow long strides. */
TARGET static OperandA pack_a_panels(real *restrict panels, const real *restrict x, size_t stride,
                                     bool k_contiguous, size_t m, size_t k, real alpha) {
    const size_t panel = MR * k + A_PAD, whole = m / MR * MR;
    if (k_contiguous) {
        for (size_t first = 0; first < whole; first += MR)
            pack_k_contiguous(panels + first / MR * panel, x + first * stride, stride, MR, k, MR,
                              alpha);
        if (whole < m)
            pack_k_contiguous(panels + whole / MR * panel, x + whole * stride, stride, m - whole, k,
                              MR, alpha);
    }
    for (size_t row = 0; !k_contiguous && row < k; row++, x += stride) {
        const size_t at = row_of(row, k) * MR;
        for (size_t i = 0; i < m; i += 16) __builtin_prefetch(x + 8 * stride + i);
        for (size_t first = 0; first < whole; first += MR) {
            real *to = panels + first / MR * panel + at;
            for (size_t i = 0; i < MR; i++) to[i] = alpha * x[first + i];
        }
        for (size_t i = whole; i < m; i++)
            panels[whole / MR * panel + at + i - whole] = alpha * x[i];
    }
    for (size_t first = 0; !k_contiguous && first < m; first += MR)
        round_elements(panels + first / MR * panel, MR * k);
    return (OperandA){panels, panel, MR, false};
}

/* A matrix (k,m) as operand A, in place. */
TARGET static OperandA a_rows_in_place(real *x, size_t stride, size_t m, size_t k) {
    for (size_t row = 0; ROUNDED && row < k; row += 2) {
        real *even = x + row * stride, *odd = even + stride;
        round_elements(even, m);
        if (row + 1 == k) break;
        for (size_t i = 0; i < m; i++) {
            real swapped = bfloat16_round(odd[i]);
            odd[i] = even[i];
            even[i] = swapped;
        }
    }
    return (OperandA){x, MR, stride, false};
}

/* Whether gemm may read rows of A where they are. */
enum { READS_A_IN_PLACE = !ROUNDED };

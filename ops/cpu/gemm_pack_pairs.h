/* gemm_pack_pairs.h - operands of GEMM, packed as pairs of bfloat16 numbers for vdpbf16ps.
 *
 * One idea: a pair holds the elements 2k and 2k+1 of a line in 32 bits, the first in the lower half.
 * A packed operand has half as many rows as the line has elements; the last pair of an odd line is
 * completed by a zero. vdpbf16ps adds the product of the upper halves, then that of the lower
 * halves, each rounded to float32.
 * Private to gemm_block.h, which includes it. */
#include <immintrin.h>

typedef uint32_t Element; /* of a packed operand */
enum { BLOCK_M = MC, BLOCK_N = NC, BLOCK_K = 2 * KC };

/* Rows of a packed operand for k elements of a line. */
static inline size_t packed_rows(size_t k) {
    return (k + 1) / 2;
}

INLINE_TARGET Vector multiply_add(Vector sum, Element a, const Element *b) {
    return (Vector)_mm512_dpbf16_ps((__m512)sum, (__m512bh)_mm512_set1_epi32((int)a),
                                    (__m512bh)_mm512_load_si512(b));
}

/* --- rows of pairs --- */

/* Of alpha*x, a line of n elements: pairs of neighbours. */
INLINE_TARGET void pair_line(Element *restrict pairs, const real *restrict x, size_t n,
                             real alpha) {
    const __m512 by = _mm512_set1_ps(alpha);
    for (size_t k = 0; k < n; k += 32) {
        const size_t left = n - k;
        const __mmask16 low = left >= 16 ? 0xffff : (__mmask16)((1u << left) - 1);
        const __mmask16 high = left >= 32  ? 0xffff
                               : left > 16 ? (__mmask16)((1u << (left - 16)) - 1)
                                           : 0;
        __m512 first = _mm512_maskz_loadu_ps(low, x + k);
        __m512 second = _mm512_maskz_loadu_ps(high, high ? x + k + 16 : x);
        __m512i both = (__m512i)_mm512_cvtne2ps_pbh(second * by, first * by);
        const size_t count = left >= 32 ? 16 : (left + 1) / 2;
        _mm512_mask_storeu_epi32(pairs + k / 2, (__mmask16)((1u << count) - 1), both);
    }
}

/* Pairs of alpha*x and alpha*next, two neighbouring rows of up to 16 elements; no row if NULL. */
INLINE_TARGET __m512i pair_rows(const real *x, const real *next, __mmask16 mask, __m512 alpha) {
    static const uint16_t INTERLEAVE[32] __attribute__((aligned(64))) = {
        0, 16, 1, 17, 2,  18, 3,  19, 4,  20, 5,  21, 6,  22, 7,  23,
        8, 24, 9, 25, 10, 26, 11, 27, 12, 28, 13, 29, 14, 30, 15, 31};
    __m512 first = _mm512_maskz_loadu_ps(mask, x);
    __m512 second = next ? _mm512_maskz_loadu_ps(mask, next) : _mm512_setzero_ps();
    __m512i both = (__m512i)_mm512_cvtne2ps_pbh(second * alpha, first * alpha);
    return _mm512_permutexvar_epi16(_mm512_load_si512(INTERLEAVE), both);
}

INLINE_TARGET __mmask16 mask_of(size_t count) {
    return count >= 16 ? 0xffff : (__mmask16)((1u << count) - 1);
}

/* --- operand B --- */

/* Columns of B that are lines of x: pairs of four lines are transposed in squares of 4x4. */
INLINE_TARGET void pack_k_contiguous(Element *restrict panel, const real *restrict x, size_t stride,
                                     size_t count, size_t kc, size_t width, real alpha) {
    typedef uint32_t Quad __attribute__((vector_size(16)));
    typedef uint32_t LooseQuad __attribute__((vector_size(16), aligned(4), may_alias));
    const __m128 by = _mm_set1_ps(alpha);
    const size_t rows = packed_rows(kc);
    size_t i = 0;
    for (; i + 4 <= count; i += 4) {
        const real *line = x + i * stride;
        size_t k = 0;
        for (; k + 8 <= kc; k += 8) {
            Quad pairs[4];
            Element *to = panel + k / 2 * width + i;
#pragma GCC unroll 4
            for (size_t l = 0; l < 4; l++) {
                const real *from = line + l * stride + k;
                __builtin_prefetch(from + 4 * stride);
                pairs[l] =
                    (Quad)_mm_cvtne2ps_pbh(_mm_loadu_ps(from + 4) * by, _mm_loadu_ps(from) * by);
            }
            __m128i ab = _mm_unpacklo_epi32((__m128i)pairs[0], (__m128i)pairs[1]);
            __m128i cd = _mm_unpacklo_epi32((__m128i)pairs[2], (__m128i)pairs[3]);
            *(LooseQuad *)to = (Quad)_mm_unpacklo_epi64(ab, cd);
            *(LooseQuad *)(to + width) = (Quad)_mm_unpackhi_epi64(ab, cd);
            ab = _mm_unpackhi_epi32((__m128i)pairs[0], (__m128i)pairs[1]);
            cd = _mm_unpackhi_epi32((__m128i)pairs[2], (__m128i)pairs[3]);
            *(LooseQuad *)(to + 2 * width) = (Quad)_mm_unpacklo_epi64(ab, cd);
            *(LooseQuad *)(to + 3 * width) = (Quad)_mm_unpackhi_epi64(ab, cd);
        }
        for (size_t l = 0; l < 4 && k < kc; l++) {
            Element rest[4];
            pair_line(rest, line + l * stride + k, kc - k, alpha);
            for (size_t row = k / 2; row < rows; row++)
                panel[row * width + i + l] = rest[row - k / 2];
        }
    }
    for (; i < width; i++) {
        Element line[BLOCK_K / 2];
        if (i < count) pair_line(line, x + i * stride, kc, alpha);
        for (size_t row = 0; row < rows; row++) panel[row * width + i] = i < count ? line[row] : 0;
    }
}

/* Columns of B that are columns of x. */
INLINE_TARGET void pack_k_strided(Element *restrict panel, const real *restrict x, size_t stride,
                                  size_t count, size_t kc, size_t width, real alpha) {
    const __m512 by = _mm512_set1_ps(alpha);
    for (size_t k = 0; k < kc; k += 2, x += 2 * stride, panel += width) {
        const real *next = k + 1 < kc ? x + stride : NULL;
#pragma GCC unroll 3
        for (size_t i = 0; i < width; i += 16) {
            __builtin_prefetch(x + 32 * stride + i);
            __builtin_prefetch(x + 33 * stride + i);
            const __mmask16 mask = i < count ? mask_of(count - i) : 0;
            _mm512_store_si512(panel + i, pair_rows(x + i, next ? next + i : NULL, mask, by));
        }
    }
}

/* --- operand A --- */

/* Packs operand A, m rows of k elements. Rows that are lines of x stay lines, which are only
 * converted; columns of x become panels of MR rows, as in gemm_pack.h. Rows up to a multiple of MR
 * are read but not used. */
TARGET static OperandA pack_a_panels(Element *restrict panels, const real *restrict x,
                                     size_t stride, bool k_contiguous, size_t m, size_t k,
                                     real alpha) {
    const size_t rows = packed_rows(k), panel = MR * rows + A_PAD, length = rows + A_PAD / MR;
    const __m512 by = _mm512_set1_ps(alpha);
    if (k_contiguous) {
        for (size_t i = 0; i < m; i++) pair_line(panels + i * length, x + i * stride, k, alpha);
        for (size_t i = m; i % MR; i++) memset(panels + i * length, 0, rows * sizeof *panels);
        return (OperandA){panels, MR * length, length, true};
    }
    for (size_t row = 0; row < rows; row++, x += 2 * stride) {
        const real *next = 2 * row + 1 < k ? x + stride : NULL;
        for (size_t i = 0; i < m; i += 16) {
            __builtin_prefetch(x + 8 * stride + i);
            __builtin_prefetch(x + 9 * stride + i);
            __m512i both = pair_rows(x + i, next ? next + i : NULL, mask_of(m - i), by);
            Element *to = panels + i / MR * panel + row * MR;
            _mm256_storeu_si256((__m256i *)to, _mm512_castsi512_si256(both));
            if (i + MR < m)
                _mm256_storeu_si256((__m256i *)(to + panel), _mm512_extracti64x4_epi64(both, 1));
        }
    }
    return (OperandA){panels, panel, MR, false};
}

/* A matrix (k,m) as operand A, in place: two rows become one of pairs. */
TARGET static OperandA a_rows_in_place(real *x, size_t stride, size_t m, size_t k) {
    const __m512 one = _mm512_set1_ps(1);
    for (size_t row = 0; row < packed_rows(k); row++) {
        const real *even = x + 2 * row * stride, *odd = even + stride;
        for (size_t i = 0; i < m; i += 16) {
            const __mmask16 mask = mask_of(m - i);
            __m512i both = pair_rows(even + i, 2 * row + 1 < k ? odd + i : NULL, mask, one);
            _mm512_mask_storeu_epi32(x + row * stride + i, mask, both);
        }
    }
    return (OperandA){x, MR, stride, false};
}

/* Whether gemm may read rows of A where they are. */
enum { READS_A_IN_PLACE = false };

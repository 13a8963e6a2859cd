/* vmath.h - exp, tanh, erf, sigmoid and sums of products that vectorize, with one code path for
 * every element.
 *
 * One idea: branch-free float arithmetic, which the compiler vectorizes by itself. The vector body
 * and the scalar tail of a loop give the same bits on any CPU with FMA; those of libmvec differ. A
 * double build uses the C library, since its speed does not matter.
 * exp and tanh use expm1(r) = r + r^2 q(r) for |r| <= ln(2)/2, where q is a least-squares fit of
 * degree 5 made for this file, with a relative error of 2.4e-10, far below half an ulp of float.
 * erf(x) is x + x q(x^2) up to |x| = 0.94, then 1 - exp(-|x| - |x| q(|x|)): minimax fits of degree 6
 * and 5 made for this file, with relative errors of erf of 5.3e-10 and 3.1e-9.
 * Largest error over all floats: exp 0.99 ulp; tanh 1.86 ulp; erf 1.06 ulp; sigmoid 2.49 ulp above
 * x = -87 and 1e-7 absolute below. tests/unit/test_vmath.c samples them. NaN, infinities and denormals are
 * handled. Private to ops/cpu/ and norm/. */
#ifndef OPS_CPU_VMATH_H
#define OPS_CPU_VMATH_H

#include "base/base.h"

#include <math.h>
#include <string.h>

/* a*b + c, rounded once. Elementwise loops say so, because the compiler may choose otherwise in the
 * vectors than in their scalar tail, whose place depends on the number of threads: gcc 15 fuses the
 * other product of a*b + c*d, clang 21 none if it can compute two products in one instruction. */
static inline real fused(real a, real b, real c) {
#ifdef REAL_DOUBLE
    return __builtin_fma(a, b, c);
#else
    return __builtin_fmaf(a, b, c);
#endif
}

#ifdef REAL_DOUBLE

static inline double real_exp(double x) {
    return exp(x);
}
static inline double real_tanh(double x) {
    return tanh(x);
}
static inline double real_erf(double x) {
    return erf(x);
}

#else

static inline float float_of_bits(uint32_t bits) {
    float x;
    memcpy(&x, &bits, sizeof x);
    return x;
}
static inline uint32_t bits_of_float(float x) {
    uint32_t bits;
    memcpy(&bits, &x, sizeof bits);
    return bits;
}

/* x = n ln2 + r with |r| <= ln2/2: returns expm1(r), stores n. Adding 1.5*2^23 rounds to an integer
 * in the low bits of the mantissa, so a NaN is never converted to an integer. */
static inline float expm1_reduced(float x, int32_t *n) {
    const float log2e = 0x1.715476p+0f, ln2_high = 0x1.62e4p-1f, ln2_low = 0x1.7f7d1cp-20f;
    const float round_to_int = 0x1.8p23f;
    float shifted = fused(x, log2e, round_to_int);
    *n = (int32_t)(bits_of_float(shifted) - bits_of_float(round_to_int));
    float whole = shifted - round_to_int;
    float r = fused(-whole, ln2_low, fused(-whole, ln2_high, x));
    float q = 1.99141675e-4f;
    q = fused(q, r, 1.39410515e-3f);
    q = fused(q, r, 8.33327306e-3f);
    q = fused(q, r, 4.16663541e-2f);
    q = fused(q, r, 1.66666668e-1f);
    q = fused(q, r, 5.00000005e-1f);
    return fused(r * r, q, r);
}

static inline float power_of_two(int32_t n) { /* -126 <= n <= 127 */
    return float_of_bits((uint32_t)(n + 127) << 23);
}

static inline float real_exp(float x) {
    float clamped = x > 89.0f ? 89.0f : x; /* false for NaN, which passes through */
    clamped = clamped < -104.0f ? -104.0f : clamped;
    int32_t n;
    float mantissa = 1.0f + expm1_reduced(clamped, &n);
    int32_t half = n >> 1; /* two factors: one power of two cannot express denormals and 2^128 */
    return mantissa * power_of_two(half) * power_of_two(n - half);
}

static inline float real_tanh(float x) {
    float a = fabsf(x);
    a = a > 10.0f ? 10.0f : a;
    int32_t n;
    float m = expm1_reduced(2.0f * a, &n), two_n = power_of_two(n & 63);
    float e = fused(two_n, m, two_n - 1.0f), t = e / (e + 2.0f); /* e = expm1(2a) */
    float half = 0.5f * e;
    t = a < 0.35f ? fused(-half, t, half) : t; /* equal to t, but rounds less for small t */
    return copysignf(t, x);
}

static inline float real_erf(float x) {
    float a = fabsf(x);
    a = a > 4.0f ? 4.0f : a; /* erf(4) rounds to 1; NaN passes through */
    float square = a * a;
    float p = 8.25115567e-5f;
    p = fused(p, square, -8.11409205e-4f);
    p = fused(p, square, 5.19846752e-3f);
    p = fused(p, square, -2.68583465e-2f);
    p = fused(p, square, 1.12836763e-1f);
    p = fused(p, square, -3.76126319e-1f);
    p = fused(p, square, 1.28379166e-1f);
    float q = -2.14595886e-4f;
    q = fused(q, a, 3.21998214e-3f);
    q = fused(q, a, -2.29060501e-2f);
    q = fused(q, a, 1.05286881e-1f);
    q = fused(q, a, 6.35699332e-1f);
    q = fused(q, a, 1.28519952e-1f);
    float tail = 1.0f - real_exp(-fused(q, a, a)), center = fused(p, a, a);
    return copysignf(a > 0.94f ? tail : center, x);
}

#endif

static inline real real_sigmoid(real x) {
    return 1 / (1 + real_exp(-x));
}

#endif

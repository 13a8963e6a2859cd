/* half.h - numbers rounded to half precision, kept as real.
 *
 * One idea: a rounding function without branches, so that loops over it vectorize and every
 * processor computes the same bits. Ties go to the even number. A NaN stays a NaN.
 * A double is first rounded to float, as PyTorch does. Private to ops/cpu/. */
#ifndef OPS_CPU_HALF_H
#define OPS_CPU_HALF_H

#include "base/base.h"

#include <math.h>
#include <string.h>

/* bfloat16: the upper 16 bits of a float. A denormal float becomes 0, as in the instructions of
 * AVX-512 (vcvtneps2bf16), so that all engines agree. */
static inline real bfloat16_round(real value) {
    const uint32_t sign = 0x80000000u, infinity = 0x7f800000u, quiet = 0x00400000u;
    const float x = (float)value;
    uint32_t bits, rounded;
    float result;
    memcpy(&bits, &x, sizeof bits);
    rounded = bits + 0x7fffu + (bits >> 16 & 1u);
    rounded = (bits & ~sign) > infinity ? bits | quiet : rounded;
    rounded = (bits & infinity) == 0 ? bits & sign : rounded;
    rounded &= 0xffff0000u;
    memcpy(&result, &rounded, sizeof result);
    return (real)result;
}

/* float16 (IEEE 754 binary16). Below 2^-14 its numbers are multiples of 2^-24, as floats between 0.5
 * and 1 are. */
static inline real float16_round(real value) {
    const uint32_t sign = 0x80000000u, infinity = 0x7f800000u, quiet = 0x00400000u;
    const float x = (float)value, magnitude = fabsf(x);
    uint32_t bits, rounded;
    float normal, denormal = (magnitude + 0.5f) - 0.5f;
    memcpy(&bits, &x, sizeof bits);
    rounded = (bits & ~sign) + 0xfffu + (bits >> 13 & 1u);
    rounded &= 0xffffe000u;
    memcpy(&normal, &rounded, sizeof normal);
    normal = normal > 65504.0f ? INFINITY : normal;
    float result = magnitude < 0x1p-14f ? denormal : normal;
    memcpy(&rounded, &result, sizeof rounded);
    rounded = (bits & ~sign) > infinity ? bits | quiet : rounded | (bits & sign);
    memcpy(&result, &rounded, sizeof result);
    return (real)result;
}

#endif

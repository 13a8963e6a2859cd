/* dequant.c - see dequant.h. Layouts: the file format of ggml, as the Python package `gguf` 0.19 documents it.
 *
 * d and m below are the scale and the minimum of a block, stored as float16, q an integer of a few bits. Nibbles:
 * the low halves of a run of bytes are its first numbers, the high halves the numbers after these. */
#include "run/models/dequant.h"

#include <string.h>

_Static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__, "files of weights are little-endian");

enum { SMALL = 32, LARGE = 256 }; /* numbers of a block */

static float float_of(uint32_t bits) {
    float value;
    memcpy(&value, &bits, sizeof value);
    return value;
}

static uint32_t word_at(const unsigned char *bytes) {
    uint32_t word;
    memcpy(&word, bytes, sizeof word);
    return word;
}

/* An IEEE 754 binary16 number. Denormal ones are multiples of 2^-24. */
static float half_at(const unsigned char *bytes) {
    const uint32_t half = (uint32_t)bytes[0] | (uint32_t)bytes[1] << 8;
    const uint32_t sign = (half & 0x8000u) << 16, exponent = half >> 10 & 31u,
                   digits = half & 1023u;
    if (exponent == 0) return (sign ? -1.0f : 1.0f) * (float)digits * 0x1p-24f;
    return float_of(sign | (exponent == 31 ? 255u : exponent + 112u) << 23 | digits << 13);
}

/* --- numbers on their own --- */

static void decode_f32(real *out, const unsigned char *bytes, size_t blocks) {
    for (size_t i = 0; i < blocks; i++) out[i] = (real)float_of(word_at(bytes + 4 * i));
}

static void decode_f16(real *out, const unsigned char *bytes, size_t blocks) {
    for (size_t i = 0; i < blocks; i++) out[i] = (real)half_at(bytes + 2 * i);
}

static void decode_bf16(real *out, const unsigned char *bytes, size_t blocks) {
    for (size_t i = 0; i < blocks; i++)
        out[i] = (real)float_of((uint32_t)bytes[2 * i] << 16 | (uint32_t)bytes[2 * i + 1] << 24);
}

/* --- blocks of 32 --- */

/* d, 32 signed bytes: x = d q. */
static void decode_q8_0(real *out, const unsigned char *bytes, size_t blocks) {
    for (; blocks; blocks--, out += SMALL, bytes += 2 + SMALL) {
        const float d = half_at(bytes);
        for (size_t i = 0; i < SMALL; i++) out[i] = (real)(d * (float)(int8_t)bytes[2 + i]);
    }
}

/* x = d q + m of 32 nibbles; bit i of `fifth` is the fifth bit of q_i. q has `offset` subtracted. */
static void nibbles(real *out, const unsigned char *low, uint32_t fifth, int offset, float d,
                    float m) {
    for (size_t i = 0; i < SMALL; i++) {
        const unsigned char byte = low[i % 16];
        const int q = (int)((i < 16 ? byte & 15u : byte >> 4) | (fifth >> i & 1u) << 4);
        out[i] = (real)(d * (float)(q - offset) + m);
    }
}

/* d, 16 bytes of nibbles: x = d (q - 8). Adding -0 changes no number, not even the sign of a zero. */
static void decode_q4_0(real *out, const unsigned char *bytes, size_t blocks) {
    for (; blocks; blocks--, out += SMALL, bytes += 18)
        nibbles(out, bytes + 2, 0, 8, half_at(bytes), -0.0f);
}

/* d, m, 16 bytes of nibbles: x = d q + m. */
static void decode_q4_1(real *out, const unsigned char *bytes, size_t blocks) {
    for (; blocks; blocks--, out += SMALL, bytes += 20)
        nibbles(out, bytes + 4, 0, 0, half_at(bytes), half_at(bytes + 2));
}

/* d, 32 fifth bits, 16 bytes of nibbles: x = d (q - 16). */
static void decode_q5_0(real *out, const unsigned char *bytes, size_t blocks) {
    for (; blocks; blocks--, out += SMALL, bytes += 22)
        nibbles(out, bytes + 6, word_at(bytes + 2), 16, half_at(bytes), -0.0f);
}

/* d, m, 32 fifth bits, 16 bytes of nibbles: x = d q + m. */
static void decode_q5_1(real *out, const unsigned char *bytes, size_t blocks) {
    for (; blocks; blocks--, out += SMALL, bytes += 24)
        nibbles(out, bytes + 8, word_at(bytes + 4), 0, half_at(bytes), half_at(bytes + 2));
}

/* --- blocks of 256 --- */

/* The 12 bytes hold eight scales and eight minima of 6 bits. Those of parts 0 to 3 are the low bits of bytes 0 to 3
 * (scales) and 4 to 7 (minima). Of parts 4 to 7, bytes 8 to 11 hold the low four bits, scales in the low nibble, and
 * the free upper bits of bytes 0 to 7 hold the other two. */
static void scale_and_minimum(const unsigned char *bytes, size_t part, unsigned *scale,
                              unsigned *minimum) {
    if (part < 4) {
        *scale = bytes[part] & 63u;
        *minimum = bytes[part + 4] & 63u;
    } else {
        *scale = (bytes[part + 4] & 15u) | (unsigned)(bytes[part - 4] >> 6) << 4;
        *minimum = (unsigned)(bytes[part + 4] >> 4) | (unsigned)(bytes[part] >> 6) << 4;
    }
}

/* Eight parts of 32 numbers, x = d scale q - m minimum. Two parts share 32 bytes of nibbles. `fifth` is NULL, or
 * 32 bytes: bit `part` of byte i is the fifth bit of number i of the part. */
static void eight_parts(real *out, const unsigned char *bytes, const unsigned char *fifth,
                        const unsigned char *low) {
    const float d = half_at(bytes), m = half_at(bytes + 2);
    for (size_t part = 0; part < 8; part++, out += SMALL) {
        unsigned scale, minimum;
        scale_and_minimum(bytes + 4, part, &scale, &minimum);
        const float step = d * (float)scale, least = m * (float)minimum;
        for (size_t i = 0; i < SMALL; i++) {
            unsigned q = part % 2 ? (unsigned)(low[i] >> 4) : low[i] & 15u;
            if (fifth) q |= (fifth[i] >> part & 1u) << 4;
            out[i] = (real)(step * (float)q - least);
        }
        if (part % 2) low += SMALL;
    }
}

/* d, m, 12 bytes of scales and minima, 128 bytes of nibbles. */
static void decode_q4_k(real *out, const unsigned char *bytes, size_t blocks) {
    for (; blocks; blocks--, out += LARGE, bytes += 144) eight_parts(out, bytes, NULL, bytes + 16);
}

/* d, m, 12 bytes of scales and minima, 32 bytes of fifth bits, 128 bytes of nibbles. */
static void decode_q5_k(real *out, const unsigned char *bytes, size_t blocks) {
    for (; blocks; blocks--, out += LARGE, bytes += 176)
        eight_parts(out, bytes, bytes + 16, bytes + 48);
}

/* 128 bytes of nibbles, 64 bytes of upper bits in pairs, 16 signed scales (of 16 numbers each), d:
 * x = d scale (q - 32). A half of 128 numbers has 64 bytes of nibbles and 32 of pairs: pair k of byte i belongs to
 * number 32 k + i. */
static void decode_q6_k(real *out, const unsigned char *bytes, size_t blocks) {
    for (; blocks; blocks--, out += LARGE, bytes += 210) {
        const float d = half_at(bytes + 208);
        for (size_t i = 0; i < LARGE; i++) {
            const size_t half = i / 128, within = i % 128;
            const unsigned low = (unsigned)bytes[64 * half + within % 64] >> (within < 64 ? 0 : 4);
            const unsigned high = (unsigned)bytes[128 + 32 * half + within % 32] >> within / 32 * 2;
            const int q = (int)((low & 15u) | (high & 3u) << 4) - 32;
            const float step = d * (float)(int8_t)bytes[192 + i / 16];
            out[i] = (real)(step * (float)q);
        }
    }
}

/* --- the table --- */

static const WeightKind KINDS[WEIGHT_TYPES] = {
    [WEIGHT_F32] = {"F32", 1, 4, decode_f32},
    [WEIGHT_F16] = {"F16", 1, 2, decode_f16},
    [WEIGHT_BF16] = {"BF16", 1, 2, decode_bf16},
    [WEIGHT_Q8_0] = {"Q8_0", SMALL, 34, decode_q8_0},
    [WEIGHT_Q4_0] = {"Q4_0", SMALL, 18, decode_q4_0},
    [WEIGHT_Q4_1] = {"Q4_1", SMALL, 20, decode_q4_1},
    [WEIGHT_Q5_0] = {"Q5_0", SMALL, 22, decode_q5_0},
    [WEIGHT_Q5_1] = {"Q5_1", SMALL, 24, decode_q5_1},
    [WEIGHT_Q4_K] = {"Q4_K", LARGE, 144, decode_q4_k},
    [WEIGHT_Q5_K] = {"Q5_K", LARGE, 176, decode_q5_k},
    [WEIGHT_Q6_K] = {"Q6_K", LARGE, 210, decode_q6_k},
};

const WeightKind *weight_kind(WeightType type) {
    return &KINDS[type];
}

WeightType weight_type(const char *name) {
    size_t type = 0;
    while (type < WEIGHT_TYPES && strcmp(KINDS[type].name, name) != 0) type++;
    return (WeightType)type;
}

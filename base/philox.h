/* philox.h - a counter-based random number generator, without state.
 *
 * One idea: a random number is a pure function of (seed, stream, counter). There is no generator
 * state to save, nothing depends on the number of threads, and any step can be replayed alone.
 * Source: Salmon, Moraes, Dror, Shaw, "Parallel random numbers: as easy as 1, 2, 3", SC'11:
 * Philox4x32 with 10 rounds, tested against the published known answers (tests/unit/test_base.c).
 * Read next: ops/ops.h. */
#ifndef BASE_PHILOX_H
#define BASE_PHILOX_H

#include <stdint.h>

/* Every use of randomness has a stream of its own, the second word of the key. */
typedef enum {
    STREAM_INIT = 0,
    STREAM_DATA = 1,
    STREAM_DROPOUT = 2,
    STREAM_SAMPLE = 3,
    STREAM_VALIDATION = 4, /* generated validation sequences; the seed is always 0 */
} Stream;

typedef struct {
    uint32_t word[4];
} Philox;

/* Four words for counter (c0, c1, c2, c3) under key (seed, stream). */
static inline Philox philox(uint32_t seed, uint32_t stream, uint32_t c0, uint32_t c1, uint32_t c2,
                            uint32_t c3) {
    uint32_t k0 = seed, k1 = stream;
    for (int round = 0; round < 10; round++) {
        uint64_t p0 = (uint64_t)0xD2511F53u * c0, p1 = (uint64_t)0xCD9E8D57u * c2;
        uint32_t n0 = (uint32_t)(p1 >> 32) ^ c1 ^ k0, n2 = (uint32_t)(p0 >> 32) ^ c3 ^ k1;
        c1 = (uint32_t)p1;
        c3 = (uint32_t)p0;
        c0 = n0;
        c2 = n2;
        k0 += 0x9E3779B9u;
        k1 += 0xBB67AE85u;
    }
    return (Philox){{c0, c1, c2, c3}};
}

/* The first two words as one 64-bit integer, low word first. */
static inline uint64_t philox_u64(Philox r) {
    return (uint64_t)r.word[0] | (uint64_t)r.word[1] << 32;
}

#endif

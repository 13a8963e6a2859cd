/* dequant.h - how files store the numbers of a tensor: floating-point types and quantized blocks.
 *
 * One idea: a table of types. A tensor is a sequence of blocks of `elements` numbers in `bytes` bytes, and each
 * type has a function that decodes blocks. F32, F16 and BF16 have blocks of one number. The quantized types are
 * those of GGUF: a block shares a scale (and a minimum), and each number has 4 to 8 bits.
 * Decoding gives exactly the values that the Python package `gguf` gives in float32: d times an integer needs
 * at most 24 bits, so no product is rounded and fused multiply-add changes nothing.
 * Nothing here owns memory. Read next: dequant.c, then weights.h. */
#ifndef RUN_MODELS_DEQUANT_H
#define RUN_MODELS_DEQUANT_H

#include "base/base.h"

typedef enum {
    WEIGHT_F32,
    WEIGHT_F16,
    WEIGHT_BF16,
    WEIGHT_Q8_0,
    WEIGHT_Q4_0,
    WEIGHT_Q4_1,
    WEIGHT_Q5_0,
    WEIGHT_Q5_1,
    WEIGHT_Q4_K,
    WEIGHT_Q5_K,
    WEIGHT_Q6_K,
    WEIGHT_TYPES,
} WeightType;

typedef struct {
    const char *name;
    size_t elements, bytes; /* of a block */
    /* Decodes `blocks` blocks at any address into blocks * elements numbers. */
    void (*decode)(real *out, const unsigned char *bytes, size_t blocks);
} WeightKind;

/* The row of the table for a type below WEIGHT_TYPES. */
const WeightKind *weight_kind(WeightType type);
/* The type of this name ("F32", "Q4_K"); WEIGHT_TYPES if there is none. */
WeightType weight_type(const char *name);

#endif

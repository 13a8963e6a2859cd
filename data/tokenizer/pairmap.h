/* pairmap.h - a table from pairs of tokens to integers.
 *
 * One idea: the merges of a vocabulary are looked up for every two neighbours of every new piece. Open
 * addressing with the pair as one number of 64 bits.
 * A PairMap owns its slots. One that is {0} is empty; entries are never removed.
 * Read next: tokenizer.h. */
#ifndef DATA_TOKENIZER_PAIRMAP_H
#define DATA_TOKENIZER_PAIRMAP_H

#include "base/base.h"

typedef struct {
    uint64_t pair; /* a << 32 | b */
    int64_t value;
    bool used;
} PairSlot;

typedef struct {
    PairSlot *slots; /* (size), a power of two, at most half of them used */
    size_t size, count;
} PairMap;

/* The value of (a, b); NULL if it has none. The pointer is valid until the next pairmap_put. */
int64_t *pairmap_find(const PairMap *map, int a, int b);
/* The value of (a, b), which is added with 0 if it has none. */
int64_t *pairmap_put(PairMap *map, int a, int b);
void pairmap_free(PairMap *map);

#endif

/* bytemap.h - a table from byte strings to integers.
 *
 * One idea: open addressing over one block of bytes. Vocabularies, the cache of encoded pieces and the
 * counts of training have hundreds of thousands of short keys, for which one allocation each would cost
 * more than the search.
 * A ByteMap owns copies of its keys. One that is {0} is empty.
 * Read next: pairmap.h, then tokenizer.h. */
#ifndef DATA_TOKENIZER_BYTEMAP_H
#define DATA_TOKENIZER_BYTEMAP_H

#include "base/base.h"

typedef struct {
    uint64_t hash;
    size_t offset; /* of the key in `bytes` */
    size_t length;
    int64_t value;
    bool used;
} ByteSlot;

typedef struct {
    char *bytes;     /* the keys (stb_ds array) */
    ByteSlot *slots; /* (size), a power of two, at most half of them used */
    size_t size, count;
} ByteMap;

/* The value of a key; NULL if it has none. The pointer is valid until the next bytemap_put. */
int64_t *bytemap_find(const ByteMap *map, const char *key, size_t length);
/* The value of a key, which is added with `value` if it has none. */
int64_t *bytemap_put(ByteMap *map, const char *key, size_t length, int64_t value);
void bytemap_free(ByteMap *map);

#endif

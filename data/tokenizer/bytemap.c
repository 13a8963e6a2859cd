/* bytemap.c - see bytemap.h. */
#include "data/tokenizer/bytemap.h"

#include "base/stb_ds.h"

#include <string.h>

enum { SIZE_MIN = 64 };

/* The slot of a key, or the free one where it belongs. The table has slots. */
static ByteSlot *slot_of(const ByteMap *map, const char *key, size_t length, uint64_t hash) {
    for (size_t i = hash & (map->size - 1);; i = (i + 1) & (map->size - 1)) {
        ByteSlot *slot = &map->slots[i];
        if (!slot->used) return slot;
        if (slot->hash == hash && slot->length == length &&
            memcmp(map->bytes + slot->offset, key, length) == 0)
            return slot;
    }
}

/* The low bits of FNV-1a depend on few bits of the last bytes. */
static uint64_t hash_of(const char *key, size_t length) {
    uint64_t hash = hash_bytes(HASH_START, key, length);
    return hash ^ hash >> 32;
}

int64_t *bytemap_find(const ByteMap *map, const char *key, size_t length) {
    if (!map->size) return NULL;
    ByteSlot *slot = slot_of(map, key, length, hash_of(key, length));
    return slot->used ? &slot->value : NULL;
}

static void grow(ByteMap *map) {
    ByteMap old = *map;
    map->size = old.size ? 2 * old.size : SIZE_MIN;
    map->slots = mem_alloc(size_mul(map->size, sizeof *map->slots));
    for (size_t i = 0; i < old.size; i++) {
        const ByteSlot *from = &old.slots[i];
        size_t at = from->hash & (map->size - 1);
        if (!from->used) continue;
        while (map->slots[at].used) at = (at + 1) & (map->size - 1);
        map->slots[at] = *from;
    }
    mem_free(old.slots);
}

int64_t *bytemap_put(ByteMap *map, const char *key, size_t length, int64_t value) {
    const uint64_t hash = hash_of(key, length);
    if (2 * map->count >= map->size) grow(map);
    ByteSlot *slot = slot_of(map, key, length, hash);
    if (slot->used) return &slot->value;
    *slot = (ByteSlot){hash, arrlenu(map->bytes), length, value, true};
    if (length) memcpy(arraddnptr(map->bytes, length), key, length);
    map->count++;
    return &slot->value;
}

void bytemap_free(ByteMap *map) {
    arrfree(map->bytes);
    mem_free(map->slots);
    *map = (ByteMap){0};
}

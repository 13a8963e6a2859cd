/* pairmap.c - see pairmap.h. */
#include "data/tokenizer/pairmap.h"

enum { SIZE_MIN = 64 };

static uint64_t pair_of(int a, int b) {
    return (uint64_t)(uint32_t)a << 32 | (uint32_t)b;
}

/* The slot of a pair, or the free one where it belongs. */
static PairSlot *slot_of(const PairMap *map, uint64_t pair) {
    uint64_t hash = pair * 0x9E3779B97F4A7C15ULL;
    for (size_t i = (hash >> 32) & (map->size - 1);; i = (i + 1) & (map->size - 1)) {
        PairSlot *slot = &map->slots[i];
        if (!slot->used || slot->pair == pair) return slot;
    }
}

int64_t *pairmap_find(const PairMap *map, int a, int b) {
    if (!map->size) return NULL;
    PairSlot *slot = slot_of(map, pair_of(a, b));
    return slot->used ? &slot->value : NULL;
}

static void grow(PairMap *map) {
    PairMap old = *map;
    map->size = old.size ? 2 * old.size : SIZE_MIN;
    map->slots = mem_alloc(size_mul(map->size, sizeof *map->slots));
    for (size_t i = 0; i < old.size; i++) {
        if (old.slots[i].used) *slot_of(map, old.slots[i].pair) = old.slots[i];
    }
    mem_free(old.slots);
}

int64_t *pairmap_put(PairMap *map, int a, int b) {
    if (2 * map->count >= map->size) grow(map);
    PairSlot *slot = slot_of(map, pair_of(a, b));
    if (slot->used) return &slot->value;
    *slot = (PairSlot){pair_of(a, b), 0, true};
    map->count++;
    return &slot->value;
}

void pairmap_free(PairMap *map) {
    mem_free(map->slots);
    *map = (PairMap){0};
}

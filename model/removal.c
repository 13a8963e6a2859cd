/* removal.c - see removal.h. */
#include "model/removal.h"

#include "base/words.h"
#include "norm/norm.h"

#include <stdio.h>
#include <string.h>

static const char *const PLACE_NAMES[NORM_PLACES] = {
    [NORM_PLACE_MLP] = "mlp", [NORM_PLACE_ATTN] = "attn",   [NORM_PLACE_QKV] = "qkv",
    [NORM_PLACE_EMB] = "emb", [NORM_PLACE_FINAL] = "final",
};

const char *norm_place_name(int i) {
    return NAME_AT(PLACE_NAMES, i);
}

bool removal_check(const NormRemoval *removal, char *error, size_t size) {
    bool listed[NORM_PLACES] = {false};
    char name[64];
    for (const char *order = removal->order; word_next(&order, name, sizeof name);) {
        int place = name_index(norm_place_name, name);
        if (place < 0) {
            const char *near = name_near(norm_place_name, name);
            snprintf(error, size,
                     "norm_removal.order: \"%s\" is not a place of norms (mlp, attn, qkv, emb, "
                     "final)%s%s%s",
                     name, near ? "; did you mean \"" : "", near ? near : "", near ? "\"?" : "");
            return false;
        }
        if (listed[place]) {
            snprintf(error, size, "norm_removal.order: \"%s\" is listed twice", name);
            return false;
        }
        listed[place] = true;
    }
    return true;
}

static bool sublayer_has_norms(const SublayerWiring *sublayer) {
    bool found = false;
    for (int slot = 0; slot < SLOTS; slot++) found |= sublayer->slot[slot] == SLOT_NORM;
    return found;
}

/* Whether the model has norms at a place, in block l where the place is within a block. */
static bool place_has_norms(const Wiring *wiring, NormPlace place, size_t l) {
    switch (place) {
    case NORM_PLACE_MLP:
        return sublayer_has_norms(&wiring->block[l].mlp);
    case NORM_PLACE_ATTN:
        return sublayer_has_norms(&wiring->block[l].attn);
    case NORM_PLACE_QKV:
        return wiring->block[l].qkv != QKV_PLAIN;
    case NORM_PLACE_EMB:
        return wiring->embed_norm;
    case NORM_PLACE_FINAL:
        return wiring->final_norm;
    case NORM_PLACES:
        break;
    }
    return false;
}

static bool place_is_in_blocks(NormPlace place) {
    return place == NORM_PLACE_MLP || place == NORM_PLACE_ATTN || place == NORM_PLACE_QKV;
}

/* Counts the groups before that of `place` and `block`. Where there is no such group it counts all
 * of them and returns false. */
static bool groups_before(const ModelOptions *options, const Wiring *wiring, NormPlace place,
                          size_t block, size_t *count) {
    char name[64];
    *count = 0;
    if (!options->removal.start || !norm_kind(options->norm)->n_stats) return false;
    for (const char *order = options->removal.order; word_next(&order, name, sizeof name);) {
        NormPlace here = (NormPlace)name_index(norm_place_name, name);
        for (size_t l = 0; l < (place_is_in_blocks(here) ? wiring->L : 1); l++) {
            if (!place_has_norms(wiring, here, l)) continue;
            if (here == place && l == block) return true;
            ++*count;
        }
    }
    return false;
}

size_t removal_groups(const ModelOptions *options, const Wiring *wiring) {
    size_t count;
    groups_before(options, wiring, NORM_PLACES, 0, &count);
    return count;
}

size_t removal_group(const ModelOptions *options, const Wiring *wiring, NormPlace place,
                     size_t block) {
    size_t count;
    return groups_before(options, wiring, place, block, &count) ? count : SIZE_MAX;
}

size_t removal_after(const NormRemoval *removal, size_t group) {
    if (!removal->start || group == SIZE_MAX) return SIZE_MAX;
    return removal->start + group * removal->interval;
}

/* removal.c - see removal.h. */
#include "model/removal.h"

#include "base/words.h"
#include "norm/norm.h"

#include <stdio.h>
#include <string.h>

typedef enum { PLACE_MLP, PLACE_ATTN, PLACE_QKV, PLACE_EMB, PLACE_FINAL, PLACES } Place;

static const char *const PLACE_NAMES[PLACES] = {
    [PLACE_MLP] = "mlp", [PLACE_ATTN] = "attn",   [PLACE_QKV] = "qkv",
    [PLACE_EMB] = "emb", [PLACE_FINAL] = "final",
};

const char *removal_place_name(int i) {
    return NAME_AT(PLACE_NAMES, i);
}

/* Copies the next word at `*at` and steps over it; false where none is left. */
static bool next_word(const char **at, char *word, size_t size) {
    *at += strspn(*at, " ");
    size_t length = strcspn(*at, " ");
    snprintf(word, size, "%.*s", (int)length, *at);
    *at += length;
    return length > 0;
}

bool removal_check(const NormRemoval *removal, char *error, size_t size) {
    bool seen[PLACES] = {false};
    char word[64];
    for (const char *at = removal->order; next_word(&at, word, sizeof word);) {
        int place = name_index(removal_place_name, word);
        if (place < 0) {
            const char *near = name_near(removal_place_name, word);
            snprintf(error, size,
                     "norm_removal.order: \"%s\" is not a place of norms (mlp, attn, qkv, emb, "
                     "final)%s%s%s",
                     word, near ? "; did you mean \"" : "", near ? near : "", near ? "\"?" : "");
            return false;
        }
        if (seen[place]) {
            snprintf(error, size,
                     "norm_removal.order: \"%s\" stands there twice; its norms leave once", word);
            return false;
        }
        seen[place] = true;
    }
    return true;
}

static bool sublayer_has_norms(const SublayerWiring *sublayer) {
    bool found = false;
    for (int slot = 0; slot < SLOTS; slot++) found |= sublayer->slot[slot] == SLOT_NORM;
    return found;
}

/* Whether the net has norms at a place, of block l where it is one of a block. */
static bool place_has_norms(const Wiring *wiring, Place place, size_t l) {
    switch (place) {
    case PLACE_MLP:
        return sublayer_has_norms(&wiring->block[l].mlp);
    case PLACE_ATTN:
        return sublayer_has_norms(&wiring->block[l].attn);
    case PLACE_QKV:
        return wiring->block[l].qkv != QKV_PLAIN;
    case PLACE_EMB:
        return wiring->embed_norm;
    case PLACE_FINAL:
        return wiring->final_norm;
    case PLACES:
        break;
    }
    return false;
}

static bool place_is_of_block(Place place) {
    return place == PLACE_MLP || place == PLACE_ATTN || place == PLACE_QKV;
}

/* Groups before that of `place` and `block`; all, and false, where it never comes. */
static bool groups_before(const ModelOptions *options, const Wiring *wiring, Place place,
                          size_t block, size_t *count) {
    char word[64];
    *count = 0;
    if (!options->removal.start || !norm_kind(options->norm)->n_stats) return false;
    for (const char *at = options->removal.order; next_word(&at, word, sizeof word);) {
        Place here = (Place)name_index(removal_place_name, word);
        for (size_t l = 0; l < (place_is_of_block(here) ? wiring->L : 1); l++) {
            if (!place_has_norms(wiring, here, l)) continue;
            if (here == place && l == block) return true;
            ++*count;
        }
    }
    return false;
}

size_t removal_groups(const ModelOptions *options, const Wiring *wiring) {
    size_t count;
    groups_before(options, wiring, PLACES, 0, &count);
    return count;
}

/* The place of a norm by its name, as plan_norm has it, and its block. */
static Place place_of(const char *norm, size_t *block) {
    char sublayer[8], slot[8];
    *block = 0;
    if (strcmp(norm, "emb_norm") == 0) return PLACE_EMB;
    if (sscanf(norm, "blocks.%zu.%7[a-z].norm_%7s", block, sublayer, slot) != 3) return PLACE_FINAL;
    if (name_index(slot_name, slot) < 0) return PLACE_QKV;
    return strcmp(sublayer, "mlp") == 0 ? PLACE_MLP : PLACE_ATTN;
}

size_t removal_group(const ModelOptions *options, const Wiring *wiring, const char *norm) {
    size_t block, count;
    Place place = place_of(norm, &block);
    return groups_before(options, wiring, place, block, &count) ? count : SIZE_MAX;
}

size_t removal_after(const NormRemoval *removal, size_t group) {
    if (!removal->start || group == SIZE_MAX) return SIZE_MAX;
    return removal->start + group * removal->interval;
}

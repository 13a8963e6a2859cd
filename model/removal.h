/* removal.h - which norms a training run removes, and after which step.
 *
 * One idea: norms are removed in groups. A group is all norms of one place and one block. Groups
 * follow the order of norm_removal.order, and within a place the blocks from the first to the last.
 * Group g (from 0, counting only the groups that the model has) is frozen once start + g * interval
 * steps are taken: from then on its norms divide by constants. That is a function of the config
 * alone, so a checkpoint has to store nothing but the constants.
 * Nothing here owns memory. Read next: ../norm/frozen.h, plan.h. */
#ifndef MODEL_REMOVAL_H
#define MODEL_REMOVAL_H

#include "model/wiring.h"

/* Where a norm is, in the terms of norm_removal.order. The first three exist in every block. */
typedef enum {
    NORM_PLACE_MLP,
    NORM_PLACE_ATTN,
    NORM_PLACE_QKV,
    NORM_PLACE_EMB,
    NORM_PLACE_FINAL,
    NORM_PLACES
} NormPlace;
const char *norm_place_name(int i); /* mlp attn qkv emb final; NULL past the end */

/* Whether norm_removal.order lists known places, each at most once; otherwise false with one
 * sentence. */
bool removal_check(const NormRemoval *removal, char *error, size_t size);

/* The number of groups that the model has; 0 where removal is off. */
size_t removal_groups(const ModelOptions *options, const Wiring *wiring);
/* The group of the norms at `place`, in `block` (from 0; 0 outside of blocks). SIZE_MAX where they
 * are never removed. */
size_t removal_group(const ModelOptions *options, const Wiring *wiring, NormPlace place,
                     size_t block);
/* The number of steps after which a group is frozen; SIZE_MAX = never. */
size_t removal_after(const NormRemoval *removal, size_t group);

#endif

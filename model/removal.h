/* removal.h - which norms a training run takes out of its net, and after which update.
 *
 * One idea: norms leave in groups - those of one place and block together - in the order that
 * norm_removal.order lists the places, and when a group leaves is a function of the config alone:
 * group g (0-based, of those that the net has) is divided by constants once
 * start + g * interval updates are taken. So nothing has to be remembered but the constants.
 * Nothing here owns memory. Read next: ../norm/frozen.h, plan.h. */
#ifndef MODEL_REMOVAL_H
#define MODEL_REMOVAL_H

#include "model/wiring.h"

/* Places of norms, the words of norm_removal.order: mlp attn qkv emb final; NULL past the end. */
const char *removal_place_name(int i);

/* Whether norm_removal.order has these words and none of them twice; else one sentence. */
bool removal_check(const NormRemoval *removal, char *error, size_t size);

/* Groups that the net has; 0 where removal is off. */
size_t removal_groups(const ModelOptions *options, const Wiring *wiring);
/* The group of the norm of that name ("blocks.0.attn.norm_in"); SIZE_MAX where it stays. */
size_t removal_group(const ModelOptions *options, const Wiring *wiring, const char *norm);
/* Updates after which the norms of a group are out; SIZE_MAX for those that stay. */
size_t removal_after(const NormRemoval *removal, size_t group);

#endif

/* wiring_out.h - the resolved wiring of a model as JSON.
 *
 * One idea: slots and coefficients are printed after everything that decides them, so a reader needs
 * neither the table of topologies nor the rules of model.wire. --describe prints them, and the
 * config.json of an exported model has them. Nothing is owned. Read next: resolved.h. */
#ifndef RUN_LOG_WIRING_OUT_H
#define RUN_LOG_WIRING_OUT_H

#include "model/pass.h"
#include "model/wiring.h"
#include "run/io/json_out.h"

/* What a pass adds to the wiring: which slots gamma-warmup scales, and branch-warmup. */
typedef struct {
    unsigned warm_slots; /* bit 1 << Slot */
    BranchRamp ramp;
} WiringPass;

/* Members of an object: embed_norm, head, init and the list `blocks`. With `pass`, sublayers also have
 * the names of their scaled slots, `warm`, the factor of branch-warmup, and `ramp`, the factor of the coefficient
 * `branch`: that of branch-warmup and of model.scaling. `rotates`: model.position is rope, and blocks that
 * differ from it have `rope`, local or none; blocks with a window have `window`. */
void wiring_print_json(Json *json, const Wiring *wiring, bool rotates, const WiringPass *pass);

#endif

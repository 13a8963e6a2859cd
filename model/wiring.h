/* wiring.h - the slots and coefficients of every block of one model.
 *
 * One idea: topology, mixes, single overrides and switches are resolved once, here. What comes
 * after (sublayer.c, equations.c) reads a Wiring and knows no topology. The equations that the
 * coefficients belong to are in topologies.h. Branch-warmup multiplies `branch`, not `dual`; scaling both.
 * A Wiring owns its array of blocks. Read next: sublayer.h, then equations.h. */
#ifndef MODEL_WIRING_H
#define MODEL_WIRING_H

#include "model/scaling.h"
#include "model/topologies.h"

typedef struct {
    BlockWiring *block; /* (L) */
    size_t L;
    bool embed_norm;
    FinalKind final;
    bool final_norm; /* whether N in h is model.norm or the identity */
    InitRule init;   /* never INIT_AUTO */
    Scaling scaling; /* its factor of the branches is part of `block` */
} Wiring;

/* Fills `wiring` from model.topology, layers, wire, the three switches and the patterns of attention. On a mistake it returns
 * false with a sentence that names the key in `error`, and there is nothing to free. */
bool wiring_resolve(Wiring *wiring, const ModelOptions *options, char *error, size_t size);
/* The words that are values of model.wire: of a SlotKind (none norm scale), of a Read (stream block
 * shared), and all of them; NULL past the end. */
const char *wire_kind_name(int i);
const char *wire_read_name(int i);
const char *wire_word(int i);
/* Whether the key of an entry begins with blocks.N. */
bool wire_is_of_one_block(const WireEntry *entry);
void wiring_free(Wiring *wiring);

/* Whether every sublayer reads the stream, has the default coefficients and initial gains, and has
 * norms in exactly the slots of the bit mask `slots`: 1 << SLOT_POST is x = N(x + F(x)). */
bool wiring_is_plain(const Wiring *wiring, unsigned slots);

/* Whether the model has tensors of a kind. */
bool wiring_has_tensors(const Wiring *wiring, const ModelOptions *options, TensorKind kind);

/* Whether any block learns a coefficient; whether any block reads the first stream. */
bool wiring_learns(const Wiring *wiring, CoefficientName name);
bool wiring_reads_x0(const Wiring *wiring);

/* Whether any block normalizes its queries and keys. */
bool wiring_has_qkv_norms(const Wiring *wiring);

/* Whether any block rotates its queries and keys in this way. */
bool wiring_has_rope(const Wiring *wiring, RopeKind kind);

/* Whether gamma-warmup scales the gain of `slot`: it does where the bit mask `slots` has the slot,
 * except in the last norm before the head (mlp.norm_post of the last block, without a final norm).
 */
bool wiring_is_warm(const Wiring *wiring, unsigned slots, size_t block, bool mlp, Slot slot);

#endif

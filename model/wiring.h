/* wiring.h - which norms stand where, and with which coefficients the residual stream flows.
 *
 * One idea: a topology is a row of data. Every block of every topology is the same two sublayers
 *
 *     u = gain * N_in(r)          r = the stream x | the block's input | the block's first u
 *     b = f(u)                    f = attention | mlp
 *     o = N_out(b)
 *     s = skip * x + branch * o + block_skip * x_block
 *     y = N_post(s)               y is the next x
 *     d = d + dual * o            only where a second stream exists
 *
 * Branch-warmup, where it is on, multiplies `branch` and not `dual`.
 * Nothing outside wiring.c knows a topology's name. A Wiring owns its array of blocks.
 * Read next: the table in wiring.c, then equations.c. */
#ifndef MODEL_WIRING_H
#define MODEL_WIRING_H

#include "model/topologies.h"

typedef struct {
    BlockWiring *block; /* (L) */
    size_t L;
    bool embed_norm;
    FinalKind final;
    bool final_norm; /* whether N in h is model.norm or the identity */
    InitRule init;   /* never INIT_AUTO */
} Wiring;

/* Fills `wiring` from topology, layers, wire and the three switches. On a mistake returns false
 * with one sentence that names the key in `error`; then nothing is to be freed. */
bool wiring_resolve(Wiring *wiring, const ModelOptions *options, char *error, size_t size);
void wiring_free(Wiring *wiring);

/* Whether every sublayer is plain, with coefficients of 1 alone, and norms in these slots and no
 * other: 1 << SLOT_POST is x = N(x + F(x)). */
bool wiring_is_plain(const Wiring *wiring, unsigned slots);

/* Whether any block norms its queries and keys. */
bool wiring_norms_qkv(const Wiring *wiring);

/* Whether gamma-warmup's factor acts on `slot` of the sublayer: listed in `slots`, and not the norm
 * that feeds the head (the last block's mlp.norm_post where no final norm follows). */
bool wiring_is_warm(const Wiring *wiring, unsigned slots, size_t block, bool mlp, Slot slot);

#endif

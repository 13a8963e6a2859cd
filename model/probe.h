/* probe.h - what a pass tells of its activations and their gradients, for layers.csv.
 *
 * One idea: gradients live in buffers that the next sublayer uses again, so they are measured where
 * they are complete, in the middle of the pass, by one line per site. A pass without a probe
 * (Pass.probe NULL) measures nothing; a probe only reads, so no number depends on it. A Probe owns
 * its table, taken whole when it is made.
 * Read next: sublayer.c, where the sites are. */
#ifndef MODEL_PROBE_H
#define MODEL_PROBE_H

#include "ops/ops.h"

/* Of a sublayer, in the letters of wiring.h: x, u, b, o, y. */
typedef enum { SITE_STREAM, SITE_NORM_IN, SITE_BRANCH, SITE_NORM_OUT, SITE_NORM_POST, SITES } Site;
/* The word of layers.csv, NULL past the last. */
const char *site_name(int site);

/* Where the sites stand: the embedding, two sublayers per block, the head's input. */
typedef struct {
    size_t layer;         /* 0 the embedding, 1 .. L the blocks, L+1 the head's input */
    const char *sublayer; /* embedding, attn, mlp, final */
} ProbePlace;

typedef struct {
    bool measured; /* never where the topology has no such site */
    Moments moments[TOKEN_GROUPS];
    double grad_rms[TOKEN_GROUPS];
} SiteStats;

typedef struct {
    size_t L, places;
    SiteStats *stats; /* (places,SITES) */
} Probe;

Probe *probe_create(size_t L);
size_t probe_bytes(size_t L); /* what it takes */
void probe_free(Probe *probe);

/* Places count from the embedding to the head's input. */
static inline size_t place_embedding(void) {
    return 0;
}
static inline size_t place_sublayer(size_t block, bool is_mlp) {
    return 1 + 2 * block + is_mlp;
}
static inline size_t place_final(size_t L) {
    return 1 + 2 * L;
}
ProbePlace probe_place(const Probe *probe, size_t place);
SiteStats *probe_stats(const Probe *probe, size_t place, Site site);

/* Notes the activation x (R,C) of a site, R tokens in rows of T, or its gradient dx; nothing where
 * `probe` is NULL. */
void probe_value(Probe *probe, size_t place, Site site, const real *x, size_t R, size_t T,
                 size_t C);
void probe_gradient(Probe *probe, size_t place, Site site, const real *dx, size_t R, size_t T,
                    size_t C);

#endif

/* probe.h - moments of activations and their gradients, for layers.csv.
 *
 * One idea: gradient buffers are reused by the next sublayer, so a gradient is measured in the
 * middle of the backward pass, at the moment it is complete, by one line per site. A pass without a
 * probe (Pass.probe NULL) measures nothing. A probe only reads, so it changes no number.
 * A Probe owns its table of statistics, allocated by probe_create.
 * Read next: sublayer.c, which records the sites. */
#ifndef MODEL_PROBE_H
#define MODEL_PROBE_H

#include "ops/ops.h"

/* The tensors of a sublayer that are measured: x, u, N_mid(h), b, o, y of topologies.h. */
typedef enum {
    PROBE_STREAM,
    PROBE_NORM_IN,
    PROBE_NORM_MID,
    PROBE_BRANCH,
    PROBE_NORM_OUT,
    PROBE_NORM_POST,
    PROBE_SITES
} ProbeSite;
/* The name in layers.csv; NULL past the last. */
const char *probe_site_name(int site);

/* Points, in the order of the forward pass: the embedding, two sublayers per block, the input of
 * the head. Each has PROBE_SITES sites. */
typedef struct {
    size_t layer;         /* 0 the embedding, 1 .. L the blocks, L+1 the input of the head */
    const char *sublayer; /* embedding, attn, mlp, final */
} ProbePoint;

typedef struct {
    bool measured; /* false where the topology has no such site */
    Moments moments[TOKEN_GROUPS];
    double grad_rms[TOKEN_GROUPS];
} ProbeStats;

/* Where the largest |x| of a site is, and the median |x|, of the last pass. */
typedef struct {
    Peak peak[TOKEN_GROUPS];
    double median; /* of both groups */
} ProbePeaks;

typedef struct {
    size_t L, points;
    ProbeStats *stats;   /* (points,PROBE_SITES) */
    ProbePeaks *located; /* (points,PROBE_SITES); NULL = not wanted */
    real *scratch;       /* for the medians */
    size_t room;         /* elements of it */
} Probe;

Probe *probe_create(size_t L);
size_t probe_bytes(size_t L); /* the memory that it takes */
void probe_free(Probe *probe);
/* Makes the probe record ProbePeaks too, of sites of at most `elements` elements. */
void probe_locate(Probe *probe, size_t elements);

/* Indices of points. */
static inline size_t probe_embedding(void) {
    return 0;
}
static inline size_t probe_sublayer(size_t block, bool is_mlp) {
    return 1 + 2 * block + is_mlp;
}
static inline size_t probe_final(size_t L) {
    return 1 + 2 * L;
}
ProbePoint probe_point(const Probe *probe, size_t point);
ProbeStats *probe_stats(const Probe *probe, size_t point, ProbeSite site);
const ProbePeaks *probe_peaks(const Probe *probe, size_t point, ProbeSite site);

/* Records the activation x (R,C) of a site, R tokens in sequences of T, or its gradient dx. Does
 * nothing where `probe` is NULL. */
void probe_value(Probe *probe, size_t point, ProbeSite site, const real *x, size_t R, size_t T,
                 size_t C);
void probe_gradient(Probe *probe, size_t point, ProbeSite site, const real *dx, size_t R, size_t T,
                    size_t C);

#endif

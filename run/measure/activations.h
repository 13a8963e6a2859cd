/* activations.h - what the forward pass of a stored model looks like: stream, branches, attention.
 *
 * One idea: one pass per sequence with a probe, whose numbers are then averaged over sequences with
 * equal weights. The first token of a sequence and the others are kept apart, because the first one
 * is often the only one with massive activations.
 * Activations owns its lists (activations_free). Read next: measurement.h. */
#ifndef RUN_MEASURE_ACTIVATIONS_H
#define RUN_MEASURE_ACTIVATIONS_H

#include "run/measure/sequences.h"

enum { POINT_NAME = 32 };

/* The largest |x| of a site over all sequences, and where. */
typedef struct {
    double value;  /* with its sign; NaN if the site has any */
    double median; /* of |x| over the same sequence, all of its tokens and features */
    size_t sequence, position, feature; /* all from 0 */
    int token;
} Extreme;

/* A tensor (B,T,C): variance and kurtosis of a token averaged over tokens, RMS and largest |x| of
 * all elements, as in layers.csv. */
typedef struct {
    bool measured;
    Moments moments[TOKEN_GROUPS];
    Extreme extreme; /* of both groups */
} SiteValues;

/* A point of the probe. */
typedef struct {
    char name[POINT_NAME]; /* embedding, blocks.0.attn, blocks.0.mlp, ..., final */
    double depth;          /* blocks before it: 0, 0.5, 1, ... */
    SiteValues stream;     /* what the sublayer reads */
    SiteValues branch;     /* what it computes, before a norm in slot out */
} Point;

/* The attention of a block. */
typedef struct {
    double first;   /* p(t,0), the mean over heads, queries t >= 1 and sequences; NaN if T is 1 */
    double largest; /* the same of the head that has most of it */
    size_t head;    /* which one, from 0 */
    double logit[TOKEN_GROUPS]; /* the largest of the queries of a group; NaN without queries */
} AttentionUse;

typedef struct {
    size_t points, blocks;
    Point *point;            /* (points) */
    AttentionUse *attention; /* (blocks) */
    double loss;             /* nats per token */
} Activations;

Activations activations_measure(const StoredModel *stored, const Sequences *sequences, Work *work);
void activations_free(Activations *activations);

#endif

/* size.h - how large a model is, and how much it computes, before any of it exists.
 *
 * One idea: the planning pass that counts (model.c) is the only source of these numbers, so what is
 * foretold and what is taken cannot disagree. Plain data, nothing is owned.
 * Read next: size.c, then ../run/train/memory.h. */
#ifndef MODEL_SIZE_H
#define MODEL_SIZE_H

#include "model/plan.h"

typedef struct {
    Shape shape;
    bool training;           /* gradients and moments exist */
    GroupSize group[GROUPS]; /* who needs what */
    size_t positions;        /* parameters of the position table, 0 where there is none */
    size_t statistics;       /* numbers that norms remember: stored, not trained, no parameters */
} ModelSize;

/* The sum of all groups. */
GroupSize size_total(const ModelSize *size);
/* All bytes that the model takes: weights, gradients, both moments, buffers. */
double size_bytes(const ModelSize *size);

/* Whether the model, `others` more bytes and what the process holds already fit this machine, and
 * BLAS, which counts in int, can count every extent. Where not, one sentence without a full stop
 * says how many bytes are needed and how many there are. */
bool size_fits(const ModelSize *size, double others, char *sentence, size_t length);

/* Model FLOPs of one token of training, forward and backward: 6 per parameter, the position table
 * excluded, plus attention. A tied table is one parameter tensor and counts once, as the head's
 * product, for looking a token up computes nothing; untied, table and head are two tensors and both
 * count. Attention is two products forward (q k, p v) and four backward, 2 FLOPs for each of the
 * T/2 keys that a query sees on average: 6 * L * T * NH*HS. Grouped keys and values save
 * parameters, not these. What is computed again going backward does not count. */
double model_flops_per_token(const ModelSize *size);

#endif

/* size.h - how large a model is and how many FLOPs it takes, before it is allocated.
 *
 * One idea: all sizes come from the counting pass of the planner (model_plan.c), so what is
 * predicted and what is allocated cannot disagree. Plain data, nothing is owned.
 * Read next: size.c, then ../run/train/memory.h. */
#ifndef MODEL_SIZE_H
#define MODEL_SIZE_H

#include "model/plan.h"

typedef struct {
    Shape shape;
    bool training;           /* with gradients and moments */
    double moments;          /* bytes of the moments of AdamW; Muon needs fewer */
    LinearSize linear;       /* the weights of the linear layers of the blocks */
    GroupSize group[GROUPS]; /* by what it belongs to, see plan.h */
    size_t positions;        /* parameters of the position embedding, 0 without */
    double keys;             /* that a query reads on average, added up over the blocks */
    size_t statistics;       /* running statistics of norms: in checkpoints, but no parameters */
} ModelSize;

/* The sum of all groups. */
GroupSize size_total(const ModelSize *size);
/* Bytes of the whole model: weights, gradients, both moments, buffers. */
double size_bytes(const ModelSize *size);

/* Whether this machine has room for the model, `others` more bytes and what the process already
 * uses, and whether every matrix extent fits the int of BLAS. If not, `sentence` gets the bytes
 * needed and available, without a full stop. */
bool size_fits(const ModelSize *size, double others, char *sentence, size_t length);

/* Model FLOPs of one token of training, forward and backward: 6 per parameter, plus attention.
 *   Parameters: the position embedding does not count. A tied table is one tensor and counts once,
 *   as the matmul of the head; untied, table and head are two tensors and both count.
 *   Attention: two matmuls forward (q k, p v) and four backward, 2 FLOPs for each key that a query
 *   sees on average: 12 * keys * NH*HS, where keys is T/2 of every block without a window, and
 *   w - w^2/(2T) of one with a window of w. Grouped keys and values save parameters, but no FLOPs
 *   here.
 * What recomputation repeats does not count. */
double model_flops_per_token(const ModelSize *size);

#endif

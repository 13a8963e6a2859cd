/* replaced.h - the loss of a model after the statistics of its norms are replaced.
 *
 * One idea: a norm that divides by a constant is linear, so the loss says how much the model needs the
 * norm to react to each token. Every norm alone, all norms of a place, and all norms of the model are
 * replaced in turn, the others stay as trained. Two replacements: constants, as --norms frozen_first;
 * nothing, as --norms identity.
 * The list is the caller's (stb_ds arrfree). Read next: calibrate.h, measurement.h. */
#ifndef RUN_MEASURE_REPLACED_H
#define RUN_MEASURE_REPLACED_H

#include "run/measure/calibrate.h"
#include "run/train/nonfinite.h"

typedef struct {
    bool measured;
    double loss;     /* nats per token; not finite where something overflows */
    NonFinite first; /* where, if it is not finite */
} Outcome;

typedef enum { REPLACED_ONE, REPLACED_PLACE, REPLACED_ALL } ReplacedSet;

typedef struct {
    ReplacedSet set;
    char name[64]; /* of the norm, or of the place as in norm_removal.order */
    size_t norms;
    Outcome constants, nothing;
} Replaced;

/* The number of evaluations that replaced_measure makes. */
size_t replaced_evaluations(const Model *model, bool constants);
/* Evaluates `sequences`. `sums` (n_sites) are the statistics for the constants, NULL = there are none.
 * Norms that are frozen already stay so and are not listed; in the end all are as before. */
Replaced *replaced_measure(const StoredModel *stored, const Sequences *sequences,
                           const ScaleSums *sums, Work *work);

#endif

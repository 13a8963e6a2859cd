/* sequences.h - the sequences that a stored model is measured on, all in memory.
 *
 * One idea: what is measured and what gives the constants of frozen norms are two sets of sequences
 * that share no token. Both are read once, and every evaluation runs over the same tokens.
 * The caller owns the arrays (sequences_drop). Read next: calibrate.h, measurement.h. */
#ifndef RUN_MEASURE_SEQUENCES_H
#define RUN_MEASURE_SEQUENCES_H

#include "run/store/stored_model.h"

typedef struct {
    size_t S, T;
    int *tokens, *targets; /* (S,T) */
} Sequences;

/* Validation sequences first .. first+S-1 of T tokens. */
Sequences sequences_val(const Dataset *data, size_t first, size_t S, size_t T);
/* The first batches of the training data of `config`, of B sequences of T tokens, until there are at
 * least `wanted` sequences. */
Sequences sequences_train(const Config *config, size_t wanted, size_t B, size_t T);
void sequences_drop(Sequences *sequences);

/* The progress of work that consists of passes over single sequences. A Work that is NULL is not told. */
typedef struct {
    void (*tell)(void *context, size_t done, size_t total);
    void *context;
    size_t done, total;
} Work;
void work_add(Work *work, size_t sequences);

/* A pass over sequences first .. first+B-1, with the warm-ups of the step of the model. */
Pass sequences_pass(const StoredModel *stored, const Sequences *sequences, size_t first, size_t B);

#endif

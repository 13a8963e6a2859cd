/* targets.h - means over the targets of all validation sequences.
 *
 * One idea: a loss in nats per token depends on how much text a token holds. Divided by the bytes of a
 * token it does not, and runs with different tokenizers compare:
 *
 *     bits per byte = loss / (ln 2 * bytes per token)
 *
 * Nothing is kept. Read next: unigram.h. */
#ifndef DATA_TARGETS_H
#define DATA_TARGETS_H

#include "data/dataset.h"

/* The mean of values[target], values (V). `context` is T. There must be validation sequences. */
double targets_mean(const Dataset *data, size_t context, const double *values);

/* The mean length of a target in bytes of text, exact for these validation sequences; NAN without
 * validation sequences and where tokens have no text. */
double targets_bytes(const Dataset *data, size_t context);

/* A loss in nats per token, in bits per byte; NAN where `bytes_per_token` is. */
double bits_per_byte(double loss, double bytes_per_token);

#endif

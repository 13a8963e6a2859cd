/* targets.c - see targets.h. */
#include "data/targets.h"

#include <math.h>

double targets_mean(const Dataset *data, size_t context, const double *values) {
    const size_t sequences = dataset_val_rows(data);
    int *tokens = mem_alloc(size_mul(context, sizeof *tokens));
    int *targets = mem_alloc(size_mul(context, sizeof *targets));
    double total = 0;
    for (size_t r = 0; r < sequences; r++) {
        dataset_val_batch(data, tokens, targets, r, 1);
        for (size_t t = 0; t < context; t++) total += values[targets[t]];
    }
    mem_free(tokens);
    mem_free(targets);
    return total / (double)sequences / (double)context;
}

double targets_bytes(const Dataset *data, size_t context) {
    const Vocab *vocab = dataset_vocab(data);
    const size_t V = dataset_vocab_size(data);
    if (!dataset_val_rows(data) || !vocab->size) return NAN;
    double *lengths = mem_alloc(size_mul(V, sizeof *lengths));
    for (size_t token = 0; token < V; token++) {
        size_t length;
        vocab_text(vocab, (int)token, &length);
        lengths[token] = (double)length;
    }
    const double mean = targets_mean(data, context, lengths);
    mem_free(lengths);
    return mean > 0 ? mean : NAN;
}

double bits_per_byte(double loss, double bytes_per_token) {
    return loss / (log(2) * bytes_per_token);
}

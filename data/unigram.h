/* unigram.h - the unigram entropy: the validation loss of token frequencies alone.
 *
 * One idea: a model that ignores its input can do no better than to predict the frequencies of the
 * training tokens. A run whose validation loss stays there has learned nothing else: it is stuck
 * (run/optim/health.h). Definition: docs/spikes.md. Read next: dataset.h. */
#ifndef DATA_UNIGRAM_H
#define DATA_UNIGRAM_H

#include "data/dataset.h"

typedef struct {
    double nats; /* per token; NAN without validation sequences and for builtin:random */
    size_t
        sample; /* number of tokens whose frequencies were counted; 0 = the whole training split */
} Unigram;

/* The cross-entropy of the targets of all validation sequences under the frequencies of the training
 * tokens. A token that the training data lack counts as if it occurred once. The text of
 * builtin:stories is endless, so its frequencies are those of a fixed sample. `context` is T. */
Unigram unigram_entropy(const Dataset *data, size_t context);

#endif

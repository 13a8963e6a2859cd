/* unigram.c - see unigram.h. Counting is one pass over the files, faster than their hash. */
#include "data/unigram.h"
#include "data/stories.h"
#include "data/targets.h"
#include "base/philox.h"

#include <math.h>
#include <string.h>

enum {
    BYTES = 256,
    READ_BYTES = 1 << 16,    /* read at once */
    LANES = 4,               /* tables of counts, so that equal neighbours need not wait */
    SAMPLE_TOKENS = 1 << 18, /* of builtin:stories, at least */
    SAMPLE_COUNTER = 1,      /* Philox counter; that of validation sequences is 0 */
};

static void count_text(size_t *counts, const Vocab *vocab, const unsigned char *bytes, size_t n) {
    size_t lanes[LANES][BYTES] = {{0}}, i = 0;
    for (; i + LANES <= n; i += LANES) {
        for (size_t lane = 0; lane < LANES; lane++) lanes[lane][bytes[i + lane]]++;
    }
    for (; i < n; i++) lanes[0][bytes[i]]++;
    for (size_t byte = 0; byte < BYTES; byte++) {
        int token = vocab->token_of[byte];
        for (size_t lane = 0; lane < LANES && token >= 0; lane++)
            counts[token] += lanes[lane][byte];
    }
}

/* A token outside of the vocabulary is not counted: reading it ends the program. */
static void count_wide(size_t *counts, size_t V, const unsigned char *bytes, size_t n,
                       size_t width) {
    for (size_t i = 0; i < n; i++) {
        uint32_t token = 0;
        memcpy(&token, bytes + i * width, width); /* little-endian, as is the machine */
        if (token < V) counts[token]++;
    }
}

static void count_piece(size_t *counts, const Dataset *data, const Piece *piece) {
    unsigned char bytes[READ_BYTES];
    const TokenFile *file = tokens_source(piece->file);
    const TokenKind *kind = file->kind;
    const size_t V = dataset_vocab_size(data), most = READ_BYTES / kind->width;
    for (size_t done = 0, n; done < piece->count; done += n) {
        n = piece->count - done < most ? piece->count - done : most;
        tokens_bytes(file, kind->header + (piece->begin + done) * kind->width, bytes,
                     n * kind->width);
        if (kind->width == 1)
            count_text(counts, dataset_vocab(data), bytes, n);
        else if (kind->width == 2)
            count_wide(counts, V, bytes, n, 2); /* a constant width makes one load of it */
        else
            count_wide(counts, V, bytes, n, 4);
    }
}

/* Counts the targets of stories that neither training nor validation reads; returns their number. */
static size_t count_sample(size_t *counts, const Dataset *data, size_t T) {
    size_t sequences = SAMPLE_TOKENS / T + 1;
    unsigned char *bytes = mem_alloc(T + 1);
    for (size_t r = 0; r < sequences; r++) {
        stories_sequence(bytes, T + 1, 0, STREAM_VALIDATION, (uint32_t)r, 0, SAMPLE_COUNTER);
        count_text(counts, dataset_vocab(data), bytes + 1, T);
    }
    mem_free(bytes);
    return sequences * T;
}

/* Fills `nats` (V) with -ln p of every token. */
static void nats_of_counts(double *nats, const size_t *counts, size_t V) {
    size_t total = 0;
    for (size_t token = 0; token < V; token++) total += counts[token] ? counts[token] : 1;
    for (size_t token = 0; token < V; token++)
        nats[token] = log((double)total / (double)(counts[token] ? counts[token] : 1));
}

Unigram unigram_entropy(const Dataset *data, size_t context) {
    Unigram unigram = {.nats = NAN};
    Piece piece;
    if (!dataset_val_rows(data) || dataset_is_random(data)) return unigram;
    size_t V = dataset_vocab_size(data), pieces = 0;
    size_t *counts = mem_alloc(size_mul(V, sizeof *counts));
    double *nats = mem_alloc(size_mul(V, sizeof *nats));
    for (; dataset_train_piece(data, pieces, &piece); pieces++) count_piece(counts, data, &piece);
    if (!pieces) unigram.sample = count_sample(counts, data, context);
    nats_of_counts(nats, counts, V);
    unigram.nats = targets_mean(data, context, nats);
    mem_free(counts);
    mem_free(nats);
    return unigram;
}

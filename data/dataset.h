/* dataset.h - where tokens come from.
 *
 * One idea: which tokens a row holds is a pure function of (seed, step, row), so a resumed run
 * reads what the undisturbed one would have read, and validation rows are always the same ones.
 * A Dataset owns its files (mmapped, never loaded whole) and its vocabulary.
 * Errors in data end the program with exit code 3 and a sentence naming file and position;
 * options that contradict each other or the data, with exit code 2.
 * Read next: dataset.c (order, split), tokens.h (files), stories.h (built-in corpus).
 *
 * A row is T+1 tokens: the first T are read, the last T are their targets. Its start is
 *   random       the high 64 bits of u * starts, u the first two words, low word first, of Philox
 *                key (seed, STREAM_DATA), counter (step low, step high, i, 0), i = micro*B + row;
 *                a piece of n tokens has n - T starts, and pieces are counted one after the other
 *   sequential   row*T in batch k mod M, k = (step-1)*accum + micro, batch k at k*B*T; a piece has
 *                floor((n-1) / (B*T)) of the M batches
 *   validation   r*T for row r; a piece has floor((n-1) / T) rows
 * A piece is what one file has in the training or in the validation part; no row or batch crosses
 * its border. The training part is the first floor(n * (1 - val_fraction)) tokens of data.train.
 * Built-in rows come from Philox key (seed, STREAM_DATA), counter (step low, step high, i, c) in
 * training and key (0, STREAM_VALIDATION), counter (r low, r high, 0, c) in validation; order has
 * no effect. builtin:random uses one word w for each token, c = 1 + t/4: token t = w * V >> 32. */
#ifndef DATA_DATASET_H
#define DATA_DATASET_H

#include "data/vocab.h"

typedef enum { ORDER_RANDOM, ORDER_SEQUENTIAL } DataOrder;
/* The i-th word of each list, NULL past its end. */
const char *data_order_name(int i); /* random sequential */

typedef struct {
    const char *train; /* "builtin:stories|random", a file, a directory or a glob pattern */
    const char *val;   /* the same; "" = split validation off train */
    double val_fraction;
    int format;        /* DataFormat of tokens.h */
    int vocab;         /* VocabKind, for text */
    size_t vocab_size; /* 0 = what the vocabulary gives; .bin files and builtin:random need one */
    int order;         /* DataOrder */
} DataOptions;

typedef struct Dataset Dataset;

/* Opens and checks everything. `context` is T, `batch` is B, `accum` the micro-batches of an
 * update, `eval_rows` the number of validation rows wanted (0: too few validation tokens are no
 * error), `seed` is train.seed. Nothing of `options` is kept. A Dataset has one row of work space:
 * one caller at a time. */
Dataset *dataset_open(const DataOptions *options, size_t context, size_t batch, size_t accum,
                      size_t eval_rows, uint32_t seed);
/* The validation rows alone, read with a vocabulary and a V that are known: training data is looked
 * at only where they are split off it. `data.vocab` and `data.vocab_size` of `options` do not
 * count, and there are no training batches. */
Dataset *dataset_open_val(const DataOptions *options, size_t context, size_t eval_rows,
                          const Vocab *vocab, size_t V);
void dataset_close(Dataset *data);

/* The number of different tokens, V. */
size_t dataset_vocab_size(const Dataset *data);

/* Micro-batch `micro` (from 0) of update `step` (from 1): tokens (B,T), their successors (B,T). */
void dataset_train_batch(const Dataset *data, int *tokens, int *targets, size_t step, size_t micro);

/* How many validation rows there are: `eval_rows`, or all whole ones; 0 = no validation. */
size_t dataset_val_rows(const Dataset *data);
/* Validation rows first .. first+rows-1: tokens (rows,T) and targets (rows,T). */
void dataset_val_batch(const Dataset *data, int *tokens, int *targets, size_t first, size_t rows);

/* The entropy floor of the validation rows in nats per token, which no model can beat; NAN where it
 * cannot be known. Exact for builtin:stories (the mean over the validation rows of -ln p of all
 * bytes but the first, given those before them) and builtin:random (ln V). Computed by the first
 * call. */
double dataset_floor(const Dataset *data);

/* Training tokens available; 0 = unlimited. */
uint64_t dataset_train_tokens(const Dataset *data);

/* Bytes of all files that are mapped; the system holds as many of them as it likes. */
uint64_t dataset_file_bytes(const Dataset *data);

/* One line for the banner, e.g. "input.txt: 1003854 training and 111540 validation tokens". */
void dataset_describe(const Dataset *data, char *line, size_t size);
/* Absolute path (or the builtin's name) and content hash of training file `i`, for run.json; false
 * past the last one. `hash` is 64-bit FNV-1a over the whole file; a builtin has 0 bytes and the
 * hash of a sample of its text (stories) or of its name (random). */
bool dataset_file(const Dataset *data, size_t i, const char **path, uint64_t *bytes,
                  uint64_t *hash);

/* The text vocabulary, needed to turn prompts into tokens and samples into text. */
const Vocab *dataset_vocab(const Dataset *data);
/* Writes what a sample begins with when no prompt is given: for builtin:stories the first word of a
 * story, for files a line break, for builtin:random nothing. */
void dataset_default_prompt(const DataOptions *options, uint32_t seed, char *prompt, size_t size);

#endif

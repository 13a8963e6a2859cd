/* dataset.h - training and validation sequences, from files or from a built-in corpus.
 *
 * One idea: the tokens of a sequence are a pure function of (seed, step, index). So a resumed run
 * reads what an uninterrupted one would have read, and validation always reads the same sequences.
 * A Dataset owns its files (never in memory as a whole) and its vocabulary.
 * Invalid data end the program with exit code 3 and a sentence that names file and position;
 * options that contradict each other or the data, with exit code 2.
 * Read next: dataset.c (order), split.h (windows of files), tokens.h (files), stories.h (built-in
 * corpus).
 *
 * A sequence is T+1 tokens: the first T are inputs, the last T are their targets. Its offset is
 *   random       the high 64 bits of u * starts, u the first two words, low word first, of Philox
 *                key (seed, STREAM_DATA), counter (step low, step high, i, 0), i = micro*B + b;
 *                a piece of n tokens has n - T starts, and pieces are counted one after the other
 *   sequential   b*T in batch k mod M, k = (step-1)*accum + micro, batch k at k*B*T; a piece has
 *                floor((n-1) / (B*T)) of the M batches
 *   validation   r*T for sequence r; a piece has floor((n-1) / T) sequences
 * A piece is the part of one file that is in the training or the validation split; no sequence or
 * batch crosses its border. The training split is the first floor(n * (1 - val_fraction)) tokens of
 * data.train.
 * Built-in sequences come from Philox key (seed, STREAM_DATA), counter (step low, step high, i, c)
 * in training and key (0, STREAM_VALIDATION), counter (r low, r high, 0, c) in validation; data.order
 * has no effect. builtin:random uses one word w for each token, c = 1 + t/4: token t = w * V >> 32. */
#ifndef DATA_DATASET_H
#define DATA_DATASET_H

#include "data/tokens.h"

#include <stdio.h>

typedef enum { ORDER_RANDOM, ORDER_SEQUENTIAL } DataOrder;
/* Entry i of: random sequential; NULL past the end. */
const char *data_order_name(int i);

typedef struct {
    const char *train; /* "builtin:stories|random", a file, a folder or a glob pattern */
    const char *val;   /* the same; "" = split off from data.train */
    double val_fraction;
    int format;        /* DataFormat of tokens.h */
    const char *vocab; /* bytes or chars, for text, or a tokenizer.json */
    size_t vocab_size; /* 0 = that of the vocabulary; .bin files and builtin:random need one */
    int order;         /* DataOrder */
} DataOptions;

typedef struct Dataset Dataset;

/* Opens and checks everything. `context` is T, `batch` is B, `accum` the number of micro-batches of
 * a step, `eval_rows` the number of validation sequences wanted (0: too few validation tokens are
 * no error), `seed` is train.seed. No reference to `options` is kept. A Dataset has one work
 * buffer, so it is not thread-safe. */
Dataset *dataset_open(const DataOptions *options, size_t context, size_t batch, size_t accum,
                      size_t eval_rows, uint32_t seed);
/* Opens the validation data only, for a known vocabulary and V: data.train is opened only where the
 * validation data are split off from it. `data.vocab` and `data.vocab_size` of `options` are
 * ignored, and there are no training batches. */
Dataset *dataset_open_val(const DataOptions *options, size_t context, size_t eval_rows,
                          const Vocab *vocab, size_t V);
void dataset_close(Dataset *data);

/* Reads all training files whole, once, and data.val if validation sequences are wanted: ends the
 * program at the first token outside the vocabulary. The hashes of dataset_file come from the same
 * pass. */
void dataset_check(const Dataset *data);
/* Prints a warning or a note for everything about the files that is probably not meant: files that are
 * too short to be read, validation files that are trained on, and what else surprises.h lists. */
void dataset_warn(const Dataset *data, FILE *out);

/* The size of the vocabulary, V. */
size_t dataset_vocab_size(const Dataset *data);

/* Micro-batch `micro` (from 0) of step `step` (from 1): tokens (B,T) and targets (B,T), which are the
 * next tokens. */
void dataset_train_batch(const Dataset *data, int *tokens, int *targets, size_t step, size_t micro);

/* The number of validation sequences: `eval_rows`, or as many as the data have; 0 = none. */
size_t dataset_val_rows(const Dataset *data);
/* Validation sequences first .. first+rows-1: tokens (rows,T) and targets (rows,T). */
void dataset_val_batch(const Dataset *data, int *tokens, int *targets, size_t first, size_t rows);

/* The entropy of the validation sequences in nats per token, a lower bound of every model's loss;
 * NAN where it is unknown. It is exact for builtin:stories (the mean over the validation sequences
 * of -ln p of all bytes but the first, given those before them) and builtin:random (ln V). The
 * first call computes it. */
double dataset_floor(const Dataset *data);

/* The number of training tokens; 0 = unlimited. */
uint64_t dataset_train_tokens(const Dataset *data);

/* Piece `i` of the training split; false past the last one. A built-in corpus has none. */
bool dataset_train_piece(const Dataset *data, size_t i, Piece *piece);
/* Whether training or validation sequences are those of builtin:random. */
bool dataset_is_random(const Dataset *data);

/* Bytes of all files. The system decides how many of them it keeps in memory. */
uint64_t dataset_file_bytes(const Dataset *data);

/* One line for the banner, e.g. "input.txt: 1003854 training and 111540 validation tokens"; free it
 * with mem_free. */
char *dataset_describe(const Dataset *data);
/* Absolute path (or the builtin's name) and content hash of training file `i`, for run.json; false
 * past the last file. `hash` is 64-bit FNV-1a over the whole file; a builtin has 0 bytes and the
 * hash of a sample of its text (stories) or of its name (random). */
bool dataset_file(const Dataset *data, size_t i, const char **path, uint64_t *bytes,
                  uint64_t *hash);

/* The hash of the sizes and contents of the files of data.val. */
uint64_t dataset_val_hash(const Dataset *data);

/* The vocabulary that encodes prompts and decodes samples. */
const Vocab *dataset_vocab(const Dataset *data);
/* The prompt of a sample where none is given, and its length in bytes. For builtin:stories the first
 * word of a story. For files one character: a line break, or a blank if the text has no line breaks,
 * or else the first character of the alphabet. For builtin:random the empty string. */
size_t dataset_default_prompt(const DataOptions *options, const Vocab *vocab, uint32_t seed,
                              char *prompt, size_t size);

#endif

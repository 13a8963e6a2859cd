/* split.h - the training or the validation part of the data, and the windows that are read of it.
 *
 * One idea: a sequence never crosses a file, so a split is a list of pieces of files, and what can be
 * read are windows within pieces, counted one piece after the other.
 * A Split owns its name and its list; the files belong to the dataset.
 * Read next: split.c, then dataset.c. */
#ifndef DATA_SPLIT_H
#define DATA_SPLIT_H

#include "data/tokens.h"

typedef enum { SOURCE_NONE, SOURCE_FILES, SOURCE_STORIES, SOURCE_RANDOM } SourceKind;

/* The training or the validation split. */
typedef struct {
    SourceKind kind;
    char *name;      /* value of data.train or data.val; NULL where split off from data.train */
    Piece *pieces;   /* stb_ds array; none for builtins */
    uint64_t tokens; /* in all pieces */
} Split;

/* All windows of length + 1 tokens, `stride` apart, each within one piece. Random sequences (stride
 * 1), sequential batches and validation sequences are all windows of a split. */
typedef struct {
    size_t length, stride;
    uint64_t count;
} Windows;

/* Adds tokens from .. to-1 of the concatenated files to a split. */
void split_add(Split *split, const TokenFile *files, uint64_t from, uint64_t to);
Windows split_windows(const Split *split, size_t length, size_t stride);
uint64_t piece_windows(const Piece *piece, const Windows *windows);
uint64_t split_longest_piece(const Split *split);

/* Reads the `count` tokens at `offset` of window k. */
void split_read(const Split *split, const Windows *windows, uint64_t k, size_t offset, size_t count,
                const Vocab *vocab, size_t V, int *tokens);

#endif

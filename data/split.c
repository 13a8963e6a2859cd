/* split.c - see split.h. */
#include "data/split.h"

#include "base/stb_ds.h"

void split_add(Split *split, const TokenFile *files, uint64_t from, uint64_t to) {
    uint64_t start = 0; /* of the file */
    for (size_t i = 0; i < arrlenu(files); i++) {
        uint64_t end = start + files[i].count;
        uint64_t begin = from > start ? from : start, stop = to < end ? to : end;
        if (begin < stop) {
            Piece piece = {&files[i], (size_t)(begin - start), (size_t)(stop - begin)};
            arrput(split->pieces, piece);
            split->tokens += piece.count;
        }
        start = end;
    }
}

uint64_t piece_windows(const Piece *piece, const Windows *windows) {
    if (piece->count <= windows->length) return 0;
    return (piece->count - 1 - windows->length) / windows->stride + 1;
}

Windows split_windows(const Split *split, size_t length, size_t stride) {
    Windows windows = {.length = length, .stride = stride};
    for (size_t i = 0; i < arrlenu(split->pieces); i++) {
        windows.count += piece_windows(&split->pieces[i], &windows);
    }
    return windows;
}

uint64_t split_longest_piece(const Split *split) {
    uint64_t longest = 0;
    for (size_t i = 0; i < arrlenu(split->pieces); i++) {
        if (split->pieces[i].count > longest) longest = split->pieces[i].count;
    }
    return longest;
}

void split_read(const Split *split, const Windows *windows, uint64_t k, size_t offset, size_t count,
                const Vocab *vocab, size_t V, int *tokens) {
    const Piece *piece = split->pieces;
    for (uint64_t here; (here = piece_windows(piece, windows)) <= k; piece++) k -= here;
    size_t first = piece->begin + (size_t)k * windows->stride + offset;
    tokens_read(piece->file, first, count, vocab, V, tokens);
}

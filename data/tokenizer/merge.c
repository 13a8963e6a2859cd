/* merge.c - see parts.h: BPE of one piece, and the cache of pieces.
 *
 * One idea: the pair with the lowest rank is merged first, and the leftmost of equal ones. A heap has the
 * candidates; one whose tokens have changed since is dropped, unless they still make the same token, as
 * the `tokenizers` library does. Few pieces of a text are new, so most come from the cache. */
#include "data/tokenizer/parts.h"

#include "base/stb_ds.h"

#include <limits.h>

/* Longer pieces are not kept, and a cache of more pieces is emptied. */
enum { KEPT_LENGTH = 256, KEPT_PIECES = 1 << 18 };

/* --- the heap --- */

static bool is_before(Candidate a, Candidate b) {
    return a.rank != b.rank ? a.rank < b.rank : a.position < b.position;
}

static void heap_push(Candidate **heap, Candidate candidate) {
    arrput(*heap, candidate);
    Candidate *at = *heap;
    size_t i = arrlenu(at) - 1;
    for (size_t up; i > 0 && is_before(candidate, at[up = (i - 1) / 2]); i = up) at[i] = at[up];
    at[i] = candidate;
}

static Candidate heap_pop(Candidate **heap) {
    Candidate *at = *heap, first = at[0], last = arrpop(*heap);
    const size_t count = arrlenu(at);
    if (!count) return first;
    size_t i = 0;
    for (size_t down; (down = 2 * i + 1) < count; i = down) {
        if (down + 1 < count && is_before(at[down + 1], at[down])) down++;
        if (!is_before(at[down], last)) break;
        at[i] = at[down];
    }
    at[i] = last;
    return first;
}

/* --- merging --- */

/* Adds the pair that begins at `position`, if it can be merged. */
static void add_candidate(Tokenizer *tokenizer, int position) {
    const Symbol *symbols = tokenizer->work.symbols;
    if (position < 0 || symbols[position].after < 0) return;
    const int64_t *merge = pairmap_find(&tokenizer->merges, symbols[position].token,
                                        symbols[symbols[position].after].token);
    if (!merge) return;
    heap_push(&tokenizer->work.heap,
              (Candidate){(int)(*merge >> 32), (int)(*merge & INT32_MAX), position});
}

/* Whether the symbols of a candidate still make its token. */
static bool is_current(const Tokenizer *tokenizer, Candidate candidate) {
    const Symbol *symbols = tokenizer->work.symbols, *left = &symbols[candidate.position];
    if (left->merged || left->after < 0) return false;
    const int64_t *merge =
        pairmap_find(&tokenizer->merges, left->token, symbols[left->after].token);
    return merge && (int)(*merge & INT32_MAX) == candidate.token;
}

static void merge(Tokenizer *tokenizer, Candidate candidate) {
    Symbol *symbols = tokenizer->work.symbols, *left = &symbols[candidate.position];
    Symbol *right = &symbols[left->after];
    left->token = candidate.token;
    left->after = right->after;
    right->merged = true;
    if (right->after >= 0) symbols[right->after].before = candidate.position;
    add_candidate(tokenizer, left->before);
    add_candidate(tokenizer, candidate.position);
}

void merge_add_symbol(Work *work, int token) {
    const int at = (int)arrlenu(work->symbols);
    if (at) work->symbols[at - 1].after = at;
    arrput(work->symbols, ((Symbol){token, at - 1, -1, false}));
}

/* The bytes of a piece as symbols; false at a byte that has no token. */
static bool add_bytes(Tokenizer *tokenizer, const char *piece, size_t length, size_t *bad_offset) {
    for (size_t i = 0; i < length; i++) {
        const int token = tokenizer->token_of[(unsigned char)piece[i]];
        if (token < 0) {
            *bad_offset = i;
            return false;
        }
        merge_add_symbol(&tokenizer->work, token);
    }
    return true;
}

/* Appends the tokens of a piece that is not in the cache. */
static bool add_tokens(Tokenizer *tokenizer, const char *piece, size_t length, size_t *bad_offset) {
    Work *work = &tokenizer->work;
    if (length >= INT_MAX) die(EXIT_DATA, "%s: a piece of 2 GiB", tokenizer->name);
    if (tokenizer->kind == MODEL_UNIGRAM)
        return unigram_tokens(tokenizer, piece, length, bad_offset);
    const int64_t *whole =
        tokenizer->whole_pieces ? bytemap_find(&tokenizer->vocab, piece, length) : NULL;
    if (whole) {
        arrput(work->tokens, (int)*whole);
        return true;
    }
    arrsetlen(work->symbols, 0);
    arrsetlen(work->heap, 0);
    if (!(tokenizer->kind == MODEL_BYTES ? add_bytes : characters_add)(tokenizer, piece, length,
                                                                       bad_offset))
        return false;
    for (int i = 0; i < (int)arrlenu(work->symbols); i++) add_candidate(tokenizer, i);
    while (arrlenu(work->heap)) {
        Candidate candidate = heap_pop(&work->heap);
        if (is_current(tokenizer, candidate)) merge(tokenizer, candidate);
    }
    for (int i = 0; i >= 0; i = work->symbols[i].after)
        arrput(work->tokens, work->symbols[i].token);
    return true;
}

/* --- the cache --- */

bool merge_piece(Tokenizer *tokenizer, const char *piece, size_t length, const int **tokens,
                 size_t *count, size_t *bad_offset) {
    Work *work = &tokenizer->work;
    const int64_t *kept = bytemap_find(&work->pieces, piece, length);
    if (!kept) {
        if (work->pieces.count >= KEPT_PIECES) {
            bytemap_free(&work->pieces);
            arrsetlen(work->tokens, 0);
        }
        const size_t at = arrlenu(work->tokens);
        arrput(work->tokens, 0); /* their number */
        if (!add_tokens(tokenizer, piece, length, bad_offset)) {
            arrsetlen(work->tokens, at);
            return false;
        }
        *count = arrlenu(work->tokens) - at - 1;
        work->tokens[at] = (int)*count;
        *tokens = work->tokens + at + 1;
        if (length <= KEPT_LENGTH)
            bytemap_put(&work->pieces, piece, length, (int64_t)at);
        else
            arrsetlen(work->tokens, at); /* valid until the next call */
        return true;
    }
    *count = (size_t)work->tokens[*kept];
    *tokens = work->tokens + *kept + 1;
    return true;
}

void merge_free(Work *work) {
    arrfree(work->symbols);
    arrfree(work->heap);
    arrfree(work->nodes);
    arrfree(work->piece);
    arrfree(work->tokens);
    bytemap_free(&work->pieces);
}

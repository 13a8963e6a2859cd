/* unigram.c - see parts.h: the tokens of a piece with the largest sum of scores.
 *
 * One idea: Viterbi over the places of a piece. From each, a trie of the vocabulary gives the tokens that begin
 * there, so the work is the length of the text times that of the longest token. The `tokenizers` library adds
 * the scores in the same order, so that equal sums are equal there too. A character without a token of its own
 * is unknown; neighbouring unknown ones are looked up together. */
#include "data/tokenizer/parts.h"

#include "base/stb_ds.h"
#include "base/utf8.h"

#include <string.h>

void unigram_add(Tokenizer *tokenizer, const char *written, size_t length, int token) {
    int node = 0;
    for (size_t i = 0; i < length; i++) {
        int64_t *edge = pairmap_put(&tokenizer->trie, node, (unsigned char)written[i]);
        if (!(*edge >> 32)) *edge |= (int64_t)tokenizer->trie.count << 32;
        node = (int)(*edge >> 32);
        if (i + 1 == length) *edge |= token + 1;
    }
}

static void offer(Node *target, size_t before, double score, int token) {
    if (target->before < 0 || score > target->score) *target = (Node){score, (int)before, token};
}

/* Fills the nodes of a piece; false at a character that has no token. */
static bool find_paths(Tokenizer *tokenizer, const char *piece, size_t length, size_t *bad_offset) {
    Node *nodes = tokenizer->work.nodes;
    for (size_t i = 0, here; i < length; i += here) {
        bool single = false;
        int node = 0;
        here = utf8_length(piece + i, length - i);
        if (!here) here = 1;
        for (size_t k = i; k < length; k++) {
            const int64_t *edge = pairmap_find(&tokenizer->trie, node, (unsigned char)piece[k]);
            if (!edge) break;
            node = (int)(*edge >> 32);
            const int token = (int)(*edge & INT32_MAX) - 1;
            if (token < 0) continue;
            offer(&nodes[k + 1], i, tokenizer->scores[token] + nodes[i].score, token);
            single |= k + 1 - i == here;
        }
        if (single) continue;
        if (tokenizer->unknown < 0) {
            *bad_offset = i;
            return false;
        }
        offer(&nodes[i + here], i, tokenizer->unknown_score + nodes[i].score, tokenizer->unknown);
    }
    return true;
}

/* Appends the tokens of unknown characters; false at a byte that is no character and has no token. */
static bool add_unknown(Tokenizer *tokenizer, const char *text, size_t length, size_t *bad) {
    Work *work = &tokenizer->work;
    const int64_t *token = bytemap_find(&tokenizer->vocab, text, length);
    if (token) {
        arrput(work->tokens, (int)*token);
        return true;
    }
    bool bytes = true;
    for (size_t i = 0; i < length; i++) bytes &= tokenizer->fallback[(unsigned char)text[i]] >= 0;
    for (size_t i = 0; bytes && i < length; i++)
        arrput(work->tokens, tokenizer->fallback[(unsigned char)text[i]]);
    if (bytes) return true;
    *bad = normalize_stretch(text, length, true);
    if (*bad < length) return false;
    arrput(work->tokens, tokenizer->unknown);
    return true;
}

bool unigram_tokens(Tokenizer *tokenizer, const char *piece, size_t length, size_t *bad_offset) {
    Work *work = &tokenizer->work;
    arrsetlen(work->nodes, length + 1);
    for (size_t i = 0; i <= length; i++) work->nodes[i] = (Node){.before = -1};
    if (!find_paths(tokenizer, piece, length, bad_offset)) return false;
    /* From the end to the start: `score` is not needed any more, and `before` becomes the end of the token. */
    Node *nodes = work->nodes;
    for (int end = (int)length, token = nodes[length].token, begin = nodes[length].before;
         end > 0;) {
        const Node next = nodes[begin];
        nodes[begin] = (Node){.before = end, .token = token};
        end = begin;
        begin = next.before;
        token = next.token;
    }
    for (int i = 0; i < (int)length;) {
        int end = nodes[i].before;
        if (nodes[i].token != tokenizer->unknown) {
            arrput(work->tokens, nodes[i].token);
        } else {
            while (end < (int)length && nodes[end].token == tokenizer->unknown)
                end = nodes[end].before;
            if (!add_unknown(tokenizer, piece + i, (size_t)(end - i), bad_offset)) {
                *bad_offset += (size_t)i;
                return false;
            }
        }
        i = end;
    }
    return true;
}

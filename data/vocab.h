/* vocab.h - the vocabulary of text: bytes to tokens and back.
 *
 * One idea: a token is a byte. The vocabulary is all 256 bytes, or those that occur, in order.
 * A Vocab is plain data and owns nothing. Read next: tokens.h, then dataset.h. */
#ifndef DATA_VOCAB_H
#define DATA_VOCAB_H

#include "base/base.h"

typedef enum { VOCAB_BYTES, VOCAB_CHARS } VocabKind;
const char *data_vocab_name(int i); /* entry i of: bytes chars; NULL past the end */

typedef struct {
    int kind;                   /* VocabKind */
    size_t size;                /* 0 = tokens are not text (.bin files, builtin:random) */
    unsigned char byte_of[256]; /* token -> byte */
    int token_of[256];          /* byte -> token, -1 = not in the vocabulary */
} Vocab;

/* The vocabulary of data.vocab bytes, and of chars with this alphabet (distinct bytes, sorted). */
Vocab vocab_bytes(void);
Vocab vocab_chars(const unsigned char *alphabet, size_t size);

/* Encodes `length` bytes of text as the same number of tokens; false, with the offset of the first
 * byte that is not in the vocabulary. */
bool vocab_encode(const Vocab *vocab, const char *text, size_t length, int *tokens,
                  size_t *bad_offset);

#endif

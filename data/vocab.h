/* vocab.h - which byte is which token, for texts.
 *
 * One idea: a text's tokens are its bytes, either all 256 or the ones that occur, in order.
 * A Vocab is plain data and owns nothing. Read next: tokens.h, then dataset.h. */
#ifndef DATA_VOCAB_H
#define DATA_VOCAB_H

#include "base/base.h"

typedef enum { VOCAB_BYTES, VOCAB_CHARS } VocabKind;
const char *data_vocab_name(int i); /* the i-th of: bytes chars; NULL past the end */

typedef struct {
    int kind;                   /* VocabKind */
    size_t size;                /* 0 = tokens without text (.bin files, builtin:random) */
    unsigned char byte_of[256]; /* token -> byte */
    int token_of[256];          /* byte -> token, -1 where the alphabet lacks it */
} Vocab;
/* The vocabulary of `bytes`, or of `chars` over the given alphabet (sorted distinct bytes). */
Vocab vocab_bytes(void);
Vocab vocab_chars(const unsigned char *alphabet, size_t size);
/* Turns `length` bytes of text into as many tokens; false, with the offset of the first byte that
 * the vocabulary lacks, where it cannot. */
bool vocab_encode(const Vocab *vocab, const char *text, size_t length, int *tokens,
                  size_t *bad_offset);

#endif

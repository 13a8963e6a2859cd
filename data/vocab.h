/* vocab.h - the vocabulary of text: bytes to tokens and back.
 *
 * One idea: a token is a byte, of all 256 or of those that occur, or it is what a tokenizer.json says.
 * A Vocab is plain data and owns nothing. Read next: tokens.h, then dataset.h. */
#ifndef DATA_VOCAB_H
#define DATA_VOCAB_H

#include "data/tokenizer/tokenizer.h"

typedef enum { VOCAB_BYTES, VOCAB_CHARS, VOCAB_TOKENIZER, VOCAB_UNKNOWN } VocabKind;
const char *data_vocab_name(int i); /* entry i of: bytes chars; NULL past the end */

/* What a value of data.vocab stands for: an entry of data_vocab_name, or VOCAB_TOKENIZER for the path of a
 * tokenizer, which ends in .json. */
VocabKind vocab_kind(const char *value);

typedef struct {
    int kind;                   /* VocabKind */
    size_t size;                /* 0 = tokens are not text (.bin files, builtin:random) */
    unsigned char byte_of[256]; /* token -> byte; not of a tokenizer */
    int token_of[256];          /* byte -> token, -1 = not in the vocabulary */
    Tokenizer *tokenizer;       /* of VOCAB_TOKENIZER */
} Vocab;

/* The vocabulary of data.vocab bytes, of chars with this alphabet (distinct bytes, sorted), and of a
 * tokenizer, which must exist as long as the vocabulary is used. */
Vocab vocab_bytes(void);
Vocab vocab_chars(const unsigned char *alphabet, size_t size);
Vocab vocab_tokenizer(Tokenizer *tokenizer);

/* The tokens of a text, for mem_free, and their number; NULL, with the offset of the first byte that is
 * not in the vocabulary. */
int *vocab_encode(const Vocab *vocab, const char *text, size_t length, size_t *count,
                  size_t *bad_offset);
/* The bytes of a token, and their number: none if it is not in the vocabulary. */
const char *vocab_text(const Vocab *vocab, int token, size_t *length);

#endif

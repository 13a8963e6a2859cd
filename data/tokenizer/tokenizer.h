/* tokenizer.h - text to tokens and back, as the tokenizer.json of a Hugging Face model says.
 *
 * One idea: a vocabulary of byte strings. The added tokens are cut out of the text first, regular
 * expressions or blanks split the rest into pieces, and in each piece the pair of tokens with the lowest rank is
 * merged until no pair has one (BPE, of bytes or of characters), or the tokens with the largest sum of scores are
 * found (Unigram). Only what is computed exactly as the `tokenizers` library does is read; any other
 * tokenizer.json is refused with a message that names what it needs (docs/tokenizers.md).
 * The caller of tokenizer_open owns the Tokenizer. It has one cache and work buffers, so it is not
 * thread-safe.
 * Invalid files end the program (EXIT_DATA).
 * Read next: parts.h, then read.c, pieces.c, merge.c. */
#ifndef DATA_TOKENIZER_TOKENIZER_H
#define DATA_TOKENIZER_TOKENIZER_H

#include "base/base.h"

typedef struct Tokenizer Tokenizer;

Tokenizer *tokenizer_open(const char *path);
/* The same from the contents of a file; `name` is for messages. */
Tokenizer *tokenizer_parse(const char *json, size_t length, const char *name);
void tokenizer_free(Tokenizer *tokenizer);

/* Whether the JSON that --encode has written to `path` names this tokenizer; true if there is no file. */
bool tokenizer_made(const Tokenizer *tokenizer, const char *path);

/* The size of the vocabulary: the largest token + 1. */
size_t tokenizer_size(const Tokenizer *tokenizer);
/* 64-bit FNV-1a of the file. */
uint64_t tokenizer_hash(const Tokenizer *tokenizer);
/* The file as it was read. */
const char *tokenizer_json(const Tokenizer *tokenizer, size_t *length);

/* Receives tokens in the order of the text. */
typedef void TokenSink(void *context, const int *tokens, size_t count);

/* Encodes a text of any bytes; bytes that are not valid UTF-8 are pieces of their own, or <0xNN>. Special tokens
 * in the text become themselves, and none are added; a tokenizer may put a blank before the text. Returns false, with the offset of the first byte
 * (after NFC or NFKC: of the line that has it) for which the vocabulary has no token. */
bool tokenizer_encode(Tokenizer *tokenizer, const char *text, size_t length, TokenSink *sink,
                      void *context, size_t *bad_offset);

/* The bytes of a token, and their number; of a number that is no token, none. SentencePiece's mark for a blank
 * is a blank, and <0xNN> the byte. */
const char *tokenizer_text(const Tokenizer *tokenizer, int token, size_t *length);
/* The token of a single byte or ASCII character, -1 if there is none. */
int tokenizer_byte(const Tokenizer *tokenizer, unsigned char byte);

#endif

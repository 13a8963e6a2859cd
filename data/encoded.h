/* encoded.h - the tokens of a text file, by a tokenizer.
 *
 * One idea: a text is encoded once, as a whole, into a token file, and is then read like any other. A long
 * text takes seconds, so its tokens are kept in ~/.cache/peri/tokens (XDG_CACHE_HOME) under the hashes of
 * the text and of the tokenizer; every resume and every run of a sweep reads them there. A short text
 * is encoded at each start, into memory.
 * Read next: encoded.c, tokenizer/tokenizer.h. */
#ifndef DATA_ENCODED_H
#define DATA_ENCODED_H

#include "data/tokens.h"

/* Encodes the texts of a list of files. A byte that the vocabulary lacks, and a file of tokens of another
 * tokenizer, end the program (EXIT_DATA). Nothing is done without a tokenizer. */
void encoded_open(TokenFile *files, Tokenizer *tokenizer);

/* All tokens of a text file (stb_ds array); `name` is for the message about a byte that the vocabulary
 * lacks. */
int *encoded_tokens(Tokenizer *tokenizer, const char *text, size_t size, const char *name);

/* Passes the tokens on as a file with llm.c's header, in pieces. */
typedef void EncodedPut(void *context, const void *bytes, size_t size);
void encoded_put(const int *tokens, size_t count, size_t V, uint64_t check, EncodedPut *put,
                 void *context);
/* 64-bit FNV-1a of the tokens as they are in the file. */
uint64_t encoded_check(const int *tokens, size_t count, size_t V);

#endif

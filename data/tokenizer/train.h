/* train.h - a vocabulary of byte-level BPE from a text.
 *
 * One idea: the rules of the `tokenizers` library's BpeTrainer, so that both make the same file. The text is
 * split line by line as GPT-2 splits. The most frequent pair of neighbours becomes a token, again and
 * again; of equally frequent ones the pair with the smaller first token, then the smaller second.
 * Tokens: <|endoftext|>, the 256 bytes in the order of their characters, then what was merged.
 * Nothing is kept. Read next: train.c. */
#ifndef DATA_TOKENIZER_TRAIN_H
#define DATA_TOKENIZER_TRAIN_H

#include "base/base.h"

enum { TRAINED_MIN = 257, TRAINED_MAX = 1 << 20 };

/* A tokenizer.json of at most `size` tokens (stb_ds array of its text), and their number. Ends the program
 * (EXIT_USAGE) in a build without PCRE2. */
char *tokenizer_train(const char *text, size_t length, size_t size, size_t *tokens);

#endif

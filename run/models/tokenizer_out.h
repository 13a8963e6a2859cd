/* tokenizer_out.h - the tokenizer.json of a vocabulary.
 *
 * One idea: a vocabulary of bytes is byte-level BPE without merges. Text that the run has read as bytes
 * has the same tokens in the `tokenizers` library. Nothing is kept. Read next: peri_class.h. */
#ifndef RUN_MODELS_TOKENIZER_OUT_H
#define RUN_MODELS_TOKENIZER_OUT_H

#include "data/vocab.h"

/* The contents of tokenizer.json for mem_free, and their length; NULL if tokens have no text. */
char *tokenizer_out(const Vocab *vocab, size_t *length);

#endif

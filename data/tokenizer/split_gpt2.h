/* split_gpt2.h - the regular expression that splits a text as GPT-2 does: ByteLevel with use_regex, and the
 * split of --train-tokenizer.
 *
 * One idea: written once. Nothing here owns memory. Read next: read_rules.c, train.c. */
#ifndef DATA_TOKENIZER_SPLIT_GPT2_H
#define DATA_TOKENIZER_SPLIT_GPT2_H

static const char SPLIT_GPT2[] =
    "'s|'t|'re|'ve|'m|'ll|'d| ?\\p{L}+| ?\\p{N}+| ?[^\\s\\p{L}\\p{N}]+|\\s+(?!\\S)|\\s+";

#endif

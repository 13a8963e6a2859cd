/* encode.h - --encode: a text to a file of tokens; --train-tokenizer: a text to a tokenizer.json.
 *
 * One idea: both write one file for runs to come, atomically, and neither replaces a file.
 * Read next: data/encoded.h, data/tokenizer/train.h. */
#ifndef RUN_COMMANDS_ENCODE_H
#define RUN_COMMANDS_ENCODE_H

#include "run/commands/cli.h"

/* Writes cli->file, a file with llm.c's header, and FILE.json: the text, the tokenizer and the libraries. */
void encode_text(const Cli *cli);
/* Writes cli->file, a tokenizer of cli->vocab tokens. */
void encode_train(const Cli *cli);

#endif

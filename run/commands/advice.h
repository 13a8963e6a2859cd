/* advice.h - what --dry-run adds to a config that is sound: what is known of nets like it.
 *
 * One idea: a table of sentences, each with what it rests on - published, measured here, folklore.
 * What was measured here stands in docs/claims.md, whose anchors the sentences name.
 * Nothing here owns memory. Read next: advice.c. */
#ifndef RUN_COMMANDS_ADVICE_H
#define RUN_COMMANDS_ADVICE_H

#include "run/config/config.h"

/* Prints the sentences that apply, a paragraph each; nothing where none does. */
void advice_print(const Config *config, FILE *out);

#endif

/* advice.h - what --dry-run adds to a valid config: known results about models like it.
 *
 * One idea: a table of sentences, each with its basis: published, measured here, or folklore. A
 * measured sentence names a claim of docs/claims.md, the verdict, and the models and runs measured.
 * Nothing here owns memory. Read next: advice.c. */
#ifndef RUN_COMMANDS_ADVICE_H
#define RUN_COMMANDS_ADVICE_H

#include "run/config/config.h"
#include "run/io/json_out.h"

/* Prints the sentences that apply to `config`, one paragraph each. */
void advice_print(const Config *config, FILE *out);
/* The same as a member "advice", a list of objects. */
void advice_print_json(const Config *config, Json *json);

#endif

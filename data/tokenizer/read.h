/* read.h - members of a tokenizer.json, and refusals.
 *
 * One idea: whatever the file has beyond what is read here is refused, with a message that names it: a
 * tokenizer that were read in part would give other tokens without a word. Nothing here owns memory.
 * Read next: read_model.c, read_rules.c. */
#ifndef DATA_TOKENIZER_READ_H
#define DATA_TOKENIZER_READ_H

#include "data/tokenizer/parts.h"

#include <cJSON.h>

/* "NAME: message", EXIT_DATA. */
_Noreturn void read_refuse(const Tokenizer *tokenizer, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/* Refuses an object with a member that is not in the list, which NULL ends. `where` names it. */
void read_members(const Tokenizer *tokenizer, const cJSON *object, const char *where,
                  const char *const *known);
/* The member `name`, which must be there. */
const cJSON *read_member(const Tokenizer *tokenizer, const cJSON *object, const char *where,
                         const char *name);
/* A member that must be a string. */
const char *read_string(const Tokenizer *tokenizer, const cJSON *object, const char *where,
                        const char *name);
/* A member that is true or false; `missing` if it is absent or null. */
bool read_flag(const Tokenizer *tokenizer, const cJSON *object, const char *where, const char *name,
               bool missing);
/* Refuses a member that is true, or a string that is not empty: a feature that is not computed here. */
void read_unused(const Tokenizer *tokenizer, const cJSON *object, const char *where,
                 const char *name);
/* A token: an integer from 0 to TOKEN_MAX - 1. */
size_t read_token(const Tokenizer *tokenizer, const cJSON *json, const char *where);

#endif

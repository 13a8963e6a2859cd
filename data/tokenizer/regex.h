/* regex.h - the regular expressions that split a text, by PCRE2.
 *
 * One idea: one narrow door to the library. Exactly one of regex_pcre2.c and regex_none.c is compiled;
 * the Makefile chooses by what pkg-config finds.
 * The caller of regex_create owns the Regex until regex_free.
 * Read next: regex_pcre2.c, then pieces.c. */
#ifndef DATA_TOKENIZER_REGEX_H
#define DATA_TOKENIZER_REGEX_H

#include "base/base.h"

typedef struct Regex Regex;

/* The library and the version of Unicode whose classes it knows, such as "10.42, Unicode 14.0.0", and that
 * version alone; NULL if this build has none. */
const char *regex_library(void);
const char *regex_unicode(void);

/* Compiles a pattern; NULL, with a message, if it is invalid or this build has no library. */
Regex *regex_create(const char *pattern, char *error, size_t size);
void regex_free(Regex *regex);

typedef enum { REGEX_NONE, REGEX_FOUND, REGEX_GAVE_UP } RegexResult;

/* The first match in valid UTF-8 text at or after `from`. REGEX_GAVE_UP: it would take too many steps. */
RegexResult regex_find(const Regex *regex, const char *text, size_t length, size_t from,
                       size_t *begin, size_t *end);

#endif

/* regex_none.c - see regex.h: a build without PCRE2. */
#include "data/tokenizer/regex.h"

#include <stdio.h>

const char *regex_library(void) {
    return NULL;
}

const char *regex_unicode(void) {
    return NULL;
}

Regex *regex_create(const char *pattern, char *error, size_t size) {
    (void)pattern;
    snprintf(error, size,
             "this build has no PCRE2, which splits texts: install libpcre2-dev (or run "
             "scripts/install-packages.sh tokenizers) and run make again");
    return NULL;
}

void regex_free(Regex *regex) {
    (void)regex;
}

RegexResult regex_find(const Regex *regex, const char *text, size_t length, size_t from,
                       size_t *begin, size_t *end) {
    (void)regex, (void)text, (void)length, (void)from, (void)begin, (void)end;
    return REGEX_NONE;
}

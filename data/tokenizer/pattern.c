/* pattern.c - see parts.h: which regular expressions mean the same in Oniguruma and in PCRE2.
 *
 * One idea: the two agree on almost everything that tokenizers use, and differ where one would not notice:
 * ^ and $ are about lines in one and about the text in the other, \h is a digit here and a blank there,
 * and {1,3}+ repeats again in one and never gives back in the other. So a pattern may only have what is
 * listed here. */
#include "data/tokenizer/parts.h"

#include <string.h>

static bool starts_with(const char *text, const char *start) {
    return strncmp(text, start, strlen(start)) == 0;
}

/* What begins with a parenthesis and a question mark. */
static bool group_is_known(const char *at) {
    static const char *const known[] = {"(?:", "(?=", "(?!", "(?<=", "(?<!", "(?>", "(?i:", "(?i)"};
    for (size_t i = 0; i < sizeof known / sizeof *known; i++) {
        if (starts_with(at, known[i])) return true;
    }
    return false;
}

const char *pattern_refused(const char *pattern) {
    bool in_class = false;
    for (const char *at = pattern; *at; at++) {
        if (*at == '\\') {
            at++;
            const bool letter = (*at >= 'a' && *at <= 'z') || (*at >= 'A' && *at <= 'Z') ||
                                (*at >= '0' && *at <= '9');
            if (!*at) return "a backslash at its end";
            if (letter && !strchr("sSdDwWpPrnt", *at))
                return "an escape other than \\s \\d \\w \\p \\r \\n \\t";
            if (starts_with(at, "p{") || starts_with(at, "P{")) at += strcspn(at, "}");
            if (!*at) return "a property without its end";
        } else if (in_class) {
            if (*at == '[' || starts_with(at, "&&")) return "a set within a set";
            in_class = *at != ']';
        } else if (*at == '[') {
            in_class = true;
            if (at[1] == '^') at++;
            if (at[1] == ']') return "a set that begins with ]";
        } else if (*at == '^' || *at == '$') {
            return "an anchor (^ or $)";
        } else if (*at == '}' && (at[1] == '+' || at[1] == '?')) {
            return "a repetition {n,m} that is possessive or lazy";
        } else if (starts_with(at, "(*") || (starts_with(at, "(?") && !group_is_known(at))) {
            return "a group of an unknown kind";
        }
    }
    return NULL;
}

/* normalize.c - see parts.h: the normalizer of a tokenizer.json.
 *
 * One idea: no rule joins a character with a line break or over one, so a text is normalized line by line,
 * each rule after the other. ASCII is in the forms of Unicode already, and invalid UTF-8 stays. */
#define _GNU_SOURCE /* memmem */
#include "data/tokenizer/nfc.h"
#include "data/tokenizer/parts.h"

#include "base/stb_ds.h"
#include "base/utf8.h"

#include <string.h>

static void append(char **out, const char *text, size_t length) {
    if (length) memcpy(arraddnptr(*out, length), text, length);
}

static bool is_ascii(const char *text, size_t length) {
    unsigned char any = 0;
    for (size_t i = 0; i < length; i++) any |= (unsigned char)text[i];
    return any < 0x80;
}

size_t normalize_stretch(const char *text, size_t length, bool valid) {
    size_t i = 0;
    while (i < length) {
        const size_t here = (unsigned char)text[i] < 0x80 ? 1 : utf8_length(text + i, length - i);
        if ((here > 0) != valid) break;
        i += here ? here : 1;
    }
    return i;
}

static void add_form(char **out, const char *line, size_t length, bool compatible) {
    if (is_ascii(line, length)) {
        append(out, line, length);
        return;
    }
    for (size_t i = 0, here; i < length; i += here) {
        if ((here = normalize_stretch(line + i, length - i, true)) > 0)
            nfc_append(out, line + i, here, compatible);
        else
            append(out, line + i, here = normalize_stretch(line + i, length - i, false));
    }
}

static void add_replaced(char **out, const char *line, size_t length, const NormalRule *rule) {
    const size_t from = strlen(rule->from), to = strlen(rule->to);
    const char *found;
    while ((found = memmem(line, length, rule->from, from))) {
        const size_t here = (size_t)(found - line);
        append(out, line, here);
        append(out, rule->to, to);
        line += here + from;
        length -= here + from;
    }
    append(out, line, length);
}

void normalize_line(const Tokenizer *tokenizer, char **out, const char *line, size_t length,
                    bool first) {
    const size_t count = arrlenu(tokenizer->normal);
    char *last = NULL; /* what the rule before has made (stb_ds array) */
    for (size_t i = 0; i < count; i++) {
        const NormalRule *rule = &tokenizer->normal[i];
        char *made = NULL, **to = i + 1 == count ? out : &made;
        if (rule->kind == NORMAL_REPLACE) {
            add_replaced(to, line, length, rule);
        } else if (rule->kind == NORMAL_PREPEND) {
            if (first) append(to, rule->to, strlen(rule->to));
            append(to, line, length);
        } else {
            add_form(to, line, length, rule->kind == NORMAL_NFKC);
        }
        arrfree(last);
        line = last = made;
        length = arrlenu(made);
    }
    if (!count) append(out, line, length);
}

bool normalize_has_form(const Tokenizer *tokenizer) {
    for (size_t i = 0; i < arrlenu(tokenizer->normal); i++) {
        const NormalKind kind = tokenizer->normal[i].kind;
        if (kind == NORMAL_NFC || kind == NORMAL_NFKC) return true;
    }
    return false;
}

bool normalize_changes(const Tokenizer *tokenizer, const char *text, size_t length) {
    bool forms_only = true;
    for (size_t i = 0; i < arrlenu(tokenizer->normal); i++) forms_only &= !tokenizer->normal[i].to;
    return arrlenu(tokenizer->normal) && !(forms_only && is_ascii(text, length));
}

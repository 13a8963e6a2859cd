/* read_normalizer.c - see parts.h: the normalizer of a tokenizer.json. */
#include "data/tokenizer/nfc.h"
#include "data/tokenizer/read.h"

#include "base/stb_ds.h"
#include "base/text_out.h"

#include <string.h>

enum { RULES_MAX = 16, TEXT_MAX = 64 };

static bool is_type(const char *type, const char *wanted) {
    return strcmp(type, wanted) == 0;
}

static void add_rule(Tokenizer *tokenizer, NormalKind kind, const char *from, const char *to) {
    if (arrlenu(tokenizer->normal) == RULES_MAX)
        read_refuse(tokenizer, "normalizer: more than %d rules", RULES_MAX);
    arrput(tokenizer->normal, ((NormalRule){kind, from ? text_format("%s", from) : NULL,
                                            to ? text_format("%s", to) : NULL}));
}

static void add_form(Tokenizer *tokenizer, const cJSON *json, const char *type) {
    static const char *const known[] = {"type", NULL};
    read_members(tokenizer, json, "normalizer", known);
    if (!nfc_library())
        read_refuse(tokenizer,
                    "its text is normalized to %s, and this build has no utf8proc: install "
                    "libutf8proc-dev (or run scripts/install-packages.sh tokenizers) and run make "
                    "again",
                    type);
    add_rule(tokenizer, is_type(type, "NFC") ? NORMAL_NFC : NORMAL_NFKC, NULL, NULL);
}

/* A text that is neither empty nor long. */
static const char *text_of(const Tokenizer *tokenizer, const cJSON *json, const char *where,
                           const char *name) {
    const char *text = read_string(tokenizer, json, where, name);
    if (!*text || strlen(text) > TEXT_MAX)
        read_refuse(tokenizer, "%s: \"%s\" is empty or longer than %d bytes", where, name,
                    TEXT_MAX);
    return text;
}

static void add_replace(Tokenizer *tokenizer, const cJSON *json) {
    static const char where[] = "normalizer Replace";
    static const char *const known[] = {"type", "pattern", "content", NULL}, *const kinds[] = {
                                                                                 "String", NULL};
    read_members(tokenizer, json, where, known);
    const cJSON *pattern = read_member(tokenizer, json, where, "pattern");
    read_members(tokenizer, pattern, "normalizer Replace.pattern", kinds);
    const char *from = text_of(tokenizer, pattern, "normalizer Replace.pattern", "String");
    const char *to = text_of(tokenizer, json, where, "content");
    if (strchr(from, '\n')) read_refuse(tokenizer, "%s: the pattern has a line break", where);
    if (is_type(from, " ")) tokenizer->marks |= is_type(to, MARK);
    add_rule(tokenizer, NORMAL_REPLACE, from, to);
}

static void add_prepend(Tokenizer *tokenizer, const cJSON *json) {
    static const char where[] = "normalizer Prepend";
    static const char *const known[] = {"type", "prepend", NULL};
    read_members(tokenizer, json, where, known);
    add_rule(tokenizer, NORMAL_PREPEND, NULL, text_of(tokenizer, json, where, "prepend"));
}

void read_normalizer(Tokenizer *tokenizer, const cJSON *normalizer) {
    static const char *const sequence[] = {"type", "normalizers", NULL};
    if (!normalizer || cJSON_IsNull(normalizer)) return;
    const char *type = read_string(tokenizer, normalizer, "normalizer", "type");
    if (is_type(type, "Sequence")) {
        read_members(tokenizer, normalizer, "normalizer", sequence);
        const cJSON *list = read_member(tokenizer, normalizer, "normalizer", "normalizers"), *item;
        cJSON_ArrayForEach(item, list) {
            const char *inner = read_string(tokenizer, item, "normalizer", "type");
            if (is_type(inner, "Sequence")) read_refuse(tokenizer, "normalizer: nested sequences");
            read_normalizer(tokenizer, item);
        }
    } else if (is_type(type, "NFC") || is_type(type, "NFKC")) {
        add_form(tokenizer, normalizer, type);
    } else if (is_type(type, "Replace")) {
        add_replace(tokenizer, normalizer);
    } else if (is_type(type, "Prepend")) {
        add_prepend(tokenizer, normalizer);
    } else {
        read_refuse(
            tokenizer,
            "normalizer.type is \"%.64s\": this program computes NFC, NFKC, Replace, Prepend "
            "and a Sequence of these",
            type);
    }
}

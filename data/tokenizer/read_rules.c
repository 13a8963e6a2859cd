/* read_rules.c - see parts.h: the pre_tokenizer of a tokenizer.json, which says how a text is split into
 * pieces. */
#include "data/tokenizer/read.h"
#include "data/tokenizer/split_gpt2.h"

#include "base/stb_ds.h"

#include <string.h>

enum { PATTERN_MAX = 4096, SPLITS_MAX = 16 };

static bool is_type(const char *type, const char *wanted) {
    return strcmp(type, wanted) == 0;
}

static void add_split(Tokenizer *tokenizer, const char *pattern) {
    char error[256];
    if (arrlenu(tokenizer->splits) == SPLITS_MAX)
        read_refuse(tokenizer, "pre_tokenizer: more than %d splits", SPLITS_MAX);
    Regex *regex = regex_create(pattern, error, sizeof error);
    if (!regex) read_refuse(tokenizer, "pre_tokenizer: %s", error);
    arrput(tokenizer->splits, regex);
}

static void add_pattern(Tokenizer *tokenizer, const cJSON *split) {
    static const char where[] = "pre_tokenizer Split";
    static const char *const known[] = {"type", "pattern", "behavior", "invert", NULL},
                             *const kinds[] = {"Regex", NULL};
    read_members(tokenizer, split, where, known);
    const char *behavior = read_string(tokenizer, split, where, "behavior");
    if (!is_type(behavior, "Isolated"))
        read_refuse(tokenizer,
                    "%s: behavior is \"%.64s\": this program reads \"Isolated\" only, in which "
                    "matches and what is between them are pieces",
                    where, behavior);
    read_unused(tokenizer, split, where, "invert");
    const cJSON *pattern = read_member(tokenizer, split, where, "pattern");
    read_members(tokenizer, pattern, "pre_tokenizer Split.pattern", kinds);
    const char *text = read_string(tokenizer, pattern, "pre_tokenizer Split.pattern", "Regex");
    if (strlen(text) > PATTERN_MAX)
        read_refuse(tokenizer, "%s: a pattern of %zu bytes; the limit is %d", where, strlen(text),
                    PATTERN_MAX);
    const char *refused = pattern_refused(text);
    if (refused)
        read_refuse(tokenizer, "%s: the pattern has %s, which this program does not read", where,
                    refused);
    add_split(tokenizer, text);
}

static void add_byte_level(Tokenizer *tokenizer, const cJSON *json) {
    static const char where[] = "pre_tokenizer ByteLevel";
    static const char *const known[] = {"type", "add_prefix_space", "trim_offsets", "use_regex",
                                        NULL};
    read_members(tokenizer, json, where, known);
    if (read_flag(tokenizer, json, where, "add_prefix_space", true))
        read_refuse(tokenizer,
                    "%s: add_prefix_space is set, so decoded text would not be the encoded text",
                    where);
    if (read_flag(tokenizer, json, where, "use_regex", true)) add_split(tokenizer, SPLIT_GPT2);
}

static PrependKind prepend_of(const Tokenizer *tokenizer, const cJSON *json) {
    static const char where[] = "pre_tokenizer Metaspace";
    static const char *const names[] = {"never", "first", "always"};
    PrependKind kind = PREPEND_ALWAYS;
    if (cJSON_GetObjectItemCaseSensitive(json, "prepend_scheme")) {
        const char *name = read_string(tokenizer, json, where, "prepend_scheme");
        for (kind = PREPEND_NEVER; kind <= PREPEND_ALWAYS && !is_type(name, names[kind]); kind++) {}
        if (kind > PREPEND_ALWAYS)
            read_refuse(tokenizer, "%s: prepend_scheme is \"%.64s\": never, first or always", where,
                        name);
    }
    if (!read_flag(tokenizer, json, where, "add_prefix_space", true) && kind != PREPEND_NEVER)
        read_refuse(tokenizer, "%s: add_prefix_space is false, and prepend_scheme is not never",
                    where);
    return kind;
}

static void add_metaspace(Tokenizer *tokenizer, const cJSON *json) {
    static const char where[] = "pre_tokenizer Metaspace";
    static const char *const known[] = {
        "type", "replacement", "prepend_scheme", "add_prefix_space", "split", "str_rep", NULL};
    read_members(tokenizer, json, where, known);
    const char *replacement = read_string(tokenizer, json, where, "replacement");
    if (!is_type(replacement, MARK))
        read_refuse(tokenizer, "%s: replacement is \"%.16s\": this program reads " MARK " only",
                    where, replacement);
    const bool split = read_flag(tokenizer, json, where, "split", true);
    tokenizer->metaspace = (Metaspace){true, split, prepend_of(tokenizer, json)};
    tokenizer->marks = true;
}

/* Gemma splits at blanks, of which its normalizer leaves none. */
static bool is_without_effect(const Tokenizer *tokenizer, const cJSON *json) {
    const size_t rules = arrlenu(tokenizer->normal);
    const NormalRule *last = rules ? &tokenizer->normal[rules - 1] : NULL;
    const cJSON *pattern = cJSON_GetObjectItemCaseSensitive(json, "pattern");
    const char *text = cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(pattern, "String"));
    return tokenizer->marks && last->from && is_type(last->from, " ") && text && is_type(text, " ");
}

/* The pre_tokenizer of a vocabulary of characters: none, Metaspace, or one that has no effect. */
static void read_marks(Tokenizer *tokenizer, const cJSON *json) {
    static const char *const split[] = {"type", "pattern", "behavior", "invert", NULL};
    if (!json || cJSON_IsNull(json)) return;
    const char *type = read_string(tokenizer, json, "pre_tokenizer", "type");
    if (is_type(type, "Metaspace")) {
        add_metaspace(tokenizer, json);
    } else if (is_type(type, "Split") && is_without_effect(tokenizer, json)) {
        read_members(tokenizer, json, "pre_tokenizer Split", split);
        read_unused(tokenizer, json, "pre_tokenizer Split", "invert");
    } else {
        read_refuse(
            tokenizer,
            "pre_tokenizer.type is \"%.64s\": for a vocabulary of characters, as "
            "SentencePiece makes it, this program reads Metaspace, none, and a Split at the "
            "blanks that the normalizer replaces; for one of bytes, with ByteLevel, Digits "
            "and Split",
            type);
    }
}

/* One entry of the pre_tokenizer; returns whether it is ByteLevel. */
static bool add_entry(Tokenizer *tokenizer, const cJSON *json) {
    static const char *const digits[] = {"type", "individual_digits", NULL};
    const char *type = read_string(tokenizer, json, "pre_tokenizer", "type");
    if (is_type(type, "ByteLevel")) {
        add_byte_level(tokenizer, json);
        return true;
    }
    if (is_type(type, "Digits")) {
        read_members(tokenizer, json, "pre_tokenizer Digits", digits);
        bool single =
            read_flag(tokenizer, json, "pre_tokenizer Digits", "individual_digits", false);
        add_split(tokenizer, single ? "\\p{N}" : "\\p{N}+");
    } else if (is_type(type, "Split")) {
        add_pattern(tokenizer, json);
    } else {
        read_refuse(tokenizer,
                    "pre_tokenizer.type is \"%.64s\": this program reads ByteLevel, Digits, Split "
                    "and a Sequence of these",
                    type);
    }
    return false;
}

/* Whether the pre_tokenizer is or ends with ByteLevel. */
static bool has_byte_level(const cJSON *json) {
    const cJSON *list = cJSON_GetObjectItemCaseSensitive(json, "pretokenizers"), *item;
    const char *type = cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(json, "type"));
    bool found = type && is_type(type, "ByteLevel");
    cJSON_ArrayForEach(item, list) found |= has_byte_level(item);
    return found;
}

void read_splits(Tokenizer *tokenizer, const cJSON *pre_tokenizer) {
    static const char *const known[] = {"type", "pretokenizers", NULL};
    if (tokenizer->kind == MODEL_UNIGRAM || !has_byte_level(pre_tokenizer)) {
        if (tokenizer->kind == MODEL_BYTES) tokenizer->kind = MODEL_CHARACTERS;
        read_marks(tokenizer, pre_tokenizer);
        return;
    }
    const char *type = read_string(tokenizer, pre_tokenizer, "pre_tokenizer", "type");
    bool byte_level = false;
    if (!is_type(type, "Sequence")) {
        byte_level = add_entry(tokenizer, pre_tokenizer);
    } else {
        const cJSON *item;
        read_members(tokenizer, pre_tokenizer, "pre_tokenizer", known);
        cJSON_ArrayForEach(
            item, read_member(tokenizer, pre_tokenizer, "pre_tokenizer", "pretokenizers")) {
            if (byte_level)
                read_refuse(tokenizer, "pre_tokenizer: ByteLevel is not the last of its Sequence");
            byte_level = add_entry(tokenizer, item);
        }
    }
    if (!byte_level) read_refuse(tokenizer, "pre_tokenizer: ByteLevel is not the last");
    for (size_t i = 0; i < arrlenu(tokenizer->normal); i++) {
        if (tokenizer->normal[i].to)
            read_refuse(tokenizer, "normalizer: Replace and Prepend are not read with ByteLevel");
    }
}

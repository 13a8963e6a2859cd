/* read_rules.c - see parts.h: the normalizer and the pre_tokenizer of a tokenizer.json, which say how a text
 * is split into pieces. */
#include "data/tokenizer/nfc.h"
#include "data/tokenizer/read.h"
#include "data/tokenizer/split_gpt2.h"

#include "base/stb_ds.h"

#include <string.h>

enum { PATTERN_MAX = 4096, SPLITS_MAX = 16 };

static bool is_type(const char *type, const char *wanted) {
    return strcmp(type, wanted) == 0;
}

void read_normalizer(Tokenizer *tokenizer, const cJSON *normalizer) {
    static const char *const known[] = {"type", NULL}, *const sequence[] = {"type", "normalizers",
                                                                            NULL};
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
        return;
    }
    if (!is_type(type, "NFC"))
        read_refuse(tokenizer,
                    "normalizer.type is \"%.64s\": this program normalizes to NFC or not at all",
                    type);
    read_members(tokenizer, normalizer, "normalizer", known);
    if (!nfc_library())
        read_refuse(tokenizer,
                    "its text is normalized to NFC, and this build has no utf8proc: install "
                    "libutf8proc-dev (or run scripts/install-packages.sh tokenizers) and run make "
                    "again");
    tokenizer->nfc = true;
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

void read_splits(Tokenizer *tokenizer, const cJSON *pre_tokenizer) {
    static const char *const known[] = {"type", "pretokenizers", NULL};
    bool byte_level = false;
    if (pre_tokenizer && !cJSON_IsNull(pre_tokenizer)) {
        const char *type = read_string(tokenizer, pre_tokenizer, "pre_tokenizer", "type");
        if (is_type(type, "Sequence")) {
            const cJSON *item;
            read_members(tokenizer, pre_tokenizer, "pre_tokenizer", known);
            cJSON_ArrayForEach(
                item, read_member(tokenizer, pre_tokenizer, "pre_tokenizer", "pretokenizers")) {
                if (byte_level)
                    read_refuse(tokenizer, "pre_tokenizer: ByteLevel is not the last of its "
                                           "Sequence");
                byte_level = add_entry(tokenizer, item);
            }
        } else {
            byte_level = add_entry(tokenizer, pre_tokenizer);
        }
    }
    if (!byte_level)
        read_refuse(tokenizer, "pre_tokenizer has no ByteLevel: this program reads byte-level BPE "
                               "only, not BPE of characters as SentencePiece makes it");
}

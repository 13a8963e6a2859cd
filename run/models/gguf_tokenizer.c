/* gguf_tokenizer.c - see gguf_parts.h: the tokenizer of a GGUF file as a tokenizer.json.
 *
 * A file names the split of a text into pieces (tokenizer.ggml.pre) and does not describe it. The table below has
 * the splits that data/tokenizer/ computes exactly as the `tokenizers` library does. Tokens that are cut out of
 * the text first (added tokens) have their own types. */
#include "run/models/gguf_parts.h"

#include "base/text_out.h"
#include "base/utf8.h"
#include "run/io/json_out.h"

#include <cJSON.h>
#include <string.h>

#define LEVEL(use_regex)                                                                           \
    "{\"type\":\"ByteLevel\",\"add_prefix_space\":false,\"trim_offsets\":true,\"use_"              \
    "regex\":" use_regex "}"
#define DIGITS "{\"type\":\"Digits\",\"individual_digits\":true}"
/* As JSON writes it: a backslash is two. `digits` is what follows the class of digits. */
#define SPLIT(digits)                                                                              \
    "{\"type\":\"Split\",\"pattern\":{\"Regex\":\"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\\\\r\\\\n\\\\p{" \
    "L}"                                                                                           \
    "\\\\p{N}]?\\\\p{L}+|\\\\p{N}" digits                                                          \
    "| ?[^\\\\s\\\\p{L}\\\\p{N}]+[\\\\r\\\\n]*|\\\\s*[\\\\r\\\\n]+|"                               \
    "\\\\s+(?!\\\\S)|\\\\s+\"},\"behavior\":\"Isolated\",\"invert\":false}"
#define SEQUENCE(first, second) "{\"type\":\"Sequence\",\"pretokenizers\":[" first "," second "]}"

static const struct {
    const char *name, *splits, *normalizer;
    bool ignore_merges; /* a piece that is a token is not merged */
} PRE[] = {
    {"gpt-2", LEVEL("true"), "null", false},
    {"smollm", SEQUENCE(DIGITS, LEVEL("true")), "null", false},
    {"starcoder", SEQUENCE(DIGITS, LEVEL("true")), "null", false},
    {"refact", SEQUENCE(DIGITS, LEVEL("true")), "null", false},
    {"llama-bpe", SEQUENCE(SPLIT("{1,3}"), LEVEL("false")), "null", true},
    {"qwen2", SEQUENCE(SPLIT(""), LEVEL("false")), "{\"type\":\"NFC\"}", false},
};
enum { PRE_COUNT = sizeof PRE / sizeof *PRE };

typedef struct {
    GgufFile *gguf;
    const GgufKey *tokens, *types, *merges;
    size_t pre; /* row of PRE */
} Parts;

/* Whether two rules are the same apart from members that change no tokens. */
static bool is_same_rule(const cJSON *a, const char *json) {
    cJSON *own = cJSON_Duplicate(a, true), *other = cJSON_Parse(json);
    cJSON *const both[] = {own, other};
    for (size_t i = 0; i < 2; i++) {
        cJSON *item, *list = cJSON_GetObjectItemCaseSensitive(both[i], "pretokenizers");
        cJSON_DeleteItemFromObjectCaseSensitive(both[i], "trim_offsets");
        cJSON_ArrayForEach(item, list) {
            cJSON_DeleteItemFromObjectCaseSensitive(item, "trim_offsets");
        }
    }
    const bool same = own ? cJSON_Compare(own, other, true) : cJSON_IsNull(other);
    cJSON_Delete(own);
    cJSON_Delete(other);
    return same;
}

const char *gguf_pre(const cJSON *tokenizer) {
    const cJSON *model = cJSON_GetObjectItemCaseSensitive(tokenizer, "model");
    const cJSON *splits = cJSON_GetObjectItemCaseSensitive(tokenizer, "pre_tokenizer");
    const cJSON *normalizer = cJSON_GetObjectItemCaseSensitive(tokenizer, "normalizer");
    const cJSON *merges = cJSON_GetObjectItemCaseSensitive(model, "merges");
    const bool whole = cJSON_IsTrue(cJSON_GetObjectItemCaseSensitive(model, "ignore_merges"));
    for (size_t i = 0; i < PRE_COUNT; i++) {
        const bool splits_same = is_same_rule(splits, PRE[i].splits) || !cJSON_GetArraySize(merges);
        if (splits_same && is_same_rule(normalizer, PRE[i].normalizer) &&
            whole == PRE[i].ignore_merges)
            return PRE[i].name;
    }
    return NULL;
}

/* --- checks --- */

static void find_pre(Parts *parts) {
    GgufText name;
    GgufFile *gguf = parts->gguf;
    if (!gguf_string(gguf, "tokenizer.ggml.pre", &name)) {
        gguf_refuse(gguf, "it has no key tokenizer.ggml.pre, so how a text is split is not known");
        return;
    }
    for (parts->pre = 0; parts->pre < PRE_COUNT; parts->pre++) {
        if (gguf_is(name, PRE[parts->pre].name)) return;
    }
    TextOut list;
    FILE *out = text_begin(&list);
    for (size_t i = 0; i < PRE_COUNT; i++) fprintf(out, "%s%s", i ? ", " : "", PRE[i].name);
    char *known = text_end(&list), *printable = gguf_printable(name);
    gguf_refuse(gguf,
                "tokenizer.ggml.pre is \"%s\"; the splits of text that this program knows are %s",
                printable, known);
    mem_free(known);
    mem_free(printable);
}

static void find_parts(Parts *parts, GgufText model, size_t vocab) {
    GgufFile *gguf = parts->gguf;
    if (!gguf_is(model, "gpt2")) {
        char *printable = gguf_printable(model);
        gguf_refuse(
            gguf,
            "tokenizer.ggml.model is \"%s\"; this program reads byte-level BPE (\"gpt2\") only",
            printable);
        mem_free(printable);
        return;
    }
    find_pre(parts);
    parts->tokens = gguf_list(gguf, "tokenizer.ggml.tokens", GGUF_STRING);
    parts->types = gguf_list(gguf, "tokenizer.ggml.token_type", GGUF_I32);
    parts->merges = gguf_list(gguf, "tokenizer.ggml.merges", GGUF_STRING);
    if (!parts->tokens || !parts->merges)
        gguf_refuse(gguf, "its tokenizer has no tokenizer.ggml.tokens or tokenizer.ggml.merges");
    else if (parts->tokens->count > vocab)
        gguf_refuse(gguf, "its tokenizer has %zu tokens, and token_embd.weight %zu rows",
                    parts->tokens->count, vocab);
    else if (parts->types && parts->types->count != parts->tokens->count)
        gguf_refuse(gguf, "tokenizer.ggml.token_type has %zu items for %zu tokens",
                    parts->types->count, parts->tokens->count);
}

/* --- the text --- */

/* A copy of a string of a list; refused if JSON cannot hold it. */
static char *copy_text(GgufFile *gguf, GgufText text, const char *list, size_t index) {
    char *copy = mem_alloc(text.length + 1);
    memcpy(copy, text.at, text.length);
    bool valid = strlen(copy) == text.length;
    for (size_t i = 0, length; valid && i < text.length; i += length) {
        length = utf8_length(copy + i, text.length - i);
        valid = length != 0;
    }
    if (!valid) gguf_refuse(gguf, "string %zu of %s is not UTF-8 text", index, list);
    return copy;
}

static int64_t type_of(const Parts *parts, size_t token) {
    return parts->types ? gguf_item(parts->types, token) : GGUF_TOKEN_NORMAL;
}

static void print_added(Json *json, const Parts *parts) {
    const unsigned char *at = parts->tokens->value;
    json_list_open(json, "added_tokens");
    for (size_t i = 0; i < parts->tokens->count && !parts->gguf->error; i++) {
        const GgufText text = gguf_next(&at);
        const int64_t type = type_of(parts, i);
        if (type == GGUF_TOKEN_NORMAL || type == GGUF_TOKEN_UNUSED) continue;
        if (type < GGUF_TOKEN_NORMAL || type > GGUF_TOKEN_UNUSED)
            gguf_refuse(parts->gguf, "token %zu has type %lld, which byte-level BPE has not", i,
                        (long long)type);
        char *content = copy_text(parts->gguf, text, "tokenizer.ggml.tokens", i);
        json_item(json);
        json_open(json, NULL);
        json_integer(json, "id", i);
        json_string(json, "content", content);
        json_boolean(json, "single_word", false);
        json_boolean(json, "lstrip", false);
        json_boolean(json, "rstrip", false);
        json_boolean(json, "normalized", false);
        json_boolean(json, "special", type != GGUF_TOKEN_ADDED);
        json_close(json);
        mem_free(content);
    }
    json_list_close(json);
}

static void print_vocab(Json *json, const Parts *parts) {
    const unsigned char *at = parts->tokens->value;
    json_open(json, "vocab");
    for (size_t i = 0; i < parts->tokens->count && !parts->gguf->error; i++) {
        const GgufText text = gguf_next(&at);
        if (type_of(parts, i) != GGUF_TOKEN_NORMAL) continue;
        char *content = copy_text(parts->gguf, text, "tokenizer.ggml.tokens", i);
        json_integer(json, content, i);
        mem_free(content);
    }
    json_close(json);
}

static void print_merges(Json *json, const Parts *parts) {
    const unsigned char *at = parts->merges->value;
    json_list_open(json, "merges");
    for (size_t i = 0; i < parts->merges->count && !parts->gguf->error; i++) {
        char *merge = copy_text(parts->gguf, gguf_next(&at), "tokenizer.ggml.merges", i);
        json_item(json);
        json_print_string(json->out, merge);
        mem_free(merge);
    }
    json_list_close(json);
}

static void print_raw(Json *json, const char *name, const char *value) {
    json_key(json, name);
    fputs(value, json->out);
}

static void print_tokenizer(Json *json, const Parts *parts) {
    json_open(json, NULL);
    json_string(json, "version", "1.0");
    print_raw(json, "truncation", "null");
    print_raw(json, "padding", "null");
    print_added(json, parts);
    print_raw(json, "normalizer", PRE[parts->pre].normalizer);
    print_raw(json, "pre_tokenizer", PRE[parts->pre].splits);
    print_raw(json, "post_processor", "null");
    print_raw(json, "decoder", LEVEL("true"));
    json_open(json, "model");
    json_string(json, "type", "BPE");
    print_raw(json, "dropout", "null");
    print_raw(json, "unk_token", "null");
    json_boolean(json, "fuse_unk", false);
    json_boolean(json, "byte_fallback", false);
    json_boolean(json, "ignore_merges", PRE[parts->pre].ignore_merges);
    print_vocab(json, parts);
    print_merges(json, parts);
    json_close(json);
    json_close(json);
    fputc('\n', json->out);
}

char *gguf_tokenizer(GgufFile *gguf, size_t vocab) {
    Parts parts = {.gguf = gguf};
    GgufText model;
    if (!gguf_string(gguf, "tokenizer.ggml.model", &model)) return NULL;
    if (!gguf->error) find_parts(&parts, model, vocab);
    if (gguf->error) return NULL;
    TextOut text;
    Json json = {.out = text_begin(&text), .layout = JSON_COMPACT};
    print_tokenizer(&json, &parts);
    char *result = text_end(&text);
    if (!gguf->error) return result;
    mem_free(result);
    return NULL;
}

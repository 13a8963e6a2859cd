/* read_model.c - see parts.h: the vocabulary, the merges and the added tokens of a tokenizer.json. */
#include "data/tokenizer/alphabet.h"
#include "data/tokenizer/nfc.h"
#include "data/tokenizer/read.h"

#include "base/stb_ds.h"

#include <string.h>

/* --- the vocabulary --- */

/* A token with a character that stands for no byte is decoded as it is written, and no merge makes it. */
static void add_token(Tokenizer *tokenizer, const char *text, size_t token, char *bytes) {
    const size_t written = strlen(text), length = alphabet_bytes(text, written, bytes);
    if (!written) read_refuse(tokenizer, "model.vocab has an empty token");
    if (length == SIZE_MAX) {
        read_text(tokenizer, token, text, written);
        return;
    }
    read_text(tokenizer, token, bytes, length);
    if (*bytemap_put(&tokenizer->vocab, bytes, length, (int64_t)token) != (int64_t)token)
        read_refuse(tokenizer, "model.vocab has a token twice: \"%.64s\"", text);
    if (length == 1) tokenizer->token_of[(unsigned char)*bytes] = (int)token;
}

/* --- merges --- */

/* The token of one half of a merge, whose text ends at `length`. Its bytes go to `bytes`, their number to
 * `count`. */
static int half_of(const Tokenizer *tokenizer, const char *text, size_t length, size_t merge,
                   char *bytes, size_t *count) {
    *count = alphabet_bytes(text, length, bytes);
    const int64_t *token =
        *count == SIZE_MAX ? NULL : bytemap_find(&tokenizer->vocab, bytes, *count);
    if (!token)
        read_refuse(tokenizer, "model.merges: \"%.*s\" of merge %zu is not in model.vocab",
                    length < 64 ? (int)length : 64, text, merge);
    return (int)*token;
}

/* The halves of a merge: "a b" or ["a", "b"]. */
static void halves_of(const Tokenizer *tokenizer, const cJSON *json, size_t merge,
                      const char *half[2], size_t length[2]) {
    const cJSON *first = cJSON_IsArray(json) ? json->child : NULL,
                *second = first ? first->next : NULL;
    if (cJSON_IsString(json)) {
        const char *text = json->valuestring, *blank = strchr(text, ' ');
        if (blank && !strchr(blank + 1, ' ')) {
            half[0] = text;
            length[0] = (size_t)(blank - text);
            half[1] = blank + 1;
            length[1] = strlen(blank + 1);
            return;
        }
    } else if (cJSON_IsString(first) && cJSON_IsString(second) && !second->next) {
        half[0] = first->valuestring;
        half[1] = second->valuestring;
        for (int i = 0; i < 2; i++) length[i] = strlen(half[i]);
        return;
    }
    read_refuse(tokenizer, "model.merges: merge %zu is neither \"a b\" nor [\"a\", \"b\"]", merge);
}

static void add_merge(Tokenizer *tokenizer, const cJSON *json, size_t rank, char *bytes) {
    const char *half[2];
    size_t length[2], count[2];
    halves_of(tokenizer, json, rank, half, length);
    const int a = half_of(tokenizer, half[0], length[0], rank, bytes, &count[0]);
    const int b = half_of(tokenizer, half[1], length[1], rank, bytes + count[0], &count[1]);
    const int64_t *made = bytemap_find(&tokenizer->vocab, bytes, count[0] + count[1]);
    if (!made)
        read_refuse(tokenizer, "model.merges: what merge %zu makes is not in model.vocab", rank);
    *pairmap_put(&tokenizer->merges, a, b) = (int64_t)rank << 32 | *made;
}

void read_model(Tokenizer *tokenizer, const cJSON *model) {
    static const char *const known[] = {"type",
                                        "dropout",
                                        "unk_token",
                                        "continuing_subword_prefix",
                                        "end_of_word_suffix",
                                        "fuse_unk",
                                        "byte_fallback",
                                        "ignore_merges",
                                        "vocab",
                                        "merges",
                                        NULL};
    read_members(tokenizer, model, "model", known);
    read_unused(tokenizer, model, "model", "dropout");
    read_unused(tokenizer, model, "model", "continuing_subword_prefix");
    read_unused(tokenizer, model, "model", "end_of_word_suffix");
    tokenizer->whole_pieces = read_flag(tokenizer, model, "model", "ignore_merges", false);
    const cJSON *vocab = read_member(tokenizer, model, "model", "vocab");
    const cJSON *merges = read_member(tokenizer, model, "model", "merges"), *item;
    if (!cJSON_IsObject(vocab)) read_refuse(tokenizer, "model.vocab is not an object");
    if (!cJSON_IsArray(merges)) read_refuse(tokenizer, "model.merges is not a list");
    char *bytes = mem_alloc(2 * tokenizer->json_length + 1); /* no text is longer than the file */
    for (int byte = 0; byte < 256; byte++) tokenizer->token_of[byte] = -1;
    cJSON_ArrayForEach(item, vocab) {
        add_token(tokenizer, item->string, read_token(tokenizer, item, "model.vocab"), bytes);
    }
    size_t rank = 0;
    cJSON_ArrayForEach(item, merges) {
        if (rank >= INT32_MAX) read_refuse(tokenizer, "model.merges: too many");
        add_merge(tokenizer, item, rank++, bytes);
    }
    mem_free(bytes);
}

/* --- added tokens --- */

/* What is looked for in normalized text is normalized itself. */
static void keep_added(Tokenizer *tokenizer, const char *content, size_t token, bool normalized) {
    AddedToken added = {.token = (int)token, .length = strlen(content)};
    if (normalized && tokenizer->nfc) {
        char *normal = NULL;
        nfc_append(&normal, content, added.length);
        added.length = arrlenu(normal);
        added.content = mem_alloc(added.length + 1);
        memcpy(added.content, normal, added.length);
        arrfree(normal);
    } else {
        added.content = mem_alloc(added.length + 1);
        memcpy(added.content, content, added.length);
    }
    arrput(tokenizer->added[normalized].list, added);
}

/* Whether model.vocab has neither this token nor this text, or has both together. */
static bool is_same_token(const Tokenizer *tokenizer, const char *content, size_t length,
                          size_t token) {
    const TokenText *text = &tokenizer->texts[token];
    char *bytes = mem_alloc(length + 1);
    size_t count = alphabet_bytes(content, length, bytes);
    const int64_t *other = count == SIZE_MAX ? NULL : bytemap_find(&tokenizer->vocab, bytes, count);
    if (count == SIZE_MAX) memcpy(bytes, content, count = length);
    bool same = !other || *other == (int64_t)token;
    if (text->known)
        same &= text->length == count && memcmp(tokenizer->bytes + text->offset, bytes, count) == 0;
    mem_free(bytes);
    return same;
}

static void add_added(Tokenizer *tokenizer, const cJSON *item) {
    static const char where[] = "added_tokens";
    static const char *const known[] = {"id",     "content", "single_word", "lstrip",
                                        "rstrip", "special", "normalized",  NULL};
    read_members(tokenizer, item, where, known);
    const char *content = read_string(tokenizer, item, where, "content");
    const size_t token = read_token(tokenizer, read_member(tokenizer, item, where, "id"), where);
    read_unused(tokenizer, item, where, "single_word");
    read_unused(tokenizer, item, where, "lstrip");
    read_unused(tokenizer, item, where, "rstrip");
    if (!*content) return;
    const size_t length = strlen(content);
    if (!is_same_token(tokenizer, content, length, token))
        read_refuse(
            tokenizer,
            "added_tokens: \"%.64s\" is token %zu, but model.vocab has another text for this "
            "number or another number for this text",
            content, token);
    tokenizer->texts[token].known = false;
    read_text(tokenizer, token, content, length);
    read_member(tokenizer, item, where, "normalized");
    keep_added(tokenizer, content, token, read_flag(tokenizer, item, where, "normalized", true));
}

void read_added(Tokenizer *tokenizer, const cJSON *added) {
    const cJSON *item;
    cJSON_ArrayForEach(item, added) add_added(tokenizer, item);
    for (size_t i = 0; i < 2; i++) added_sort(&tokenizer->added[i]);
}

/* read_model.c - see parts.h: the vocabulary and the merges of a tokenizer.json. */
#include "data/tokenizer/alphabet.h"
#include "data/tokenizer/read.h"

#include "base/stb_ds.h"

#include <string.h>

/* --- the vocabulary --- */

/* A token as the vocabulary has it, in `key`, which is not longer: its bytes, or of a vocabulary of characters
 * what is written. SIZE_MAX if it has a character that stands for no byte. */
static size_t key_of(const Tokenizer *tokenizer, const char *written, size_t length, char *key) {
    if (tokenizer->kind == MODEL_BYTES) return alphabet_bytes(written, length, key);
    memcpy(key, written, length);
    return length;
}

/* A token with a character that stands for no byte is decoded as it is written, and no merge makes it. */
static void add_token(Tokenizer *tokenizer, const char *text, size_t token, char *bytes) {
    const size_t written = strlen(text), length = key_of(tokenizer, text, written, bytes);
    if (!written) read_refuse(tokenizer, "model.vocab has an empty token");
    if (length == SIZE_MAX) {
        read_text(tokenizer, token, text, written);
        return;
    }
    if (tokenizer->kind != MODEL_BYTES) {
        read_written(tokenizer, text, token, bytes);
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
    *count = key_of(tokenizer, text, length, bytes);
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

/* What only a vocabulary of characters has. */
static void read_characters(Tokenizer *tokenizer, const cJSON *model) {
    const cJSON *unknown = cJSON_GetObjectItemCaseSensitive(model, "unk_token");
    tokenizer->byte_fallback = read_flag(tokenizer, model, "model", "byte_fallback", false);
    tokenizer->fuse_unknown = read_flag(tokenizer, model, "model", "fuse_unk", false);
    if (!unknown || cJSON_IsNull(unknown)) return;
    const char *text = read_string(tokenizer, model, "model", "unk_token");
    const cJSON *vocab = cJSON_GetObjectItemCaseSensitive(model, "vocab");
    const cJSON *token = cJSON_GetObjectItemCaseSensitive(vocab, text);
    if (!token) read_refuse(tokenizer, "model.unk_token \"%.64s\" is not in model.vocab", text);
    tokenizer->unknown = (int)read_token(tokenizer, token, "model.vocab");
}

static bool has_mark_inside(const char *text) {
    for (const char *at = text; (at = strstr(at, MARK)); at += MARK_LENGTH) {
        if (at > text &&
            (at - text < MARK_LENGTH || memcmp(at - MARK_LENGTH, MARK, MARK_LENGTH) != 0))
            return true;
    }
    return false;
}

static void read_merges(Tokenizer *tokenizer, const cJSON *merges, char *bytes) {
    size_t rank = 0;
    const cJSON *item;
    cJSON_ArrayForEach(item, merges) {
        if (rank >= INT32_MAX) read_refuse(tokenizer, "model.merges: too many");
        add_merge(tokenizer, item, rank++, bytes);
    }
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
    const bool bytes_only = tokenizer->kind == MODEL_BYTES;
    if (bytes_only)
        read_unused(tokenizer, model, "model", "byte_fallback");
    else
        read_characters(tokenizer, model);
    char *bytes = mem_alloc(2 * tokenizer->json_length + 1); /* no text is longer than the file */
    bool mark_inside = false;
    cJSON_ArrayForEach(item, vocab) {
        add_token(tokenizer, item->string, read_token(tokenizer, item, "model.vocab"), bytes);
        mark_inside |= has_mark_inside(item->string);
    }
    read_merges(tokenizer, merges, bytes);
    mem_free(bytes);
    tokenizer->cut_at_marks = !bytes_only && !mark_inside && !tokenizer->whole_pieces &&
                              bytemap_find(&tokenizer->vocab, MARK, MARK_LENGTH);
}

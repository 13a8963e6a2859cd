/* read_added.c - see parts.h: the added tokens of a tokenizer.json. */
#include "data/tokenizer/alphabet.h"
#include "data/tokenizer/read.h"

#include "base/stb_ds.h"

#include <string.h>

/* What is looked for in normalized text is normalized itself. */
static void keep_added(Tokenizer *tokenizer, const char *content, size_t token, bool normalized) {
    char *text = NULL;
    const size_t length = strlen(content);
    if (normalized)
        normalize_line(tokenizer, &text, content, length, true);
    else
        memcpy(arraddnptr(text, length), content, length);
    AddedToken added = {.token = (int)token, .length = arrlenu(text)};
    added.content = mem_alloc(added.length + 1);
    memcpy(added.content, text, added.length);
    arrfree(text);
    arrput(tokenizer->added[normalized].list, added);
}

/* Whether model.vocab has neither this token nor this text, or has both together. */
static bool is_same_token(const Tokenizer *tokenizer, const char *content, size_t length,
                          size_t token) {
    const TokenText *text = &tokenizer->texts[token];
    if (tokenizer->kind != MODEL_BYTES) {
        const int64_t *found = bytemap_find(&tokenizer->vocab, content, length);
        return text->known ? found && *found == (int64_t)token : !found;
    }
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
    if (tokenizer->kind == MODEL_BYTES) {
        read_text(tokenizer, token, content, length);
    } else {
        char *text = mem_alloc(length);
        read_text(tokenizer, token, text, characters_text(tokenizer, content, length, text));
        mem_free(text);
    }
    read_member(tokenizer, item, where, "normalized");
    keep_added(tokenizer, content, token, read_flag(tokenizer, item, where, "normalized", true));
}

void read_added(Tokenizer *tokenizer, const cJSON *added) {
    const cJSON *item;
    cJSON_ArrayForEach(item, added) add_added(tokenizer, item);
    for (size_t i = 0; i < 2; i++) added_sort(&tokenizer->added[i]);
}

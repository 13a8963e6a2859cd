/* fuzz_tokenizer.c - arbitrary bytes as a tokenizer.json, and as a text for it.
 *
 * The text follows the last byte 0xFF, which no JSON has. A file that is read must encode the text into tokens that it
 * has, the second time from its cache. They must decode to the same bytes, unless a part of the file changes the text
 * or some characters are unknown. */
#include "tests/fuzz/fuzz.h"

#include "base/stb_ds.h"
#include "data/tokenizer/tokenizer.h"

enum { TEXT_MAX = 256 };

static void append(void *context, const int *tokens, size_t count) {
    int **list = context;
    memcpy(arraddnptr(*list, count), tokens, count * sizeof *tokens);
}

static bool has(const char *data, size_t size, const char *word) {
    return memmem(data, size, word, strlen(word));
}

/* Whether the file has nothing that changes a text. */
static bool is_lossless(const char *data, size_t size) {
    return !has(data, size, "normalizer") && !has(data, size, "Metaspace") &&
           !has(data, size, "unk") && !has(data, size, "byte_fallback");
}

static void check_tokens(const Tokenizer *tokenizer, const int *tokens, const char *text,
                         size_t length, bool lossless) {
    size_t at = 0;
    for (size_t i = 0; i < arrlenu(tokens); i++) {
        size_t size;
        const char *bytes = tokenizer_text(tokenizer, tokens[i], &size);
        if (!size) abort();
        if (!lossless) continue;
        if (size > length - at || memcmp(bytes, text + at, size) != 0) abort();
        at += size;
    }
    if (lossless && at != length) abort();
}

static void fuzz_one(const uint8_t *data, size_t size) {
    const uint8_t *end = memrchr(data, 0xFF, size);
    const size_t length = end ? (size_t)(end - data) : size;
    const char *text = end ? (const char *)end + 1 : "";
    size_t left = size - length, bad;
    if (left) left--;
    if (left > TEXT_MAX) left = TEXT_MAX;
    Tokenizer *tokenizer = tokenizer_parse((const char *)data, length, "fuzz");
    int *tokens = NULL, *again = NULL;
    const bool encoded = tokenizer_encode(tokenizer, text, left, append, &tokens, &bad);
    if (!encoded && bad >= left) abort();
    if (encoded) {
        check_tokens(tokenizer, tokens, text, left, is_lossless((const char *)data, length));
        const size_t count = arrlenu(tokens);
        if (!tokenizer_encode(tokenizer, text, left, append, &again, &bad) ||
            arrlenu(again) != count || (count && memcmp(again, tokens, count * sizeof *again) != 0))
            abort();
    }
    arrfree(again);
    arrfree(tokens);
    tokenizer_free(tokenizer);
}

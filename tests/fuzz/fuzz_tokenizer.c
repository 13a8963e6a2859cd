/* fuzz_tokenizer.c - arbitrary bytes as a tokenizer.json, and as a text for it.
 *
 * The text follows the last byte 0xFF, which no JSON has. A file that is read must encode the text into tokens that it
 * has, and these must decode to the same bytes, unless it normalizes. */
#include "tests/fuzz/fuzz.h"

#include "base/stb_ds.h"
#include "data/tokenizer/tokenizer.h"

enum { TEXT_MAX = 256 };

static void append(void *context, const int *tokens, size_t count) {
    int **list = context;
    memcpy(arraddnptr(*list, count), tokens, count * sizeof *tokens);
}

static void check_tokens(const Tokenizer *tokenizer, const int *tokens, const char *text,
                         size_t length) {
    size_t at = 0;
    for (size_t i = 0; i < arrlenu(tokens); i++) {
        size_t size;
        const char *bytes = tokenizer_text(tokenizer, tokens[i], &size);
        if (!size || size > length - at || memcmp(bytes, text + at, size) != 0) abort();
        at += size;
    }
    if (at != length) abort();
}

static void fuzz_one(const uint8_t *data, size_t size) {
    const uint8_t *end = memrchr(data, 0xFF, size);
    const size_t length = end ? (size_t)(end - data) : size;
    const char *text = end ? (const char *)end + 1 : "";
    size_t left = size - length, bad;
    if (left) left--;
    if (left > TEXT_MAX) left = TEXT_MAX;
    Tokenizer *tokenizer = tokenizer_parse((const char *)data, length, "fuzz");
    int *tokens = NULL;
    const bool encoded = tokenizer_encode(tokenizer, text, left, append, &tokens, &bad);
    if (!encoded && bad >= left) abort();
    if (encoded && !memmem(data, length, "NFC", 3)) check_tokens(tokenizer, tokens, text, left);
    arrfree(tokens);
    tokenizer_free(tokenizer);
}

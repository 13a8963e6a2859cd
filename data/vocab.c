/* vocab.c - see vocab.h: bytes to tokens and back. Owns nothing. */
#include "data/vocab.h"

#include "base/stb_ds.h"
#include "base/words.h"

#include <string.h>

Vocab vocab_chars(const unsigned char *alphabet, size_t size) {
    Vocab vocab = {.kind = VOCAB_CHARS, .size = size};
    for (int byte = 0; byte < 256; byte++) vocab.token_of[byte] = -1;
    for (size_t token = 0; token < size; token++) {
        vocab.byte_of[token] = alphabet[token];
        vocab.token_of[alphabet[token]] = (int)token;
    }
    return vocab;
}

const char *data_vocab_name(int i) {
    static const char *const words[] = {[VOCAB_BYTES] = "bytes", [VOCAB_CHARS] = "chars"};
    return NAME_AT(words, i);
}

Vocab vocab_bytes(void) {
    unsigned char every[256];
    for (int byte = 0; byte < 256; byte++) every[byte] = (unsigned char)byte;
    Vocab vocab = vocab_chars(every, 256);
    vocab.kind = VOCAB_BYTES;
    return vocab;
}

VocabKind vocab_kind(const char *value) {
    static const char ending[] = ".json";
    const size_t length = strlen(value), tail = sizeof ending - 1;
    const int word = name_index(data_vocab_name, value);
    if (word >= 0) return (VocabKind)word;
    return length > tail && strcmp(value + length - tail, ending) == 0 ? VOCAB_TOKENIZER
                                                                       : VOCAB_UNKNOWN;
}

Vocab vocab_tokenizer(Tokenizer *tokenizer) {
    Vocab vocab = {
        .kind = VOCAB_TOKENIZER, .size = tokenizer_size(tokenizer), .tokenizer = tokenizer};
    for (int byte = 0; byte < 256; byte++)
        vocab.token_of[byte] = tokenizer_byte(tokenizer, (unsigned char)byte);
    return vocab;
}

static void append(void *context, const int *tokens, size_t count) {
    int **list = context;
    memcpy(arraddnptr(*list, count), tokens, count * sizeof *tokens);
}

int *vocab_encode(const Vocab *vocab, const char *text, size_t length, size_t *count,
                  size_t *bad_offset) {
    if (vocab->tokenizer) {
        int *list = NULL, *tokens = NULL;
        if (tokenizer_encode(vocab->tokenizer, text, length, append, &list, bad_offset)) {
            *count = arrlenu(list);
            tokens = mem_alloc(size_mul(*count + 1, sizeof *tokens));
            if (*count) memcpy(tokens, list, *count * sizeof *tokens);
        }
        arrfree(list);
        return tokens;
    }
    int *tokens = mem_alloc(size_mul(length + 1, sizeof *tokens));
    *count = length;
    for (size_t i = 0; i < length; i++) {
        tokens[i] = vocab->token_of[(unsigned char)text[i]];
        if (tokens[i] >= 0) continue;
        *bad_offset = i;
        mem_free(tokens);
        return NULL;
    }
    return tokens;
}

const char *vocab_text(const Vocab *vocab, int token, size_t *length) {
    if (vocab->tokenizer) return tokenizer_text(vocab->tokenizer, token, length);
    *length = token >= 0 && (size_t)token < vocab->size;
    return *length ? (const char *)vocab->byte_of + token : "";
}

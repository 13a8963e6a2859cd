/* vocab.c - see vocab.h: bytes to tokens and back. Owns nothing. */
#include "data/vocab.h"

#include "base/words.h"

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

bool vocab_encode(const Vocab *vocab, const char *text, size_t length, int *tokens,
                  size_t *bad_offset) {
    for (size_t i = 0; i < length; i++) {
        tokens[i] = vocab->token_of[(unsigned char)text[i]];
        if (tokens[i] < 0) {
            *bad_offset = i;
            return false;
        }
    }
    return true;
}

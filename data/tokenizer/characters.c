/* characters.c - see parts.h: tokens that are written as text, with a mark for a blank and <0xNN> for a byte.
 *
 * One idea: SentencePiece's BPE begins with characters, not bytes. A character without a token becomes the
 * tokens of its bytes, if all of them have one, or else the token of unknown characters, in the order in
 * which the `tokenizers` library puts them. */
#include "data/tokenizer/parts.h"

#include "base/stb_ds.h"
#include "base/utf8.h"

#include <string.h>

/* Adds the tokens of the bytes of a character; false if one has none. */
static bool add_fallback(Tokenizer *tokenizer, const char *text, size_t length) {
    for (size_t i = 0; i < length; i++) {
        if (tokenizer->fallback[(unsigned char)text[i]] < 0) return false;
    }
    for (size_t i = 0; i < length; i++)
        merge_add_symbol(&tokenizer->work, tokenizer->fallback[(unsigned char)text[i]]);
    return true;
}

bool characters_add(Tokenizer *tokenizer, const char *piece, size_t length, size_t *bad_offset) {
    Work *work = &tokenizer->work;
    bool waits = false; /* an unknown character, with which the next may be fused */
    for (size_t i = 0, here; i < length; i += here) {
        here = utf8_length(piece + i, length - i);
        const bool valid = here > 0;
        if (!valid) here = 1;
        const int64_t *token = bytemap_find(&tokenizer->vocab, piece + i, here);
        if (token) {
            if (waits) merge_add_symbol(work, tokenizer->unknown);
            waits = false;
            merge_add_symbol(work, (int)*token);
        } else if (!add_fallback(tokenizer, piece + i, here)) {
            if (!valid || tokenizer->unknown < 0) {
                *bad_offset = i;
                return false;
            }
            if (waits && !tokenizer->fuse_unknown) merge_add_symbol(work, tokenizer->unknown);
            waits = true;
        }
    }
    if (waits) merge_add_symbol(work, tokenizer->unknown);
    return true;
}

/* The value of a digit as "%02X" prints it; -1 = none. */
static int digit_of(char c) {
    static const char digits[] = "0123456789ABCDEF";
    const char *at = c ? strchr(digits, c) : NULL;
    return at ? (int)(at - digits) : -1;
}

bool characters_byte(const char *written, size_t length, unsigned char *byte) {
    if (length != 6 || memcmp(written, "<0x", 3) != 0 || written[5] != '>') return false;
    const int high = digit_of(written[3]), low = digit_of(written[4]);
    if (high < 0 || low < 0) return false;
    *byte = (unsigned char)(16 * high + low);
    return true;
}

size_t characters_text(const Tokenizer *tokenizer, const char *written, size_t length, char *text) {
    unsigned char byte;
    if (tokenizer->byte_fallback && characters_byte(written, length, &byte)) {
        *text = (char)byte;
        return 1;
    }
    size_t count = 0;
    for (size_t i = 0; i < length;) {
        const bool mark = tokenizer->marks && length - i >= MARK_LENGTH &&
                          memcmp(written + i, MARK, MARK_LENGTH) == 0;
        text[count++] = mark ? ' ' : written[i];
        i += mark ? MARK_LENGTH : 1;
    }
    return count;
}

/* alphabet.c - see alphabet.h. */
#include "data/tokenizer/alphabet.h"

#include "base/stb_ds.h"

enum { CHARACTERS = 0x100 + 68 };

static bool stands_for_itself(unsigned byte) {
    return (byte >= '!' && byte <= '~') || (byte >= 0xA1 && byte <= 0xAC) || byte >= 0xAE;
}

unsigned alphabet_character(unsigned char byte) {
    if (stands_for_itself(byte)) return byte;
    unsigned before = 0;
    for (unsigned other = 0; other < byte; other++) before += !stands_for_itself(other);
    return 0x100 + before;
}

void alphabet_put(char **text, unsigned char byte) {
    const unsigned character = alphabet_character(byte);
    if (character < 0x80) {
        arrput(*text, (char)character);
    } else {
        arrput(*text, (char)(0xC0 | character >> 6));
        arrput(*text, (char)(0x80 | (character & 0x3F)));
    }
}

/* The byte of every character, -1 = none. */
static const short *bytes_of_characters(void) {
    static short table[CHARACTERS];
    static bool filled;
    if (filled) return table;
    for (int i = 0; i < CHARACTERS; i++) table[i] = -1;
    for (int byte = 0; byte < 256; byte++)
        table[alphabet_character((unsigned char)byte)] = (short)byte;
    filled = true;
    return table;
}

size_t alphabet_bytes(const char *text, size_t length, char *bytes) {
    const short *table = bytes_of_characters();
    const unsigned char *u = (const unsigned char *)text;
    size_t count = 0;
    for (size_t i = 0; i < length; i++) {
        unsigned character = u[i];
        if (character >= 0xE0) return SIZE_MAX;
        if (character >= 0x80) character = (character & 0x1F) << 6 | (u[++i] & 0x3F);
        if (character >= CHARACTERS || table[character] < 0) return SIZE_MAX;
        bytes[count++] = (char)table[character];
    }
    return count;
}

/* survey.c - see survey.h. */
#include "data/survey.h"

#include "base/stb_ds.h"

enum { PIECE = 1 << 16 }; /* bytes read at once: fits in the cache, a multiple of all widths */

/* The hash waits for a multiplication at every byte, so what else is done with the byte costs hardly
 * any time. */
static void survey_text(Survey *survey, const unsigned char *bytes, size_t size) {
    uint64_t hash = survey->hash;
    size_t nuls = 0, returns = 0;
    for (size_t i = 0; i < size; i++) {
        const unsigned char byte = bytes[i];
        hash = hash_byte(hash, byte);
        survey->occurs[byte] = true;
    }
    for (size_t i = 0; i < size; i++) {
        nuls += bytes[i] == '\0';
        returns += bytes[i] == '\r';
    }
    survey->hash = hash;
    survey->nuls += nuls;
    survey->returns += returns;
}

static void survey_numbers(Survey *survey, const unsigned char *bytes, size_t size, size_t width) {
    uint64_t hash = survey->hash;
    uint32_t largest = survey->largest;
    for (size_t i = 0; i < size; i += width) {
        uint32_t token = 0;
        for (size_t k = 0; k < width; k++) {
            hash = hash_byte(hash, bytes[i + k]);
            token |= (uint32_t)bytes[i + k] << 8 * k;
        }
        if (token > largest) largest = token;
    }
    survey->hash = hash;
    survey->largest = largest;
}

const Survey *survey_file(TokenFile *file) {
    unsigned char bytes[PIECE];
    Survey *survey = &file->survey;
    size_t header = file->kind->header, width = file->kind->width;
    if (survey->done) return survey;
    survey->hash = HASH_START;
    if (header) {
        tokens_bytes(file, 0, bytes, header);
        survey->hash = hash_bytes(survey->hash, bytes, header);
    }
    for (size_t at = header, here; at < file->size; at += here) {
        here = file->size - at < PIECE ? file->size - at : PIECE;
        tokens_bytes(file, at, bytes, here);
        if (width == 1) {
            survey_text(survey, bytes, here);
        } else if (width == 2) {
            survey_numbers(survey, bytes, here, 2); /* compiled for this width */
        } else {
            survey_numbers(survey, bytes, here, width);
        }
    }
    survey->done = true;
    return survey;
}

static bool is_valid(const TokenFile *file, const Vocab *vocab, size_t V) {
    const Survey *survey = &file->survey;
    if (file->encoded) return true;
    if (file->kind->width > 1) return survey->largest < V;
    for (int byte = 0; byte < 256; byte++) {
        if (survey->occurs[byte] && vocab->token_of[byte] < 0) return false;
    }
    return true;
}

void survey_check(TokenFile *files, const Vocab *vocab, size_t V) {
    enum { TOKENS = 1024 };
    int tokens[TOKENS];
    for (size_t i = 0; i < arrlenu(files); i++) {
        TokenFile *file = &files[i];
        survey_file(file);
        if (is_valid(file, vocab, V)) continue;
        /* Reading ends the program at the first invalid token. */
        for (size_t at = 0; at < file->count; at += TOKENS) {
            size_t left = file->count - at;
            tokens_read(file, at, left < TOKENS ? left : TOKENS, vocab, V, tokens);
        }
    }
}

Vocab survey_chars(TokenFile *files) {
    unsigned char alphabet[256];
    size_t size = 0;
    for (int byte = 0; byte < 256; byte++) {
        bool occurs = false;
        for (size_t i = 0; i < arrlenu(files); i++) occurs |= survey_file(&files[i])->occurs[byte];
        if (occurs) alphabet[size++] = (unsigned char)byte;
    }
    return vocab_chars(alphabet, size);
}

/* pieces.c - see tokenizer.h: a text to pieces, and the pieces to tokens.
 *
 * One idea: each rule sees one stretch of what the rule before it has left, as a text of its own: added
 * tokens, normalization, added tokens of normalized text, valid UTF-8, one regular expression after the
 * other. Nothing is copied but text that normalization changes. */
#include "data/tokenizer/nfc.h"
#include "data/tokenizer/parts.h"

#include "base/stb_ds.h"
#include "base/utf8.h"

#include <string.h>

/* A line of normalized text, and the line of the text that it comes from. */
typedef struct {
    size_t normal, original;
    bool same; /* both have the same bytes */
} Place;

typedef struct {
    Tokenizer *tokenizer;
    TokenSink *sink;
    void *context;
    const char *base; /* of the stretch that is read: the text, or a normalized copy */
    Place *places;    /* of a normalized copy (stb_ds array) */
    size_t start;     /* of the stretch in the text */
    size_t bad;       /* offset of the first byte that has no token */
} Encoder;

/* --- one piece --- */

static size_t original_offset(const Encoder *encoder, size_t offset) {
    const Place *place = encoder->places;
    if (!place) return offset;
    for (size_t i = 1; i < arrlenu(encoder->places) && place[1].normal <= offset; i++) place++;
    return encoder->start + place->original + (place->same ? offset - place->normal : 0);
}

static bool encode_piece(Encoder *encoder, const char *text, size_t length) {
    const int *tokens;
    size_t count, bad;
    if (!merge_piece(encoder->tokenizer, text, length, &tokens, &count, &bad)) {
        encoder->bad = original_offset(encoder, (size_t)(text - encoder->base) + bad);
        return false;
    }
    encoder->sink(encoder->context, tokens, count);
    return true;
}

/* --- regular expressions --- */

static bool split(Encoder *encoder, size_t rule, const char *text, size_t length);

/* A part of what a rule has split, for the next rule. */
static bool pass_on(Encoder *encoder, size_t rule, const char *text, size_t length) {
    if (!length) return true;
    if (rule == arrlenu(encoder->tokenizer->splits)) return encode_piece(encoder, text, length);
    return split(encoder, rule, text, length);
}

/* Matches, and what is between them, are pieces. An empty match right after another one is none, as in
 * Oniguruma's loop over matches. */
static bool split(Encoder *encoder, size_t rule, const char *text, size_t length) {
    const Regex *regex = encoder->tokenizer->splits[rule];
    size_t done = 0, from = 0, begin, end, last_end = SIZE_MAX;
    while (from <= length) {
        RegexResult result = regex_find(regex, text, length, from, &begin, &end);
        if (result == REGEX_NONE) break;
        if (result == REGEX_GAVE_UP)
            die(EXIT_DATA,
                "%s: the regular expression %zu of pre_tokenizer takes too many steps at offset "
                "%zu of a stretch of %zu bytes",
                encoder->tokenizer->name, rule + 1, from, length);
        if (begin == end && end == last_end) {
            const size_t here = end < length ? utf8_length(text + end, length - end) : 1;
            from = end + (here ? here : 1);
            continue;
        }
        if (!pass_on(encoder, rule + 1, text + done, begin - done)) return false;
        if (!pass_on(encoder, rule + 1, text + begin, end - begin)) return false;
        done = from = last_end = end;
    }
    return pass_on(encoder, rule + 1, text + done, length - done);
}

/* --- valid UTF-8 --- */

/* The length of the valid, or else of the invalid, UTF-8 at the start of a text. */
static size_t stretch_of(const char *text, size_t length, bool valid) {
    size_t i = 0;
    while (i < length) {
        const size_t here = (unsigned char)text[i] < 0x80 ? 1 : utf8_length(text + i, length - i);
        if ((here > 0) != valid) break;
        i += here ? here : 1;
    }
    return i;
}

static bool encode_bytes(Encoder *encoder, const char *text, size_t length) {
    for (size_t i = 0, here; i < length; i += here) {
        bool encoded;
        if ((here = stretch_of(text + i, length - i, true)) > 0)
            encoded = pass_on(encoder, 0, text + i, here);
        else
            encoded =
                encode_piece(encoder, text + i, here = stretch_of(text + i, length - i, false));
        if (!encoded) return false;
    }
    return true;
}

/* --- added tokens and normalization --- */

typedef bool Stretch(Encoder *encoder, const char *text, size_t length);

/* Cuts the added tokens out; what is between them goes to `rest`. */
static bool cut_added(Encoder *encoder, const AddedTokens *added, const char *text, size_t length,
                      Stretch *rest) {
    const AddedToken *token;
    size_t at;
    while ((token = added_find(added, text, length, &at))) {
        if (at && !rest(encoder, text, at)) return false;
        encoder->sink(encoder->context, &token->token, 1);
        text += at + token->length;
        length -= at + token->length;
    }
    return !length || rest(encoder, text, length);
}

static bool is_ascii(const char *text, size_t length) {
    unsigned char any = 0;
    for (size_t i = 0; i < length; i++) any |= (unsigned char)text[i];
    return any < 0x80;
}

/* Appends a line of any bytes, normalized. */
static void add_normalized(char **out, const char *line, size_t length) {
    for (size_t i = 0, here; i < length; i += here) {
        if ((here = stretch_of(line + i, length - i, true)) > 0) {
            nfc_append(out, line + i, here);
        } else {
            here = stretch_of(line + i, length - i, false);
            memcpy(arraddnptr(*out, here), line + i, here);
        }
    }
}

/* NFC never joins a character with a line break or over one, so lines are normalized one by one, and
 * ASCII is normalized already. */
static char *normalized(Encoder *encoder, const char *text, size_t length) {
    char *out = NULL;
    for (size_t i = 0, here; i < length; i += here) {
        const char *end = memchr(text + i, '\n', length - i);
        here = end ? (size_t)(end - text) + 1 - i : length - i;
        Place place = {.normal = arrlenu(out), .original = i};
        if (is_ascii(text + i, here))
            memcpy(arraddnptr(out, here), text + i, here);
        else
            add_normalized(&out, text + i, here);
        place.same =
            arrlenu(out) - place.normal == here && memcmp(out + place.normal, text + i, here) == 0;
        arrput(encoder->places, place);
    }
    return out;
}

static bool encode_normalized(Encoder *encoder, const char *text, size_t length) {
    const AddedTokens *added = &encoder->tokenizer->added[1];
    const char *base = encoder->base;
    if (!encoder->tokenizer->nfc || is_ascii(text, length))
        return cut_added(encoder, added, text, length, encode_bytes);
    encoder->start = (size_t)(text - base);
    char *copy = normalized(encoder, text, length);
    encoder->base = copy;
    const bool encoded = cut_added(encoder, added, copy, arrlenu(copy), encode_bytes);
    encoder->base = base;
    encoder->start = 0;
    arrfree(encoder->places);
    arrfree(copy);
    return encoded;
}

bool tokenizer_encode(Tokenizer *tokenizer, const char *text, size_t length, TokenSink *sink,
                      void *context, size_t *bad_offset) {
    Encoder encoder = {.tokenizer = tokenizer, .sink = sink, .context = context, .base = text};
    const bool encoded = cut_added(&encoder, &tokenizer->added[0], text, length, encode_normalized);
    arrfree(encoder.places);
    if (!encoded) *bad_offset = encoder.bad;
    return encoded;
}

/* pieces.c - see tokenizer.h: a text to pieces, and the pieces to tokens.
 *
 * One idea: each rule sees one stretch of what the rule before it has left, as a text of its own: added
 * tokens, normalization, added tokens of normalized text, valid UTF-8, one regular expression after the
 * other. Where tokens are written as characters, pieces begin at blanks instead. Nothing is copied but text that
 * normalization changes, and pieces with marks in place of blanks. */
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
    const char *text; /* that was normalized */
    size_t start;     /* of the stretch in the text */
    size_t length;    /* of the text that was normalized */
    size_t bad;       /* offset of the first byte that has no token */
} Encoder;

/* --- one piece --- */

/* The offset in a line of what normalization has put at `offset` of it: as much of the line as does not make
 * more than this. Forms of Unicode join characters, so with them it is the start of the line. */
static size_t offset_in_line(const Encoder *encoder, const char *line, size_t length, bool first,
                             size_t offset) {
    if (normalize_has_form(encoder->tokenizer)) return 0;
    size_t low = 0, high = length;
    while (low < high) {
        const size_t middle = (low + high + 1) / 2;
        char *made = NULL;
        normalize_line(encoder->tokenizer, &made, line, middle, first);
        if (arrlenu(made) <= offset)
            low = middle;
        else
            high = middle - 1;
        arrfree(made);
    }
    return low;
}

static size_t original_offset(const Encoder *encoder, size_t offset) {
    const Place *place = encoder->places;
    if (!place) return offset;
    size_t i = 1;
    for (; i < arrlenu(encoder->places) && place[1].normal <= offset; i++) place++;
    const size_t at = place->original, inside = offset - place->normal;
    const size_t end = i < arrlenu(encoder->places) ? place[1].original : encoder->length;
    return encoder->start + at +
           (place->same ? inside
                        : offset_in_line(encoder, encoder->text + at, end - at, i == 1, inside));
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

static bool encode_bytes(Encoder *encoder, const char *text, size_t length) {
    for (size_t i = 0, here; i < length; i += here) {
        bool encoded;
        if ((here = normalize_stretch(text + i, length - i, true)) > 0)
            encoded = pass_on(encoder, 0, text + i, here);
        else
            encoded = encode_piece(encoder, text + i,
                                   here = normalize_stretch(text + i, length - i, false));
        if (!encoded) return false;
    }
    return true;
}

/* --- blanks and marks --- */

static bool is_mark(const char *text, size_t length) {
    return length >= MARK_LENGTH && memcmp(text, MARK, MARK_LENGTH) == 0;
}

/* The length of a mark at the start of a text, or of a blank that becomes one; 0 if there is none. */
static size_t mark_length(const Metaspace *metaspace, const char *text, size_t length) {
    if (metaspace->used && length && *text == ' ') return 1;
    return is_mark(text, length) ? MARK_LENGTH : 0;
}

/* The length of the first piece. It ends before a mark, or before one that follows something else. */
static size_t piece_length(const Tokenizer *tokenizer, const char *text, size_t length) {
    const Metaspace *metaspace = &tokenizer->metaspace;
    const bool split = metaspace->used && metaspace->split;
    if (!split && !tokenizer->cut_at_marks) return length;
    size_t i = mark_length(metaspace, text, length);
    for (size_t here; !split && (here = mark_length(metaspace, text + i, length - i)); i += here) {}
    if (!i) i = 1;
    while (i < length && !mark_length(metaspace, text + i, length - i)) i++;
    return i;
}

/* The piece with marks for its blanks, and one before it. */
static void write_marks(char **piece, const char *text, size_t length, bool prepend) {
    arrsetlen(*piece, 0);
    if (prepend) memcpy(arraddnptr(*piece, MARK_LENGTH), MARK, MARK_LENGTH);
    for (size_t i = 0; i < length; i++) {
        if (text[i] == ' ')
            memcpy(arraddnptr(*piece, MARK_LENGTH), MARK, MARK_LENGTH);
        else
            arrput(*piece, text[i]);
    }
}

static bool encode_marked(Encoder *encoder, const char *text, size_t length, bool prepend) {
    Work *work = &encoder->tokenizer->work;
    const int *tokens;
    size_t count, bad;
    write_marks(&work->piece, text, length, prepend);
    if (merge_piece(encoder->tokenizer, work->piece, arrlenu(work->piece), &tokens, &count, &bad)) {
        encoder->sink(encoder->context, tokens, count);
        return true;
    }
    size_t i = 0, written = prepend ? MARK_LENGTH : 0;
    for (; written < bad; i++) written += text[i] == ' ' ? MARK_LENGTH : 1;
    encoder->bad = original_offset(encoder, (size_t)(text - encoder->base) + i);
    return false;
}

static bool encode_characters(Encoder *encoder, const char *text, size_t length) {
    const Metaspace *metaspace = &encoder->tokenizer->metaspace;
    const bool starts_text = text == encoder->base && encoder->start == 0;
    bool prepend = metaspace->prepend == PREPEND_ALWAYS ||
                   (metaspace->prepend == PREPEND_FIRST && starts_text);
    prepend &= !mark_length(metaspace, text, length);
    for (size_t i = 0, here; i < length; i += here) {
        here = piece_length(encoder->tokenizer, text + i, length - i);
        if (!(metaspace->used ? encode_marked(encoder, text + i, here, prepend && i == 0)
                              : encode_piece(encoder, text + i, here)))
            return false;
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

/* Each line normalized, and the places of the lines. */
static char *normalized(Encoder *encoder, const char *text, size_t length) {
    char *out = NULL;
    for (size_t i = 0, here; i < length; i += here) {
        const char *end = memchr(text + i, '\n', length - i);
        here = end ? (size_t)(end - text) + 1 - i : length - i;
        Place place = {.normal = arrlenu(out), .original = i};
        normalize_line(encoder->tokenizer, &out, text + i, here, i == 0);
        place.same =
            arrlenu(out) - place.normal == here && memcmp(out + place.normal, text + i, here) == 0;
        arrput(encoder->places, place);
    }
    return out;
}

static bool encode_normalized(Encoder *encoder, const char *text, size_t length) {
    const AddedTokens *added = &encoder->tokenizer->added[1];
    Stretch *rest = encoder->tokenizer->kind == MODEL_BYTES ? encode_bytes : encode_characters;
    const char *base = encoder->base;
    if (!normalize_changes(encoder->tokenizer, text, length))
        return cut_added(encoder, added, text, length, rest);
    encoder->start = (size_t)(text - base);
    encoder->text = text;
    encoder->length = length;
    char *copy = normalized(encoder, text, length);
    encoder->base = copy;
    const bool encoded = cut_added(encoder, added, copy, arrlenu(copy), rest);
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

/* train.c - see train.h. Every merge is one pass over the distinct pieces; there are few of them. */
#include "data/tokenizer/train.h"
#include "data/tokenizer/alphabet.h"
#include "data/tokenizer/bytemap.h"
#include "data/tokenizer/pairmap.h"
#include "data/tokenizer/regex.h"
#include "data/tokenizer/split_gpt2.h"

#include "base/stb_ds.h"
#include "base/text_out.h"
#include "base/utf8.h"

#include <string.h>

static const char END[] = "<|endoftext|>";

/* A distinct piece of the text. */
typedef struct {
    size_t begin, length; /* in Training.symbols */
    int64_t count;
} Word;

/* A pair that occurs; its count is in `pairs`. */
typedef struct {
    int a, b;
} Pair;

typedef struct {
    ByteMap pieces; /* -> their number in the text */
    Word *words;    /* stb_ds arrays */
    int *symbols;   /* tokens of all words */
    PairMap pairs;  /* -> how often the neighbours occur */
    Pair *list;     /* all that have occurred */
    ByteMap vocab;  /* bytes -> token */
    char **texts;   /* of tokens from the bytes on, as they are written */
    Pair *merges;
} Training;

/* --- pieces --- */

static void add_piece(Training *training, const char *piece, size_t length) {
    if (length) ++*bytemap_put(&training->pieces, piece, length, 0);
}

/* A stretch of valid UTF-8. */
static void add_stretch(Training *training, const Regex *regex, const char *text, size_t length) {
    size_t done = 0, begin, end;
    while (done < length && regex_find(regex, text, length, done, &begin, &end) == REGEX_FOUND) {
        add_piece(training, text + done, begin - done);
        add_piece(training, text + begin, end - begin);
        done = end;
    }
    add_piece(training, text + done, length - done);
}

/* A line; bytes that are not valid UTF-8 are pieces of their own. */
static void add_line(Training *training, const Regex *regex, const char *text, size_t length) {
    size_t start = 0;
    for (size_t i = 0, here; i < length; i += here ? here : 1) {
        if ((here = utf8_length(text + i, length - i))) continue;
        add_stretch(training, regex, text + start, i - start);
        add_piece(training, text + i, 1);
        start = i + 1;
    }
    add_stretch(training, regex, text + start, length - start);
}

static void count_pieces(Training *training, const char *text, size_t length) {
    char error[256];
    Regex *regex = regex_create(SPLIT_GPT2, error, sizeof error);
    if (!regex) die(EXIT_USAGE, "%s", error);
    for (size_t i = 0, here; i < length; i += here) {
        const char *end = memchr(text + i, '\n', length - i);
        here = end ? (size_t)(end - text) + 1 - i : length - i;
        add_line(training, regex, text + i, here);
    }
    regex_free(regex);
}

/* --- the vocabulary --- */

/* The bytes in the order of their characters: 1 is '!'. Token 0 is END. */
static void add_bytes(Training *training) {
    for (unsigned character = 0; character < 0x200; character++) {
        for (unsigned byte = 0; byte < 256; byte++) {
            const char text = (char)byte;
            if (alphabet_character((unsigned char)byte) != character) continue;
            bytemap_put(&training->vocab, &text, 1, (int64_t)training->vocab.count + 1);
            char *written = NULL;
            alphabet_put(&written, (unsigned char)byte);
            arrput(training->texts, written);
        }
    }
}

/* The token that a and b make; a string that is a token already adds none. */
static int token_of_pair(Training *training, Pair pair) {
    char *written = NULL, *bytes;
    const int half[] = {pair.a, pair.b};
    for (size_t i = 0; i < 2; i++) {
        const char *text = training->texts[half[i] - 1];
        const size_t length = arrlenu(text);
        memcpy(arraddnptr(written, length), text, length);
    }
    bytes = mem_alloc(arrlenu(written) + 1);
    const size_t length = alphabet_bytes(written, arrlenu(written), bytes),
                 before = training->vocab.count;
    const int64_t token = *bytemap_put(&training->vocab, bytes, length, (int64_t)before + 1);
    mem_free(bytes);
    if (training->vocab.count > before)
        arrput(training->texts, written);
    else
        arrfree(written);
    return (int)token;
}

/* --- pairs --- */

static void count_pair(Training *training, int a, int b, int64_t count) {
    const size_t before = training->pairs.count;
    *pairmap_put(&training->pairs, a, b) += count;
    const Pair pair = {a, b};
    if (training->pairs.count > before) arrput(training->list, pair);
}

static void count_word(Training *training, const Word *word, int64_t count) {
    const int *symbols = training->symbols + word->begin;
    for (size_t i = 0; i + 1 < word->length; i++)
        count_pair(training, symbols[i], symbols[i + 1], count);
}

static void make_words(Training *training) {
    const ByteMap *pieces = &training->pieces;
    for (size_t i = 0; i < pieces->size; i++) {
        const ByteSlot *slot = &pieces->slots[i];
        if (!slot->used) continue;
        const Word word = {arrlenu(training->symbols), slot->length, slot->value};
        for (size_t k = 0; k < slot->length; k++) {
            const int64_t *token =
                bytemap_find(&training->vocab, pieces->bytes + slot->offset + k, 1);
            arrput(training->symbols, (int)*token);
        }
        arrput(training->words, word);
        count_word(training, &word, word.count);
    }
}

static bool find_best(const Training *training, Pair *best) {
    int64_t most = 0;
    for (size_t i = 0; i < arrlenu(training->list); i++) {
        const Pair pair = training->list[i];
        const int64_t count = *pairmap_find(&training->pairs, pair.a, pair.b);
        const bool smaller = pair.a < best->a || (pair.a == best->a && pair.b < best->b);
        if (count < most || count == 0 || (count == most && !smaller)) continue;
        most = count;
        *best = pair;
    }
    return most > 0;
}

static bool has_pair(const int *symbols, size_t length, Pair pair) {
    for (size_t i = 0; i + 1 < length; i++) {
        if (symbols[i] == pair.a && symbols[i + 1] == pair.b) return true;
    }
    return false;
}

static void merge_word(Training *training, Word *word, Pair pair, int token) {
    int *symbols = training->symbols + word->begin;
    if (!has_pair(symbols, word->length, pair)) return;
    count_word(training, word, -word->count);
    size_t kept = 0;
    for (size_t i = 0; i < word->length; i++) {
        const bool merges =
            i + 1 < word->length && symbols[i] == pair.a && symbols[i + 1] == pair.b;
        symbols[kept++] = merges ? token : symbols[i];
        i += merges;
    }
    word->length = kept;
    count_word(training, word, word->count);
}

/* Pairs that no longer occur are forgotten, so that the search stays short. */
static void forget(Training *training) {
    size_t kept = 0, count = arrlenu(training->list);
    PairMap old = training->pairs;
    training->pairs = (PairMap){0};
    for (size_t i = 0; i < count; i++) {
        const Pair pair = training->list[i];
        const int64_t value = *pairmap_find(&old, pair.a, pair.b);
        if (!value) continue;
        *pairmap_put(&training->pairs, pair.a, pair.b) = value;
        training->list[kept++] = pair;
    }
    arrsetlen(training->list, kept);
    pairmap_free(&old);
}

static void merge_all(Training *training, size_t size) {
    enum { FORGET_EVERY = 64 };
    Pair best = {0};
    while (training->vocab.count + 1 < size && find_best(training, &best)) {
        const int token = token_of_pair(training, best);
        arrput(training->merges, best);
        for (size_t i = 0; i < arrlenu(training->words); i++)
            merge_word(training, &training->words[i], best, token);
        if (arrlenu(training->merges) % FORGET_EVERY == 0) forget(training);
    }
}

/* --- the file --- */

/* A JSON string; of the characters of the alphabet only two are escaped. */
static void put_string(char **json, const char *text) {
    arrput(*json, '"');
    for (size_t i = 0; i < arrlenu(text); i++) {
        if (text[i] == '"' || text[i] == '\\') arrput(*json, '\\');
        arrput(*json, text[i]);
    }
    arrput(*json, '"');
}

static char *write_json(const Training *training) {
    static const char byte_level[] =
        "{\"type\": \"ByteLevel\", \"add_prefix_space\": false, \"trim_offsets\": true, "
        "\"use_regex\": true}";
    char *json = NULL;
    text_add(&json,
             "{\n  \"version\": \"1.0\",\n  \"truncation\": null,\n  \"padding\": null,\n"
             "  \"added_tokens\": [{\"id\": 0, \"content\": \"%s\", \"single_word\": false, "
             "\"lstrip\": false, \"rstrip\": false, \"normalized\": false, \"special\": "
             "true}],\n  \"normalizer\": null,\n  \"pre_tokenizer\": %s,\n"
             "  \"post_processor\": null,\n  \"decoder\": %s,\n  \"model\": {\n"
             "    \"type\": \"BPE\", \"dropout\": null, \"unk_token\": null, "
             "\"continuing_subword_prefix\": null, \"end_of_word_suffix\": null,\n"
             "    \"fuse_unk\": false, \"byte_fallback\": false, \"ignore_merges\": false,\n"
             "    \"vocab\": {\n      \"%s\": 0",
             END, byte_level, byte_level, END);
    for (size_t i = 0; i < arrlenu(training->texts); i++) {
        text_add(&json, ",\n      ");
        put_string(&json, training->texts[i]);
        text_add(&json, ": %zu", i + 1);
    }
    text_add(&json, "\n    },\n    \"merges\": [");
    for (size_t i = 0; i < arrlenu(training->merges); i++) {
        text_add(&json, "%s\n      [", i ? "," : "");
        put_string(&json, training->texts[training->merges[i].a - 1]);
        text_add(&json, ", ");
        put_string(&json, training->texts[training->merges[i].b - 1]);
        text_add(&json, "]");
    }
    text_add(&json, "\n    ]\n  }\n}\n");
    return json;
}

char *tokenizer_train(const char *text, size_t length, size_t size, size_t *tokens) {
    Training training = {0};
    add_bytes(&training);
    count_pieces(&training, text, length);
    make_words(&training);
    merge_all(&training, size);
    char *json = write_json(&training);
    *tokens = training.vocab.count + 1;
    for (size_t i = 0; i < arrlenu(training.texts); i++) arrfree(training.texts[i]);
    arrfree(training.texts);
    arrfree(training.words);
    arrfree(training.symbols);
    arrfree(training.list);
    arrfree(training.merges);
    bytemap_free(&training.pieces);
    bytemap_free(&training.vocab);
    pairmap_free(&training.pairs);
    return json;
}

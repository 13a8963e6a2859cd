/* test_characters.c - vocabularies of characters (SentencePiece): tokens with those of the `tokenizers` library,
 * decoding, and what is refused.
 *
 * One idea: tests/oracle/characters.py has written files in the forms in which models have them, small files that
 * show one rule each, and texts with their tokens. */
#include "base/stb_ds.h"
#include "base/utf8.h"
#include "data/tokenizer/nfc.h"
#include "data/tokenizer/tokenizer.h"
#include "tests/lib/child.h"
#include "tests/lib/test.h"

#include <cJSON.h>

#define FOLDER "tests/oracle/tokenizers/"
#define MARK "\xE2\x96\x81"

/* Names, and the number of blanks that stand before a decoded text; -1 = the text is normalized otherwise. */
static const struct {
    const char *name;
    int blanks;
} KINDS[] = {{"llama2", 1}, {"mistral", 1}, {"gemma", 0}, {"unigram", -1}, {"unigram_bytes", 1}};
enum { KIND_COUNT = sizeof KINDS / sizeof *KINDS };

static cJSON *read_cases(void) {
    char *json = NULL, piece[4096];
    size_t got;
    FILE *in = fopen(FOLDER "character_cases.json", "rb");
    CHECK(in, "no cases");
    while (in && (got = fread(piece, 1, sizeof piece, in)) > 0)
        memcpy(arraddnptr(json, got), piece, got);
    if (in) fclose(in);
    cJSON *root = cJSON_ParseWithLength(json, arrlenu(json));
    arrfree(json);
    CHECK(root, "not JSON");
    return root;
}

static Tokenizer *open_kind(const char *kind) {
    char path[128];
    snprintf(path, sizeof path, FOLDER "%s.json", kind);
    return tokenizer_open(path);
}

static void append(void *context, const int *tokens, size_t count) {
    int **list = context;
    memcpy(arraddnptr(*list, count), tokens, count * sizeof *tokens);
}

static char *decode(const Tokenizer *tokenizer, const int *tokens) {
    char *text = NULL;
    for (size_t i = 0; i < arrlenu(tokens); i++) {
        size_t length;
        const char *bytes = tokenizer_text(tokenizer, tokens[i], &length);
        if (length) memcpy(arraddnptr(text, length), bytes, length);
    }
    return text;
}

/* Whether a text decodes as itself after this many blanks. */
static bool survives(Tokenizer *tokenizer, const char *text, size_t length, size_t blanks) {
    int *tokens = NULL;
    size_t bad;
    bool same = tokenizer_encode(tokenizer, text, length, append, &tokens, &bad);
    char *back = decode(tokenizer, tokens);
    same &= arrlenu(back) == length + blanks;
    for (size_t i = 0; same && i < blanks; i++) same = back[i] == ' ';
    same = same && (!length || memcmp(back + blanks, text, length) == 0);
    arrfree(back);
    arrfree(tokens);
    return same;
}

/* --- the reference --- */

static void check_case(Tokenizer *tokenizer, const char *kind, const char *text,
                       const cJSON *want) {
    int *tokens = NULL;
    size_t bad = 0, count = (size_t)cJSON_GetArraySize(want), i = 0;
    const bool encoded = tokenizer_encode(tokenizer, text, strlen(text), append, &tokens, &bad);
    CHECK(encoded && arrlenu(tokens) == count, "%s: \"%s\": %zu tokens, want %zu", kind, text,
          arrlenu(tokens), count);
    const cJSON *item;
    cJSON_ArrayForEach(item, want) {
        if (i >= arrlenu(tokens)) break;
        CHECK(tokens[i] == item->valueint, "%s: \"%s\": token %zu is %d, want %d", kind, text, i,
              tokens[i], item->valueint);
        i++;
    }
    arrfree(tokens);
}

/* Whether a text is decoded as it was, but for a blank before it. */
static bool is_plain(const char *text) {
    return *text && *text != ' ' && !strstr(text, MARK) && !strstr(text, "<|") &&
           !strstr(text, "<0x0A>");
}

static void test_reference(void) {
    cJSON *root = read_cases();
    const cJSON *texts = cJSON_GetObjectItem(root, "texts"), *text;
    size_t plain = 0;
    for (size_t k = 0; k < KIND_COUNT; k++) {
        Tokenizer *tokenizer = open_kind(KINDS[k].name);
        const cJSON *want = cJSON_GetObjectItem(root, KINDS[k].name)->child;
        for (int again = 0; again < 2; again++) { /* the second time from the cache */
            const cJSON *ids = want;
            cJSON_ArrayForEach(text, texts) {
                check_case(tokenizer, KINDS[k].name, text->valuestring, ids);
                ids = ids->next;
            }
        }
        cJSON_ArrayForEach(text, texts) {
            const char *plainly = text->valuestring;
            if (KINDS[k].blanks < 0 || !is_plain(plainly)) continue;
            if (strcmp(KINDS[k].name, "gemma") == 0 && strpbrk(plainly, "\xE7")) continue;
            plain++;
            CHECK(survives(tokenizer, plainly, strlen(plainly), (size_t)KINDS[k].blanks),
                  "%s: \"%s\"", KINDS[k].name, plainly);
        }
        tokenizer_free(tokenizer);
    }
    CHECK(plain > 100, "%zu texts", plain);
    cJSON_Delete(root);
}

static void test_rules(void) {
    cJSON *root = read_cases();
    char kind[32];
    size_t i = 0;
    const cJSON *small;
    cJSON_ArrayForEach(small, cJSON_GetObjectItem(root, "small")) {
        char *file = cJSON_PrintUnformatted(cJSON_GetObjectItem(small, "file"));
        Tokenizer *tokenizer = tokenizer_parse(file, strlen(file), "small");
        const cJSON *ids = cJSON_GetObjectItem(small, "ids")->child, *text;
        snprintf(kind, sizeof kind, "small file %zu", i++);
        cJSON_ArrayForEach(text, cJSON_GetObjectItem(small, "texts")) {
            check_case(tokenizer, kind, text->valuestring, ids);
            ids = ids->next;
        }
        tokenizer_free(tokenizer);
        cJSON_free(file);
    }
    CHECK(i == 17, "%zu files", i);
    cJSON_Delete(root);
}

/* --- bytes --- */

/* Bytes that are not valid UTF-8 become <0xNN>, and any bytes come back after one blank. */
static void test_bytes(void) {
    uint32_t state = 1;
    char bytes[300];
    static const char *const kinds[] = {"llama2", "unigram_bytes"};
    for (size_t k = 0; k < 2; k++) {
        Tokenizer *tokenizer = open_kind(kinds[k]);
        for (size_t i = 0; i < 300; i++) {
            const size_t length = 1 + i;
            for (size_t j = 0; j < length; j++) {
                state = state * 1664525 + 1013904223;
                const uint32_t drawn = state >> 8;
                bytes[j] = i % 3 ? (char)(drawn % 256) : "the \xE2\x96 a"[drawn % 8];
            }
            CHECK(survives(tokenizer, bytes, length, 1), "%s: text %zu", kinds[k], i);
        }
        size_t size;
        for (int byte = 0x80; byte < 256; byte++) {
            const char *text =
                tokenizer_text(tokenizer, tokenizer_byte(tokenizer, (unsigned char)byte), &size);
            CHECK(size == 1 && (unsigned char)*text == byte, "%s: byte %d", kinds[k], byte);
        }
        const char *blank = tokenizer_text(tokenizer, tokenizer_byte(tokenizer, ' '), &size);
        CHECK(size == 1 && *blank == ' ', "%s: %zu bytes", kinds[k], size);
        tokenizer_free(tokenizer);
    }
}

/* Without byte_fallback a token that looks like a byte is its text. */
static void test_no_bytes(void) {
    static const char json[] = "{\"model\":{\"type\":\"BPE\",\"byte_fallback\":false,\"merges\":[],"
                               "\"vocab\":{\"a\":0,\"<0x41>\":1,\"" MARK "\":2}}}";
    static const char *const texts[] = {"a", "<0x41>", MARK};
    Tokenizer *tokenizer = tokenizer_parse(json, strlen(json), "none");
    for (int i = 0; i < 3; i++) {
        size_t size;
        const char *text = tokenizer_text(tokenizer, i, &size);
        CHECK(size == strlen(texts[i]) && memcmp(text, texts[i], size) == 0, "token %d", i);
    }
    CHECK(tokenizer_byte(tokenizer, 'A') == -1, "a byte");
    tokenizer_free(tokenizer);
}

/* Without an unknown token, or for bytes that are no character, the offset in the text is given. */
static void test_missing(void) {
#define BPE(rules)                                                                                 \
    "{" rules "\"model\":{\"type\":\"BPE\",\"merges\":[],\"vocab\":{\"a\":0,\"" MARK               \
    "\":1,\"\\n\":2,\"\xC3\xA9\":3}}}"
#define REPLACE "{\"type\":\"Replace\",\"pattern\":{\"String\":\" \"},\"content\":\"" MARK "\"}"
#define PREPEND "{\"type\":\"Prepend\",\"prepend\":\"" MARK "\"}"
#define METASPACE "\"pre_tokenizer\":{\"type\":\"Metaspace\",\"replacement\":\"" MARK "\"}"
#define UNIGRAM(id)                                                                                \
    "{" METASPACE ",\"model\":{\"type\":\"Unigram\",\"unk_id\":" id                                \
    ",\"vocab\":[[\"a\",-1],[\"" MARK "\",-1],[\"\\n\",-1]]}}"
    static const char prepended[] =
        BPE("\"normalizer\":{\"type\":\"Sequence\",\"normalizers\":[" PREPEND "," REPLACE "]},");
    static const char formed[] = BPE(
        "\"normalizer\":{\"type\":\"Sequence\",\"normalizers\":[{\"type\":\"NFC\"}," REPLACE "]},");
    static const struct {
        const char *json, *text;
        size_t bad; /* SIZE_MAX = is encoded */
    } cases[] = {
        {BPE(METASPACE ","), "a a\na aaz a", 8},
        {BPE(METASPACE ","), "z", 0},
        {BPE(METASPACE ","), "a \xFF", 2},
        {prepended, "a a\na az a", 7},
        {prepended, "za", 0},
        {prepended, " az", 2},
        {prepended, "a\na\na\xC3", 5},
        {prepended, "a\na \na", SIZE_MAX},
        {formed, "aaa\ne\xCC\x81z", 4},
        {formed, "a aa\ne\xCC\x81 a", SIZE_MAX},
        {"{\"model\":{\"type\":\"BPE\",\"unk_token\":\"a\",\"merges\":[],\"vocab\":{\"a\":0}}}",
         "azz\xFF", 3},
        {UNIGRAM("null"), "a a\n a az a", 8},
        {UNIGRAM("0"), "a a\n a az a", SIZE_MAX},
        {UNIGRAM("0"), "a a\n z\xFFz a", 6},
        {UNIGRAM("0"), "\xFF", 0},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        Tokenizer *tokenizer = tokenizer_parse(cases[i].json, strlen(cases[i].json), "missing");
        int *tokens = NULL;
        size_t bad = SIZE_MAX;
        const char *text = cases[i].text;
        const bool encoded = tokenizer_encode(tokenizer, text, strlen(text), append, &tokens, &bad);
        CHECK(encoded == (bad == SIZE_MAX) && bad == cases[i].bad, "case %zu: %zu", i, bad);
        arrfree(tokens);
        tokenizer_free(tokenizer);
    }
}

/* A text without blanks is one piece. With work that grows as its square this would take minutes. */
static void test_long(void) {
    enum { LENGTH = 1 << 18 };
    char *text = mem_alloc(LENGTH);
    uint32_t state = 3;
    for (size_t i = 0; i < LENGTH; i++) {
        state = state * 1664525 + 1013904223;
        text[i] = "theandi"[(state >> 8) % 7];
    }
    CHECK(KIND_COUNT == 5, "kinds");
    for (size_t k = 0; k < KIND_COUNT; k++) {
        Tokenizer *tokenizer = open_kind(KINDS[k].name);
        const size_t blanks = KINDS[k].blanks == 0 ? 0 : 1;
        CHECK(survives(tokenizer, text, LENGTH, blanks), "%s", KINDS[k].name);
        tokenizer_free(tokenizer);
    }
    mem_free(text);
}

/* --- refusals --- */

#define SPLIT(type) "\"pre_tokenizer\":{\"type\":\"" type "\",\"replacement\":\"" MARK "\""
#define SCORED(members) "{\"model\":{\"type\":\"Unigram\"," members "}}"
#define NORMAL(members) "{\"normalizer\":{" members "}," MODEL "}"
#define MODEL "\"model\":{\"type\":\"BPE\",\"vocab\":{\"a\":0},\"merges\":[]}"

static const struct {
    const char *json, *word; /* NULL = is read */
} FILES[] = {
    {"{" MODEL "}", NULL},
    {"{" SPLIT("Metaspace") "}," MODEL "}", NULL},
    {"{" SPLIT("Metaspace") ",\"add_prefix_space\":true,\"str_rep\":\"_\"}," MODEL "}", NULL},
    {"{" SPLIT("Metaspace") ",\"add_prefix_space\":false}," MODEL "}", "add_prefix_space"},
    {"{" SPLIT("Metaspace") ",\"prepend_scheme\":\"last\"}," MODEL "}", "prepend_scheme"},
    {"{" SPLIT("Metaspace") ",\"other\":1}," MODEL "}", "other"},
    {"{\"pre_tokenizer\":{\"type\":\"Metaspace\",\"replacement\":\"_\"}," MODEL "}", "replacement"},
    {"{" SPLIT("WhitespaceSplit") "}," MODEL "}", "WhitespaceSplit"},
    {"{\"pre_tokenizer\":{\"type\":\"Split\",\"pattern\":{\"String\":\" \"}}," MODEL "}", "Split"},
    {"{\"normalizer\":" REPLACE ",\"pre_tokenizer\":{\"type\":\"Split\",\"pattern\":{\"String\":"
     "\"a\"}}," MODEL "}",
     "Split"},
    {"{\"normalizer\":" REPLACE ",\"pre_tokenizer\":{\"type\":\"Split\",\"pattern\":{\"String\":"
     "\" \"},\"invert\":true}," MODEL "}",
     "invert"},
    {NORMAL("\"type\":\"Precompiled\",\"precompiled_charsmap\":\"AA==\""), "Precompiled"},
    {NORMAL("\"type\":\"Lowercase\""), "Lowercase"},
    {NORMAL("\"type\":\"Prepend\",\"prepend\":\"\""), "empty"},
    {NORMAL("\"type\":\"Replace\",\"pattern\":{\"Regex\":\" +\"},\"content\":\"a\""), "Regex"},
    {NORMAL("\"type\":\"Replace\",\"pattern\":{\"String\":\"\\n\"},\"content\":\"a\""), "break"},
    {NORMAL("\"type\":\"Replace\",\"pattern\":{\"String\":\"b\"},\"content\":\"\""), "content"},
    {"{\"model\":{\"type\":\"BPE\",\"unk_token\":\"<unk>\",\"vocab\":{\"a\":0},\"merges\":[]}}",
     "unk_token"},
    {SCORED("\"vocab\":[[\"a\",-1]]"), NULL},
    {SCORED("\"vocab\":[[\"a\",-1]],\"unk_id\":1"), "unk_id"},
    {SCORED("\"vocab\":[[\"a\",-1],[\"a\",-2]]"), "twice"},
    {SCORED("\"vocab\":[[\"a\"]]"), "entry 0"},
    {SCORED("\"vocab\":[[\"a\",-1],[\"b\",1e999]]"), "entry 1"},
    {SCORED("\"vocab\":[[\"\",-1]]"), "empty"},
    {SCORED("\"vocab\":[]"), "no tokens"},
    {SCORED("\"vocab\":{\"a\":0}"), "list"},
    {SCORED("\"vocab\":[[\"a\",-1]],\"alpha\":0.1"), "alpha"},
    {"{\"added_tokens\":[{\"id\":0,\"content\":\"b\",\"normalized\":true}]," MODEL "}", "another"},
    {"{\"added_tokens\":[{\"id\":1,\"content\":\"a\",\"normalized\":true}]," MODEL "}", "another"},
    {"{\"added_tokens\":[{\"id\":0,\"content\":\"a\",\"normalized\":true}]," MODEL "}", NULL},
};

static void parse(const void *argument) {
    const char *json = argument;
    tokenizer_free(tokenizer_parse(json, strlen(json), "file.json"));
}

static void test_refused(void) {
    for (size_t i = 0; i < sizeof FILES / sizeof *FILES; i++) {
        const int want = FILES[i].word ? EXIT_DATA : EXIT_DONE,
                  got = run_child(parse, FILES[i].json);
        CHECK(got == want, "file %zu: exit %d, want %d: %s", i, got, want, said);
        CHECK(!FILES[i].word || (strstr(said, FILES[i].word) && strstr(said, "file.json")),
              "file %zu: no \"%s\" in: %s", i, FILES[i].word, said);
    }
}

static const Test tests[] = {
    {"tokens are those of the reference", test_reference},
    {"each rule has the tokens of the reference", test_rules},
    {"any bytes come back", test_bytes},
    {"tokens that are no bytes", test_no_bytes},
    {"a character without a token", test_missing},
    {"a long text without blanks", test_long},
    {"what is refused", test_refused},
};

int main(int argc, char **argv) {
    if (!nfc_library()) {
        puts("ok      0.00 s  skipped: this build has no utf8proc");
        return 0;
    }
    return test_main(tests, sizeof tests / sizeof *tests, argc, argv);
}

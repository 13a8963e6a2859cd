/* test_tokenizer.c - tokenizer.json files: tokens with those of the `tokenizers` library, decoding, training,
 * and what is refused.
 *
 * One idea: tests/oracle/tokens.py has written files of four splits, and texts with their tokens, so that the
 * comparison needs no Python here. */
#include "base/stb_ds.h"
#include "base/utf8.h"
#include "data/tokenizer/nfc.h"
#include "data/tokenizer/regex.h"
#include "data/tokenizer/tokenizer.h"
#include "data/tokenizer/train.h"
#include "tests/lib/child.h"
#include "tests/lib/contents.h"
#include "tests/lib/test.h"

#include <cJSON.h>

#define FOLDER "tests/oracle/tokenizers/"

static const char *const KINDS[] = {"gpt2", "llama3", "qwen2", "smollm2"};
enum { KIND_COUNT = sizeof KINDS / sizeof *KINDS };

static void append(void *context, const int *tokens, size_t count) {
    int **list = context;
    memcpy(arraddnptr(*list, count), tokens, count * sizeof *tokens);
}

static Tokenizer *open_kind(const char *kind) {
    char path[128];
    snprintf(path, sizeof path, FOLDER "%s.json", kind);
    return tokenizer_open(path);
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

/* Whether a text decodes as itself. */
static bool survives(Tokenizer *tokenizer, const char *text, size_t length) {
    int *tokens = NULL;
    size_t bad;
    bool same = tokenizer_encode(tokenizer, text, length, append, &tokens, &bad);
    char *back = decode(tokenizer, tokens);
    same &= arrlenu(back) == length && (!length || memcmp(back, text, length) == 0);
    arrfree(back);
    arrfree(tokens);
    return same;
}

/* --- the reference --- */

static void check_case(Tokenizer *tokenizer, const char *kind, const char *text,
                       const cJSON *want) {
    int *tokens = NULL;
    size_t bad = 0, count = (size_t)cJSON_GetArraySize(want), i = 0;
    bool encoded = tokenizer_encode(tokenizer, text, strlen(text), append, &tokens, &bad);
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

static void test_reference(void) {
    size_t length;
    char *json = contents(FOLDER "cases.json", &length);
    cJSON *root = cJSON_Parse(json);
    const cJSON *texts = cJSON_GetObjectItem(root, "texts"), *text;
    CHECK(cJSON_GetArraySize(texts) > 50, "too few texts");
    for (size_t k = 0; k < KIND_COUNT; k++) {
        Tokenizer *tokenizer = open_kind(KINDS[k]);
        const cJSON *want = cJSON_GetObjectItem(root, KINDS[k])->child;
        for (int again = 0; again < 2; again++) { /* the second time from the cache */
            const cJSON *ids = want;
            cJSON_ArrayForEach(text, texts) {
                check_case(tokenizer, KINDS[k], text->valuestring, ids);
                ids = ids->next;
            }
        }
        cJSON_ArrayForEach(text, texts) {
            if (strcmp(KINDS[k], "qwen2") == 0) break; /* normalizes */
            CHECK(survives(tokenizer, text->valuestring, strlen(text->valuestring)), "%s: \"%s\"",
                  KINDS[k], text->valuestring);
        }
        tokenizer_free(tokenizer);
    }
    cJSON_Delete(root);
    arrfree(json);
}

/* Files that show one rule each. */
static void test_rules(void) {
    size_t length, i = 0;
    char *json = contents(FOLDER "cases.json", &length), kind[32];
    cJSON *root = cJSON_Parse(json);
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
    CHECK(i == 12, "%zu files", i);
    cJSON_Delete(root);
    arrfree(json);
}

static uint32_t next_random(uint32_t *state) {
    *state = *state * 1664525 + 1013904223;
    return *state >> 8;
}

/* Any bytes, valid UTF-8 or not, come back, and long pieces too. */
static void test_round_trip(void) {
    uint32_t state = 1;
    char bytes[600];
    Tokenizer *tokenizer = open_kind("llama3");
    for (size_t i = 0; i < 400; i++) {
        const size_t length = next_random(&state) % sizeof bytes;
        const uint32_t range = i % 2 ? 256 : 3;
        for (size_t k = 0; k < length; k++)
            bytes[k] = (char)(next_random(&state) % range + (range == 3 ? 'a' : 0));
        CHECK(survives(tokenizer, bytes, length), "text %zu of %zu bytes", i, length);
    }
    tokenizer_free(tokenizer);
}

/* Bytes that are not valid UTF-8 are one piece. */
static void test_invalid(void) {
    static const char json[] =
        "{\"pre_tokenizer\":{\"type\":\"ByteLevel\",\"add_prefix_space\":"
        "false},\"model\":{\"type\":\"BPE\",\"vocab\":{\"\xC3\xBF\":0,"
        "\"\xC3\xBF\xC3\xBF\":1,\"a\":2},\"merges\":[\"\xC3\xBF \xC3\xBF\"]}}";
    int *tokens = NULL;
    size_t bad;
    Tokenizer *tokenizer = tokenizer_parse(json, strlen(json), "invalid");
    CHECK(tokenizer_encode(tokenizer, "a\xFF\xFF\xFF", 4, append, &tokens, &bad), "refused");
    CHECK(arrlenu(tokens) == 3 && tokens[0] == 2 && tokens[1] == 1 && tokens[2] == 0, "%zu tokens",
          arrlenu(tokens));
    arrfree(tokens);
    tokenizer_free(tokenizer);
}

/* A byte that has no token is refused with its place in the text, also behind normalized lines. */
static void test_missing(void) {
    static const char json[] =
        "{\"normalizer\":{\"type\":\"NFC\"},\"pre_tokenizer\":{\"type\":\"ByteLevel\","
        "\"add_prefix_space\":false},\"model\":{\"type\":\"BPE\",\"vocab\":{\"a\":0,\"\xC3\x83\":1,"
        "\"\xC2\xA9\":2,\"\xC4\x8A\":3},\"merges\":[]}}";
    size_t bad = 99;
    int *tokens = NULL;
    Tokenizer *lacks = open_kind("smollm2");
    CHECK(!tokenizer_encode(lacks, "abc\x04", 4, append, &tokens, &bad) && bad == 3, "%zu", bad);
    CHECK(tokenizer_byte(lacks, 4) == -1 && tokenizer_byte(lacks, 'a') > 0, "bytes");
    tokenizer_free(lacks);
    Tokenizer *few = tokenizer_parse(json, strlen(json), "few");
    arrfree(tokens);
    CHECK(tokenizer_encode(few, "\xC3\xA9", 2, append, &tokens, &bad) && arrlenu(tokens) == 2,
          "%zu tokens", arrlenu(tokens));
    static const struct {
        const char *text;
        size_t bad;
    } cases[] = {{"ae\xCC\x81\naab", 7}, {"aa\ne\xCC\x81\xCC", 3}, {"a\ne\xCC\x81\naaba\na", 8}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        const char *text = cases[i].text;
        CHECK(!tokenizer_encode(few, text, strlen(text), append, &tokens, &bad) &&
                  bad == cases[i].bad,
              "case %zu: %zu", i, bad);
    }
    tokenizer_free(few);
    arrfree(tokens);
}

/* --- training --- */

static void test_training(void) {
    size_t length, size, tokens;
    char *text = contents(FOLDER "text.txt", &length), *json = contents(FOLDER "gpt2.json", &size);
    char *own = tokenizer_train(text, length, 600, &tokens);
    CHECK(tokens == 600, "%zu tokens", tokens);
    cJSON *want = cJSON_Parse(json), *got = cJSON_ParseWithLength(own, arrlenu(own));
    const cJSON *want_model = cJSON_GetObjectItem(want, "model"),
                *got_model = cJSON_GetObjectItem(got, "model");
    const cJSON *b = cJSON_GetObjectItem(want_model, "vocab"), *a;
    CHECK(cJSON_GetArraySize(b) == 600, "%d", cJSON_GetArraySize(b));
    cJSON_ArrayForEach(a, cJSON_GetObjectItem(got_model, "vocab")) {
        const cJSON *other = cJSON_GetObjectItemCaseSensitive(b, a->string);
        CHECK(other && other->valueint == a->valueint, "token %d is \"%s\"", a->valueint,
              a->string);
    }
    const cJSON *merge = cJSON_GetObjectItem(want_model, "merges")->child;
    cJSON_ArrayForEach(a, cJSON_GetObjectItem(got_model, "merges")) {
        char both[256];
        snprintf(both, sizeof both, "%s %s", a->child->valuestring, a->child->next->valuestring);
        CHECK(merge && strcmp(both, merge->valuestring) == 0, "%s, want %s", both,
              merge ? merge->valuestring : "none");
        merge = merge ? merge->next : NULL;
    }
    CHECK(!merge, "a merge is missing");
    Tokenizer *tokenizer = tokenizer_parse(own, arrlenu(own), "own");
    CHECK(tokenizer_size(tokenizer) == 600, "%zu", tokenizer_size(tokenizer));
    CHECK(survives(tokenizer, text, length), "the text does not come back");
    tokenizer_free(tokenizer);
    cJSON_Delete(want);
    cJSON_Delete(got);
    arrfree(own);
    arrfree(json);
    arrfree(text);
}

/* --- refusals --- */

#define LEVEL "\"pre_tokenizer\":{\"type\":\"ByteLevel\",\"add_prefix_space\":false},"
#define MODEL                                                                                      \
    "\"model\":{\"type\":\"BPE\",\"vocab\":{\"a\":0,\"b\":1,\"ab\":2},\"merges\":[\"a b\"]}"
#define SPLIT(pattern)                                                                             \
    "{\"pre_tokenizer\":{\"type\":\"Sequence\",\"pretokenizers\":[{\"type\":\"Split\","            \
    "\"pattern\":{\"Regex\":\"" pattern "\"},\"behavior\":\"Isolated\",\"invert\":false},"         \
    "{\"type\":\"ByteLevel\",\"add_prefix_space\":false}]}," MODEL "}"
#define ADDED(members) "{\"added_tokens\":[{\"normalized\":true," members "}]," LEVEL MODEL "}"

static const struct {
    const char *json, *word; /* NULL = is read */
} FILES[] = {
    {"{" LEVEL MODEL "}", NULL},
    {SPLIT("(?i:'s)|\\\\p{L}+|\\\\s+(?!\\\\S)"), NULL},
    {SPLIT("^a"), "anchor"},
    {SPLIT("a$"), "anchor"},
    {SPLIT("\\\\h"), "escape"},
    {SPLIT("[a&&b]"), "set"},
    {SPLIT("[[a]]"), "set"},
    {SPLIT("\\\\p{N}{1,3}+"), "repetition"},
    {SPLIT("(?m:a)"), "group"},
    {SPLIT("(*FAIL)"), "group"},
    {SPLIT("(a"), "offset 2"},
    {"", "invalid JSON"},
    {"[]", "not an object"},
    {"{\"model\":{\"type\":\"WordPiece\"}}", "WordPiece"},
    {"{\"extra\":1," LEVEL MODEL "}", "extra"},
    {"{\"pre_tokenizer\":{\"type\":\"Whitespace\"}," MODEL "}", "Whitespace"},
    {"{\"normalizer\":{\"type\":\"Prepend\",\"prepend\":\"a\"}," LEVEL MODEL "}", "Prepend"},
    {"{\"pre_tokenizer\":{\"type\":\"ByteLevel\"}," MODEL "}", "add_prefix_space"},
    {"{\"normalizer\":{\"type\":\"NFKC\"}," LEVEL MODEL "}", NULL},
    {"{\"normalizer\":{\"type\":\"NFD\"}," LEVEL MODEL "}", "NFD"},
    {"{" LEVEL "\"model\":{\"type\":\"BPE\",\"byte_fallback\":true,\"vocab\":{\"a\":0},"
     "\"merges\":[]}}",
     "byte_fallback"},
    {"{" LEVEL "\"model\":{\"type\":\"BPE\",\"dropout\":0.1,\"vocab\":{\"a\":0},\"merges\":[]}}",
     "dropout"},
    {"{" LEVEL "\"model\":{\"type\":\"BPE\",\"vocab\":{},\"merges\":[]}}", "no tokens"},
    {"{" LEVEL "\"model\":{\"type\":\"BPE\",\"vocab\":{\"a\":0,\"b\":0},\"merges\":[]}}",
     "number 0"},
    {"{" LEVEL "\"model\":{\"type\":\"BPE\",\"vocab\":{\"a\":0,\"a\":1},\"merges\":[]}}", "twice"},
    {"{" LEVEL "\"model\":{\"type\":\"BPE\",\"vocab\":{\"a\":9999999},\"merges\":[]}}", "gaps"},
    {"{" LEVEL "\"model\":{\"type\":\"BPE\",\"vocab\":{\"a\":1.5},\"merges\":[]}}", "integer"},
    {"{" LEVEL "\"model\":{\"type\":\"BPE\",\"vocab\":{\"a\":0},\"merges\":[\"a c\"]}}", "merge 0"},
    {"{" LEVEL "\"model\":{\"type\":\"BPE\",\"vocab\":{\"a\":0},\"merges\":[\"a a\"]}}", "makes"},
    {"{" LEVEL "\"model\":{\"type\":\"BPE\",\"vocab\":{\"a\":0},\"merges\":[\"a\"]}}", "neither"},
    {"{" LEVEL "\"model\":{\"type\":\"BPE\",\"vocab\":{\"\\u0000\":0},\"merges\":[]}}", "U+0000"},
    {ADDED("\"id\":3,\"content\":\"<x>\""), NULL},
    {ADDED("\"id\":1,\"content\":\"b\""), NULL},
    {ADDED("\"id\":0,\"content\":\"<x>\""), "another"},
    {ADDED("\"id\":3,\"content\":\"b\""), "another number"},
    {ADDED("\"id\":3,\"content\":\"<x>\",\"lstrip\":true"), "lstrip"},
    {ADDED("\"content\":\"<x>\""), "\"id\""},
    {"{\"added_tokens\":[{\"id\":3,\"content\":\"x\"}]," LEVEL MODEL "}", "\"normalized\""},
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

/* --- characters --- */

static void test_open_characters(void) {
    static const struct {
        const char *text;
        size_t open;
    } cases[] = {{"", 0},
                 {"a", 0},
                 {"\xC3", 1},
                 {"a\xE2\x82", 2},
                 {"\xE2\x82\xAC", 0},
                 {"\xF0\x9F\x91", 3},
                 {"\x80\x80", 0},
                 {"\xFF", 0}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        const size_t open = utf8_open(cases[i].text, strlen(cases[i].text));
        CHECK(open == cases[i].open, "case %zu: %zu, want %zu", i, open, cases[i].open);
    }
}

static const Test tests[] = {
    {"tokens are those of the reference", test_reference},
    {"each rule has the tokens of the reference", test_rules},
    {"any bytes come back", test_round_trip},
    {"bytes that are not UTF-8", test_invalid},
    {"a byte without a token", test_missing},
    {"training makes the file of the reference", test_training},
    {"what is refused", test_refused},
    {"characters that are not complete", test_open_characters},
};

int main(int argc, char **argv) {
    if (!regex_library() || !nfc_library()) {
        puts("ok      0.00 s  skipped: this build has no PCRE2 or no utf8proc");
        return 0;
    }
    return test_main(tests, sizeof tests / sizeof *tests, argc, argv);
}

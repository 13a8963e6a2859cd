/* test_json.c - the strict JSON scanner: valid and invalid text, positions.
 *
 * One-line cases written from the grammar of RFC 8259, valid and invalid; then positions, duplicate
 * keys and limits, which need longer texts. */
#include "base/stb_ds.h"
#include "base/utf8.h"
#include "base/text_out.h"
#include "run/io/json.h"
#include "run/io/json_out.h"
#include "tests/lib/test.h"

#include <cJSON.h>

/* A literal that may contain NULs, and its length. */
#define T(text)                                                                                    \
    { text, sizeof(text) - 1 }

typedef struct {
    const char *text;
    size_t length;
} Case;

/* clang-format off */

/* Section 2: a text is one value with white space around it; sections 3 to 7: the values. */
static const Case accepted[] = {
    T("true"), T("false"), T("null"), T("0"), T("\"\""), T("{}"), T("[]"),
    /* white space is blank, tab, line feed and carriage return, between any two tokens */
    T(" 1"), T("1 "), T("\t1"), T("1\t"), T("\n1"), T("1\n"), T("\r1"), T("1\r"),
    T(" \t\n\r1 \t\n\r"), T("[ ]"), T("{ }"), T("[\n]"), T("{\r\n}"), T("[ 1 , 2 ]"),
    T("{ \"a\" : 1 , \"b\" : 2 }"), T("{\"a\"\n:\n1\n}"), T("[1,\t2]"),
    /* numbers */
    T("-0"), T("1"), T("-1"), T("10"), T("1234567890"), T("0.0"), T("-0.0"), T("0.5"), T("1.25"),
    T("10.01"), T("1.000"), T("1e1"), T("1E1"), T("1e+1"), T("1E+1"), T("1e-1"), T("1E-1"),
    T("0e0"), T("0E0"), T("0e+0"), T("-0e-0"), T("1e00"), T("1e007"), T("1.5e3"), T("1.5E-3"),
    T("-1.5e+3"), T("0.1e1"), T("1e308"), T("-1e308"), T("1.7976931348623157e308"), T("1e-400"),
    T("4.9e-324"), T("9007199254740993"), T("123456789012345678901234567890"),
    T("0.1234567890123456789012345678901234567890"),
    T("100000000000000000000000000000000000000000000000000000000000000"), /* 63 characters */
    T("[0]"), T("[-0,0.0,1e1]"), T("{\"a\":-1.5e-7}"),
    /* strings: all UTF-8 from the space on, except quote and backslash, needs no escape */
    T("\"a\""), T("\" \""), T("\"abc\""), T("\"'\""), T("\"/\""), T("\"//\""), T("\"/* a */\""),
    T("\"{}[]:,\""), T("\"#\""), T("\"\x7f\""), T("\"\xc2\x80\""), T("\"\xc3\xa9\""),
    T("\"\xdf\xbf\""), T("\"\xe0\xa0\x80\""), T("\"\xe2\x82\xac\""), T("\"\xed\x9f\xbf\""),
    T("\"\xee\x80\x80\""), T("\"\xef\xbf\xbf\""), T("\"\xef\xbb\xbf\""), T("\"\xf0\x90\x80\x80\""),
    T("\"\xf4\x8f\xbf\xbf\""), T("\"\xe2\x80\xa8\xe2\x80\xa9\""), T("\"1\""), T("\"true\""),
    /* escapes */
    T("\"\\\"\""), T("\"\\\\\""), T("\"\\/\""), T("\"\\b\""), T("\"\\f\""), T("\"\\n\""),
    T("\"\\r\""), T("\"\\t\""), T("\"\\u0001\""), T("\"\\u0022\""), T("\"\\u005c\""),
    T("\"\\u007F\""), T("\"\\u00e9\""), T("\"\\u00E9\""), T("\"\\uabcd\""), T("\"\\uABCD\""),
    T("\"\\ud7ff\""), T("\"\\ue000\""), T("\"\\uffff\""), T("\"\\ud800\\udc00\""),
    T("\"\\uD83D\\uDE00\""), T("\"\\udbff\\udfff\""), T("\"\\ud83d\\ude00\\ud83d\\ude00\""),
    T("\"\\\\u0000\""), T("\"\\\\\\\"\""), T("\"a\\nb\\tc\""), T("\"\\u00411\""),
    T("\"\\\\\\\\\""),
    /* lists and objects */
    T("[1]"), T("[1,2,3]"), T("[true,false,null]"), T("[\"a\",1,{},[]]"), T("[[]]"), T("[[[]]]"),
    T("[[1],[2]]"), T("[{}]"), T("[{\"a\":[{}]}]"), T("[1,1,1]"), T("[\"a\",\"a\"]"),
    T("{\"a\":1}"), T("{\"\":1}"), T("{\"a\":{\"a\":{\"a\":1}}}"), T("{\"a\":1,\"A\":2}"),
    T("{\"a\":1,\"a \":2}"), T("{\"a\":{\"b\":1},\"c\":{\"b\":1}}"), T("[{\"a\":1},{\"a\":2}]"),
    T("{\"a\":[],\"b\":{}}"), T("{\"a.b\":1,\"a\":{\"b\":2}}"), T("{\"\\\"\":1}"),
    T("{\"\\u0061\":1,\"b\":2}"), T("{\"\xc3\xa9\":1,\"e\":2}"),
    T("[[[[[[[[[[[[[[[[]]]]]]]]]]]]]]]]"), /* 16 deep */
    T("{\"a\":{\"a\":{\"a\":{\"a\":[[[[[[[[[[[[]]]]]]]]]]]]}}}}"),
};

static const Case refused[] = {
    /* nothing, or more than one value */
    T(""), T(" "), T("\n\n"), T("1 2"), T("1,2"), T("{}{}"), T("[][]"), T("{} x"), T("{},"),
    T("true false"), T("\"a\"\"b\""), T("[1]]"), T("{}}"), T("1 /* */"), T("1 // a"), T("// a\n1"),
    T("/**/1"), T("# a\n1"), T(";1"), T("a:1"),
    /* white space of other kinds, byte order marks, NUL */
    T("\v1"), T("\f1"), T("1\v"), T("\xc2\xa0" "1"), T("\xe2\x80\x83" "1"), T("\xef\xbb\xbf" "1"),
    T("\xff\xfe" "1"), T("\0"), T("1\0"), T("\0" "1"), T("{}\0"), T("\x1f"), T("\x7f"),
    /* words */
    T("True"), T("TRUE"), T("tru"), T("truee"), T("nul"), T("NULL"), T("None"), T("undefined"),
    T("NaN"), T("nan"), T("Infinity"), T("inf"), T("yes"), T("on"), T("t"), T("f"), T("n"),
    T("true1"), T("null_"), T("'a'"), T("a"), T("`a`"),
    /* numbers */
    T("01"), T("-01"), T("00"), T("-00"), T("007"), T("01.5"), T("00.5"), T("0123"), T("5."),
    T("-5."), T("0."), T(".5"), T("-.5"), T("."), T("-"), T("+"), T("+1"), T("+0.5"), T("--1"),
    T("-+1"), T("- 1"), T("2.e3"), T("2.E3"), T(".e1"), T("1e"), T("1E"), T("1e+"), T("1e-"),
    T("1.5e"), T("e1"), T("1e1.5"), T("1e1e1"), T("1ee1"), T("1e++1"), T("1e+-1"), T("1.2.3"),
    T("1..2"), T("1_000"), T("1,000"), T("1 000"), T("0x10"), T("0X1F"), T("0b1"), T("0o7"),
    T("1f"), T("1.0f"), T("1L"), T("1n"), T("1%"), T("1-1"), T("1+1"), T("-Infinity"), T("-NaN"),
    T("-inf"), T("-a"), T("\xef\xbc\x91"), T("1\xc2\xb2"), T("1e309"), T("-1e309"), T("1e999"),
    T("1e999999999999"), T("[1e400]"),
    T("1000000000000000000000000000000000000000000000000000000000000000"), /* 64 characters */
    /* strings */
    T("\""), T("\"a"), T("a\""), T("\"a\\\""), T("\"a\nb\""), T("\"a\rb\""), T("\"a\tb\""),
    T("\"\x01\""), T("\"\x1f\""), T("\"\x1b[1m\""), T("\"\0\""), T("\"a\0b\""), T("\"\b\""),
    T("\"\\\""), T("\"\\a\""), T("\"\\v\""), T("\"\\0\""), T("\"\\x41\""), T("\"\\'\""),
    T("\"\\U0041\""), T("\"\\N\""), T("\"\\ \""), T("\"\\\n\""), T("\"\\\xc3\xa9\""), T("\"\\u\""),
    T("\"\\u1\""), T("\"\\u12\""), T("\"\\u123\""), T("\"\\u12g4\""), T("\"\\u 123\""),
    T("\"\\u+123\""), T("\"\\u-123\""), T("\"\\u0x12\""), T("\"\\u0000\""), T("\"a\\u0000b\""),
    T("\"\\ud800\""), T("\"\\udbff\""), T("\"\\udc00\""), T("\"\\udfff\""), T("\"\\ud800a\""),
    T("\"\\ud800\\n\""), T("\"\\ud800\\ud800\""), T("\"\\ud800\\u0041\""), T("\"\\ud800\\ue000\""),
    T("\"\\udc00\\ud800\""), T("\"\\ud800\\udc0\""), T("\"\\ud800\\\\udc00\""),
    T("\"\\ud83d\\ude00\\ud83d\""), T("{\"\\ud800\":1}"), T("{\"\\u0000\":1}"),
    /* UTF-8 */
    T("\"\x80\""), T("\"\xbf\""), T("\"\xc0\x80\""), T("\"\xc0\xaf\""), T("\"\xc1\xbf\""),
    T("\"\xc3\""), T("\"\xc3(\""), T("\"\xe0\x80\x80\""), T("\"\xe0\x9f\xbf\""), T("\"\xe2\x82\""),
    T("\"\xe2(\xac\""), T("\"\xed\xa0\x80\""), T("\"\xed\xbf\xbf\""), T("\"\xf0\x80\x80\x80\""),
    T("\"\xf0\x8f\xbf\xbf\""), T("\"\xf0\x9f\x98\""), T("\"\xf4\x90\x80\x80\""),
    T("\"\xf5\x80\x80\x80\""), T("\"\xf8\x88\x80\x80\x80\""), T("\"\xfe\""), T("\"\xff\""),
    T("\"\xe9\""), T("\xe9"), T("{\"\xff\":1}"),
    /* lists */
    T("["), T("]"), T("[1"), T("[1,"), T("[,"), T("[,]"), T("[,1]"), T("[1,]"), T("[1,,2]"),
    T("[1 2]"), T("[1;2]"), T("[1:2]"), T("[\"a\":1]"), T("[1}"), T("[}"), T("[\"a\" \"b\"]"),
    T("[true false]"), T("[[]"), T("[[],"), T("(1)"), T("[1,\n]"), T("[x]"), T("[1,// a\n2]"),
    T("[a]"), T("[-]"), T("[1.]"), T("[\"a]"), T("[\"a\nb\"]"), T("<1>"),
    /* objects */
    T("{"), T("}"), T("{1}"), T("{\"a\"}"), T("{\"a\":}"), T("{\"a\":1"), T("{\"a\":1,"),
    T("{\"a\":1,}"), T("{,}"), T("{,\"a\":1}"), T("{\"a\":1,,\"b\":2}"), T("{\"a\":1 \"b\":2}"),
    T("{\"a\":1;\"b\":2}"), T("{\"a\" 1}"), T("{\"a\"=1}"), T("{\"a\"::1}"), T("{\"a\",1}"),
    T("{a:1}"), T("{'a':1}"), T("{1:1}"), T("{null:1}"), T("{true:1}"), T("{[]:1}"), T("{{}:1}"),
    T("{:1}"), T("{\"a\":1]"), T("{]"), T("{\"a\":1 2}"), T("{\"a\":\"b\":1}"), T("{\"a\":1}}"),
    T("{\"a"), T("{\"a\":tru}"), T("{\"a\":.5}"), T("{/*a*/}"), T("{\"a\":1/*b*/}"),
    T("{\"a\":,\"b\":1}"), T("{\"a\":1,\"b\"}"), T("{\"a\":1,\"b\":}"), T("{\"a\" \"b\":1}"),
    /* duplicate keys, at any depth, with and without escapes */
    T("{\"a\":1,\"a\":1}"), T("{\"a\":1,\"b\":2,\"a\":3}"), T("{\"\":1,\"\":2}"),
    T("{\"a\":1,\"\\u0061\":2}"), T("{\"\xc3\xa9\":1,\"\\u00e9\":2}"),
    T("{\"\xe2\x82\xac\":1,\"\\u20ac\":2}"),
    T("{\"\\n\":1,\"\\u000a\":2}"), T("{\"/\":1,\"\\/\":2}"),
    T("{\"\xf0\x9f\x98\x80\":1,\"\\ud83d\\ude00\":2}"), T("[{\"a\":1,\"a\":2}]"),
    T("{\"x\":{\"a\":1,\"a\":2}}"), T("{\"x\":[[{\"a\":{},\"a\":[]}]]}"),
    /* 17 deep */
    T("[[[[[[[[[[[[[[[[[]]]]]]]]]]]]]]]]]"),
    T("{\"a\":{\"a\":{\"a\":{\"a\":[[[[[[[[[[[[[]]]]]]]]]]]]]}}}}"),
    T("[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[["),
};

/* clang-format on */

#define COUNT(table) (sizeof(table) / sizeof(table)[0])

static bool scan(const Case *one, JsonMap *map) {
    char *copy = mem_alloc(one->length ? one->length : 1); /* lets a sanitizer detect overreads */
    memcpy(copy, one->text, one->length);
    bool valid = json_scan(copy, one->length, NULL, map);
    mem_free(copy);
    return valid;
}

static size_t nodes_of(const cJSON *json) {
    size_t count = 1;
    const cJSON *child;
    cJSON_ArrayForEach(child, json) count += nodes_of(child);
    return count;
}

/* Everything accepted can be parsed by cJSON, which finds the same number of values. */
static void test_accepted(void) {
    for (size_t i = 0; i < COUNT(accepted); i++) {
        JsonMap map;
        CHECK(scan(&accepted[i], &map), "%s: %s", accepted[i].text, map.errors[0].before);
        CHECK(arrlen(map.errors) == 0, "%s", accepted[i].text);
        cJSON *json = cJSON_ParseWithOpts(accepted[i].text, NULL, true);
        CHECK(json, "cJSON refuses %s", accepted[i].text);
        CHECK(arrlenu(map.nodes) == nodes_of(json), "%s: %zu nodes", accepted[i].text,
              arrlenu(map.nodes));
        cJSON_Delete(json);
        json_free(&map);
    }
}

static void test_refused(void) {
    size_t passed = 0;
    for (size_t i = 0; i < COUNT(refused); i++) {
        JsonMap map;
        CHECK(!scan(&refused[i], &map), "case %zu, %s, was let through", i, refused[i].text);
        CHECK(arrlen(map.errors) > 0, "%s", refused[i].text);
        for (size_t e = 0; e < arrlenu(map.errors); e++) {
            JsonSpan span = map.errors[e].span;
            CHECK(span.at + span.length <= refused[i].length, "%s: a place outside",
                  refused[i].text);
        }
        cJSON *json = cJSON_ParseWithOpts(refused[i].text, NULL, true);
        passed += json != NULL;
        cJSON_Delete(json);
        json_free(&map);
    }
    CHECK(COUNT(accepted) + COUNT(refused) >= 200, "too few cases");
    printf("note: %zu cases to accept, %zu to refuse, of which cJSON alone takes %zu\n",
           COUNT(accepted), COUNT(refused), passed);
}

/* The scanner continues after an invalid string or number; an invalid word ends the scan. */
static void test_all_errors(void) {
    static const char text[] =
        "{\"a\": 01, \"b\": \"\\x \\y\", \"a\": [+1, .5, 2], \"c\": \"\t\"} x";
    static const size_t places[] = {6, 16, 24, 30, 34, 48, 52};
    static const Case one = T(text);
    JsonMap map;
    CHECK(!scan(&one, &map), "accepted");
    CHECK(arrlenu(map.errors) == COUNT(places), "%zu errors", arrlenu(map.errors));
    for (size_t i = 0; i < COUNT(places) && i < arrlenu(map.errors); i++) {
        CHECK(map.errors[i].span.at == places[i], "error %zu is at %zu, want %zu", i,
              map.errors[i].span.at, places[i]);
    }
    CHECK(map.syntax, "more than duplicate keys");
    json_free(&map);
    static const Case twice = T("{\"a\": 1, \"a\": 2}");
    CHECK(!scan(&twice, &map) && !map.syntax, "a duplicate key is not a syntax error");
    json_free(&map);
}

static void test_comments(void) {
    static const char text[] = "// one\n{\"a\": \"//\", // \xc3\xa9 \"\n\"b\":2}//";
    static const char want[] = "      \n{\"a\": \"//\",        \n\"b\":2}  ";
    char plain[sizeof text];
    JsonMap map;
    memcpy(plain, text, sizeof text);
    CHECK(json_scan(text, sizeof text - 1, plain, &map), "%s", map.errors[0].before);
    CHECK(strcmp(plain, want) == 0, "%s", plain);
    json_free(&map);
    static const Case wrong[] = {T("{} / /"),      T("{} /"),        T("{} /* */"), T("# a\n{}"),
                                 T("{// \xff\n}"), T("{// \x01\n}"), T("{// \0\n}")};
    for (size_t i = 0; i < COUNT(wrong); i++) {
        memcpy(plain, wrong[i].text, wrong[i].length);
        CHECK(!json_scan(wrong[i].text, wrong[i].length, plain, &map), "%s", wrong[i].text);
        json_free(&map);
    }
}

/* A truncated sequence is invalid, whatever follows in memory. */
static void test_cut_characters(void) {
    static const char *const characters[] = {"\xc3\xa9", "\xe2\x82\xac", "\xf0\x9f\x98\x80"};
    for (size_t i = 0; i < COUNT(characters); i++) {
        size_t length = strlen(characters[i]);
        CHECK(utf8_length(characters[i], length) == length, "%s", characters[i]);
        for (size_t left = 0; left < length; left++) {
            CHECK(utf8_length(characters[i], left) == 0, "%zu bytes of %s", left, characters[i]);
        }
    }
}

/* Printed into a buffer that is too small, text ends with a whole character. */
static void test_cut_buffers(void) {
    static const char text[] = "a\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80z"; /* 1, 2, 3, 4, 1 bytes */
    static const size_t ends[] = {0, 1, 3, 6, 10, 11};
    for (size_t size = 1; size <= sizeof text; size++) {
        char cut[sizeof text];
        size_t want = 0;
        for (size_t i = 0; i < COUNT(ends); i++) want = ends[i] < size ? ends[i] : want;
        memcpy(cut, text, size - 1);
        cut[size - 1] = '\0';
        utf8_cut(cut, size);
        CHECK(strlen(cut) == want, "%zu bytes of room: %zu, want %zu", size, strlen(cut), want);
    }
    char latin[8] = "caf\xe9"; /* not cut, and left as it is */
    utf8_cut(latin, sizeof latin);
    CHECK(strcmp(latin, "caf\xe9") == 0, "%s", latin);
}

/* Any bytes become a valid JSON string, and valid ones are kept. */
static void test_written_bytes(void) {
    static const char *const texts[][2] = {
        {"caf\xc3\xa9 \xf0\x9f\x98\x80", "\"caf\xc3\xa9 \xf0\x9f\x98\x80\""},
        {"caf\xe9.txt", "\"caf\xef\xbf\xbd.txt\""},
        {"\xe2\x82", "\"\xef\xbf\xbd\xef\xbf\xbd\""},
        {"\xed\xa0\x80\"", "\"\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\\\"\""},
        {"\x01\n\\", "\"\\u0001\\n\\\\\""},
    };
    for (size_t i = 0; i < COUNT(texts); i++) {
        TextOut out;
        json_print_string(text_begin(&out), texts[i][0]);
        char *got = text_end(&out);
        CHECK(strcmp(got, texts[i][1]) == 0, "%s, want %s", got, texts[i][1]);
        mem_free(got);
    }
}

/* --- positions --- */

static void check_place(const char *text, const JsonMap *map, const char *path, const char *key,
                        const char *value) {
    size_t node = json_find(map, text, 0, path);
    CHECK(node != JSON_NO_NODE, "%s is not found", path);
    if (node == JSON_NO_NODE) return;
    JsonSpan k = map->nodes[node].key, v = map->nodes[node].value;
    CHECK(k.length == strlen(key) && strncmp(text + k.at, key, k.length) == 0, "%s: key %.*s", path,
          (int)k.length, text + k.at);
    CHECK(v.length == strlen(value) && strncmp(text + v.at, value, v.length) == 0, "%s: value %.*s",
          path, (int)v.length, text + v.at);
}

static void test_places(void) {
    static const char text[] = " {\"model\": {\"n_head\" : 12 , \"w.i\": {\"mlp.out\": -1e5}},\n"
                               " \"l\": [1, [\"a\", {\"b\": null}], 3], \"\\u006e\": \"\\\"\"} ";
    JsonMap map;
    CHECK(json_scan(text, sizeof text - 1, NULL, &map), "%s", map.errors[0].before);
    check_place(text, &map, "model", "\"model\"",
                "{\"n_head\" : 12 , \"w.i\": {\"mlp.out\": -1e5}}");
    check_place(text, &map, "model.n_head", "\"n_head\"", "12");
    check_place(text, &map, "model.w.i.mlp.out", "\"mlp.out\"", "-1e5");
    check_place(text, &map, "l", "\"l\"", "[1, [\"a\", {\"b\": null}], 3]");
    check_place(text, &map, "l.0", "", "1");
    check_place(text, &map, "l.1", "", "[\"a\", {\"b\": null}]");
    check_place(text, &map, "l.1.1.b", "\"b\"", "null");
    check_place(text, &map, "l.2", "", "3");
    check_place(text, &map, "n", "\"\\u006e\"", "\"\\\"\"");
    CHECK(map.nodes[0].value.at == 1 && map.nodes[0].value.length == sizeof text - 3, "the whole");
    CHECK(map.nodes[0].end == arrlenu(map.nodes), "the end of the whole");
    static const char *const nowhere[] = {"mode",    "models", "model.n",      "model.n_head.x",
                                          "l.3",     "l.-1",   "l.x",          "modeln_head",
                                          "l.1.1.c", "x",      "model..n_head"};
    for (size_t i = 0; i < COUNT(nowhere); i++) {
        CHECK(json_find(&map, text, 0, nowhere[i]) == JSON_NO_NODE, "%s", nowhere[i]);
    }
    json_free(&map);
}

/* --- sizes --- */

/* A text of one MiB, `item` repeated between `open` and `close`, is scanned in little time. */
static void check_long(const char *open, const char *item, const char *close, size_t errors) {
    size_t length = JSON_LENGTH_MAX, one = strlen(item), used = strlen(open);
    char *text = mem_alloc(length + 1);
    memset(text, ' ', length);
    memcpy(text, open, used);
    for (; used + one + strlen(close) <= length; used += one) memcpy(text + used, item, one);
    if (errors == 0) used -= text[used - 1] == ',';
    memset(text + used, ' ', length - used);
    memcpy(text + length - strlen(close), close, strlen(close));
    JsonMap map;
    double start = clock_seconds();
    json_scan(text, length, NULL, &map);
    CHECK(arrlenu(map.errors) == errors, "%s: %zu errors", item, arrlenu(map.errors));
    CHECK(clock_seconds() - start < 5, "%s: %.1f s", item, clock_seconds() - start);
    json_free(&map);
    text[length] = ' ';
    CHECK(!json_scan(text, length + 1, NULL, &map) && map.syntax, "1 MiB and a byte");
    CHECK(strstr(map.errors[0].before, "longer than 1 MiB"), "%s", map.errors[0].before);
    json_free(&map);
    mem_free(text);
}

static void test_sizes(void) {
    check_long("[", "1,", "]", 0);
    check_long("[", "{},", "]", 0);
    check_long("[", "[1,[2]],", "]", 0);
    check_long("\"", "\\ud83d\\ude00", "\"", 0);
    check_long("{", "\"a\":1,", "\"b\":1}", (JSON_LENGTH_MAX - 7) / 6 - 1);
    check_long("[", "01,", "2]", (JSON_LENGTH_MAX - 3) / 3);
    check_long("[", "[", "", 1);
}

static const Test tests[] = {
    {"json: valid one-line texts", test_accepted},
    {"json: invalid one-line texts", test_refused},
    {"json: all errors of a text", test_all_errors},
    {"json: comments", test_comments},
    {"json: truncated characters", test_cut_characters},
    {"json: text cut to a buffer", test_cut_buffers},
    {"json: bytes that are not UTF-8", test_written_bytes},
    {"json: positions of keys and values", test_places},
    {"json: texts of one MiB", test_sizes},
};
TEST_MAIN(tests)

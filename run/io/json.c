/* json.c - see json.h.
 *
 * Recursive descent over the grammar of RFC 8259. The end of an invalid number or string is known,
 * so the scanner continues after it; an unexpected bracket or comma ends the scan. */
#include "run/io/json.h"

#include "base/stb_ds.h"
#include "base/utf8.h"

#include <ctype.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

typedef struct {
    const char *text;
    size_t length, at, depth;
    char *plain; /* NULL = comments are errors */
    JsonMap *map;
    char *word, *other; /* decoded keys, for comparison (stb_ds arrays) */
} Scanner;

/* Records an error. Returns false, for callers that cannot continue. */
static bool wrong(Scanner *s, size_t at, size_t length, const char *before, const char *after) {
    JsonError error = {{at, length}, before, after};
    arrput(s->map->errors, error);
    s->map->syntax = true;
    return false;
}

/* --- characters --- */

static bool is_blank(char c) {
    return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

static bool is_digit(char c) {
    return c >= '0' && c <= '9';
}

/* The next character, NUL at the end. */
static char peek(const Scanner *s) {
    return s->at < s->length ? s->text[s->at] : '\0';
}

/* The error of the next character if it is invalid anywhere in JSON text; else NULL. */
static const char *character_error(const Scanner *s) {
    unsigned char c = (unsigned char)peek(s);
    if (c == '\0') return "NUL byte; a config must be UTF-8 text";
    if (c < 0x20) return "control character; a config must be UTF-8 text";
    if (!utf8_length(s->text + s->at, s->length - s->at)) {
        return "invalid UTF-8; save the file as UTF-8";
    }
    return NULL;
}

/* Reports the next token, or the end, as unexpected; `expected` (NULL = nothing) is appended. */
static bool unexpected(Scanner *s, const char *expected) {
    size_t end = s->at;
    if (s->at == s->length) {
        while (end > 0 && is_blank(s->text[end - 1])) end--;
        return wrong(s, end, 0, "not JSON: unexpected end of the text", NULL);
    }
    const char *error = character_error(s);
    if (error) return wrong(s, s->at, 1, error, NULL);
    bool string = s->text[end] == '"';
    do {
        end++;
    } while (end < s->length && (unsigned char)s->text[end] >= (string ? ' ' : '!') &&
             !strchr(string ? "\"" : ",:{}[]\"", s->text[end]));
    if (string && end < s->length && s->text[end] == '"') end++;
    return wrong(s, s->at, end - s->at, "not JSON: unexpected ", expected);
}

/* Advances to the end of a // comment and overwrites it with spaces. */
static bool skip_comment(Scanner *s) {
    while (s->at < s->length && s->text[s->at] != '\n') {
        const char *error = is_blank(s->text[s->at]) ? NULL : character_error(s);
        if (error) return wrong(s, s->at, 1, error, NULL);
        size_t bytes = utf8_length(s->text + s->at, s->length - s->at);
        memset(s->plain + s->at, ' ', bytes);
        s->at += bytes;
    }
    return true;
}

/* Advances past white space and comments. */
static bool skip_blanks(Scanner *s) {
    for (;;) {
        while (s->at < s->length && is_blank(s->text[s->at])) s->at++;
        bool comment = s->plain && s->length - s->at >= 2 && s->text[s->at] == '/' &&
                       s->text[s->at + 1] == '/';
        if (!comment) return true;
        if (!skip_comment(s)) return false;
    }
}

/* --- strings --- */

/* The value of the four hexadecimal digits at `at`, -1 if there are none. */
static int hex4(const char *text, size_t length, size_t at) {
    int code = 0;
    for (size_t i = at; i < at + 4; i++) {
        if (i >= length || !isxdigit((unsigned char)text[i])) return -1;
        int c = tolower((unsigned char)text[i]);
        code = 16 * code + (is_digit((char)c) ? c - '0' : c - 'a' + 10);
    }
    return code;
}

/* Whether a code is a surrogate: high ones begin at 0xd800, low ones at 0xdc00. */
static bool is_surrogate(int code, int first) {
    return code >= first && code < first + 0x400;
}

/* The value of the low surrogate at `at`, -1 if there is none. */
static int low_surrogate(const char *text, size_t length, size_t at) {
    if (at + 1 >= length || text[at] != '\\' || text[at + 1] != 'u') return -1;
    int code = hex4(text, length, at + 2);
    return is_surrogate(code, 0xdc00) ? code : -1;
}

/* The length of the next escape sequence; 1 if it is invalid, and then *error is set. */
static size_t scan_escape(const Scanner *s, const char **error) {
    char c = s->at + 1 < s->length ? s->text[s->at + 1] : '\0';
    if (c && strchr("\"\\/bfnrt", c)) return 2;
    int code = c == 'u' ? hex4(s->text, s->length, s->at + 2) : -1;
    if (c != 'u') {
        *error = "unknown escape; JSON has \\\" \\\\ \\/ \\b \\f \\n \\r \\t and \\u";
    } else if (code < 0) {
        *error = "\\u must be followed by four hexadecimal digits";
    } else if (code == 0) {
        *error = "\\u0000 is not allowed in a string";
    } else if (is_surrogate(code, 0xdc00)) {
        *error = "low surrogate without a high surrogate before it";
    } else if (!is_surrogate(code, 0xd800)) {
        return 6;
    } else if (low_surrogate(s->text, s->length, s->at + 6) >= 0) {
        return 12;
    } else {
        *error = "high surrogate without a low surrogate after it";
    }
    return 1;
}

/* Scans a string from its opening quote. Only the first invalid character in it is reported. */
static bool scan_string(Scanner *s) {
    bool valid = true;
    s->at++;
    while (s->at < s->length) {
        char c = s->text[s->at];
        if (c == '"') {
            s->at++;
            return true;
        }
        if (c == '\n') {
            return wrong(s, s->at, 0, "unterminated string; a closing \" is missing", NULL);
        }
        const char *error = NULL;
        size_t length = 1;
        if (c == '\\') {
            length = scan_escape(s, &error);
        } else {
            error = character_error(s);
            if (!error) length = utf8_length(s->text + s->at, s->length - s->at);
        }
        if (error && valid) valid = wrong(s, s->at, 1, error, NULL);
        s->at += length;
    }
    return unexpected(s, NULL);
}

static void add_code(char **out, unsigned code) {
    static const unsigned char first[] = {0, 0xc0, 0xe0, 0xf0};
    int more = code < 0x80 ? 0 : code < 0x800 ? 1 : code < 0x10000 ? 2 : 3;
    arrput(*out, (char)(first[more] | code >> 6 * more));
    while (more--) arrput(*out, (char)(0x80 | (code >> 6 * more & 0x3f)));
}

/* Decodes the escapes of a string; invalid ones are copied unchanged. */
static void string_decode(const char *text, JsonSpan string, char **out) {
    static const char escapes[] = "bfnrt", meant[] = "\b\f\n\r\t";
    size_t end = string.at + string.length - 1;
    arrsetlen(*out, 0);
    for (size_t i = string.at + 1; i < end; i++) {
        if (text[i] != '\\') {
            arrput(*out, text[i]);
            continue;
        }
        char c = text[++i];
        int code = c == 'u' ? hex4(text, end, i + 1) : -1;
        const char *known = strchr(escapes, c);
        if (code < 0) {
            arrput(*out, known && c ? meant[known - escapes] : c);
            continue;
        }
        i += 4;
        int low = is_surrogate(code, 0xd800) ? low_surrogate(text, end, i + 1) : -1;
        if (low >= 0) {
            code = 0x10000 + ((code - 0xd800) << 10) + (low - 0xdc00);
            i += 6;
        }
        add_code(out, (unsigned)code);
    }
    arrput(*out, '\0');
}

/* --- numbers and words --- */

static size_t skip_digits(const char *number, size_t length, size_t at) {
    while (at < length && is_digit(number[at])) at++;
    return at;
}

/* The error of a number of `length` characters, NULL if it is valid. */
static const char *number_error(const char *number, size_t length) {
    char text[JSON_NUMBER_MAX + 1];
    size_t at = number[0] == '-', digits = skip_digits(number, length, at);
    if (number[0] == '+') return "a number cannot begin with a plus sign";
    if (digits == at && at < length && number[at] == '.') {
        return "a number needs a digit before the decimal point";
    }
    if (digits == at) return "a number needs a digit after the minus sign";
    if (number[at] == '0' && digits > at + 1) return "a number cannot have leading zeros";
    at = digits;
    if (at < length && number[at] == '.') {
        digits = skip_digits(number, length, ++at);
        if (digits == at) return "a number needs a digit after the decimal point";
        at = digits;
    }
    if (at < length && (number[at] == 'e' || number[at] == 'E')) {
        at++;
        if (at < length && (number[at] == '+' || number[at] == '-')) at++;
        digits = skip_digits(number, length, at);
        if (digits == at) return "a number needs a digit in its exponent";
        at = digits;
    }
    if (at < length) return "invalid number";
    if (length > JSON_NUMBER_MAX) return "number with more than 63 characters";
    memcpy(text, number, length);
    text[length] = '\0';
    return isfinite(strtod(text, NULL)) ? NULL : "number too large for a double";
}

static void scan_number(Scanner *s) {
    size_t start = s->at;
    while (peek(s) && (isalnum((unsigned char)peek(s)) || strchr("+-._", peek(s)))) s->at++;
    const char *error = number_error(s->text + start, s->at - start);
    if (error) wrong(s, start, s->at - start, error, NULL);
}

static bool scan_word(Scanner *s) {
    static const char *const words[] = {"true", "false", "null"};
    size_t length = 0;
    while (s->at + length < s->length && isalnum((unsigned char)s->text[s->at + length])) length++;
    for (size_t i = 0; i < sizeof words / sizeof *words; i++) {
        if (strlen(words[i]) != length || memcmp(words[i], s->text + s->at, length) != 0) continue;
        s->at += length;
        return true;
    }
    return unexpected(s, "; expected a value (strings need double quotes)");
}

/* --- objects and lists --- */

static bool keys_equal(Scanner *s, JsonSpan a, JsonSpan b) {
    string_decode(s->text, a, &s->word);
    string_decode(s->text, b, &s->other);
    return arrlen(s->word) == arrlen(s->other) && memcmp(s->word, s->other, arrlenu(s->word)) == 0;
}

/* A key of an object: the hash of its decoded text, and its node. */
typedef struct {
    uint64_t hash;
    size_t node;
} Key;

static int by_hash(const void *a, const void *b) {
    const Key *x = a, *y = b;
    if (x->hash != y->hash) return x->hash < y->hash ? -1 : 1;
    return (x->node > y->node) - (x->node < y->node);
}

/* Reports duplicate keys of an object. */
static void check_keys(Scanner *s, size_t object) {
    const JsonNode *nodes = s->map->nodes;
    Key *keys = NULL;
    for (size_t child = object + 1; child < arrlenu(nodes); child = nodes[child].end) {
        string_decode(s->text, nodes[child].key, &s->word);
        Key key = {hash_text(HASH_START, s->word), child};
        arrput(keys, key);
    }
    if (keys) qsort(keys, arrlenu(keys), sizeof *keys, by_hash);
    for (size_t i = 1; i < arrlenu(keys); i++) {
        const JsonSpan key = nodes[keys[i].node].key;
        if (keys[i].hash != keys[i - 1].hash) continue;
        if (!keys_equal(s, key, nodes[keys[i - 1].node].key)) continue;
        JsonError error = {key, "duplicate key ", ""};
        arrput(s->map->errors, error);
    }
    arrfree(keys);
}

static bool scan_key(Scanner *s, bool first, JsonSpan *key) {
    if (peek(s) != '"') {
        return unexpected(s, first || peek(s) != '}' ? "; expected a key in double quotes"
                                                     : "; trailing commas are not allowed");
    }
    key->at = s->at;
    if (!scan_string(s)) return false;
    key->length = s->at - key->at;
    if (!skip_blanks(s)) return false;
    if (peek(s) != ':') return unexpected(s, "; expected a colon after the key");
    s->at++;
    return skip_blanks(s);
}

static bool scan_value(Scanner *s, JsonSpan key);

/* Scans the object or list that opens here; its node is the last of the map. */
static bool scan_nest(Scanner *s) {
    size_t node = arrlenu(s->map->nodes) - 1;
    bool object = peek(s) == '{';
    char close = object ? '}' : ']';
    if (s->depth == JSON_DEPTH_MAX) {
        return wrong(s, s->at, 1, "objects and lists are nested more than 16 deep", NULL);
    }
    s->depth++;
    s->at++;
    for (bool first = true;; first = false) {
        JsonSpan key = {0, 0};
        if (!skip_blanks(s)) return false;
        if (first && peek(s) == close) break;
        if (object && !scan_key(s, first, &key)) return false;
        if (!scan_value(s, key) || !skip_blanks(s)) return false;
        if (peek(s) == close) break;
        if (peek(s) != ',') {
            return unexpected(s, object ? "; expected a comma or }" : "; expected a comma or ]");
        }
        s->at++;
    }
    s->at++;
    s->depth--;
    if (object) check_keys(s, node);
    return true;
}

static bool scan_value(Scanner *s, JsonSpan key) {
    size_t node = arrlenu(s->map->nodes), start = s->at;
    JsonNode empty = {.key = key};
    arrput(s->map->nodes, empty);
    char c = peek(s);
    bool valid = true;
    if (c == '{' || c == '[') {
        valid = scan_nest(s);
    } else if (c == '"') {
        valid = scan_string(s);
    } else if (c && (is_digit(c) || strchr("+-.", c))) {
        scan_number(s);
    } else {
        valid = scan_word(s);
    }
    s->map->nodes[node].value = (JsonSpan){start, s->at - start};
    s->map->nodes[node].end = arrlenu(s->map->nodes);
    return valid;
}

/* --- the whole text --- */

static int by_position(const void *a, const void *b) {
    size_t x = ((const JsonError *)a)->span.at, y = ((const JsonError *)b)->span.at;
    return (x > y) - (x < y);
}

bool json_scan(const char *text, size_t length, char *plain, JsonMap *map) {
    Scanner s = {.text = text, .length = length, .plain = plain, .map = map};
    *map = (JsonMap){0};
    if (length > JSON_LENGTH_MAX) {
        return wrong(&s, 0, 0, "longer than 1 MiB, the limit for a config", NULL);
    }
    bool valid = skip_blanks(&s) && scan_value(&s, (JsonSpan){0, 0}) && skip_blanks(&s);
    if (valid && s.at < length) unexpected(&s, "; expected the end of the text");
    size_t errors = arrlenu(map->errors);
    if (errors > 1) qsort(map->errors, errors, sizeof *map->errors, by_position);
    arrfree(s.word);
    arrfree(s.other);
    return errors == 0;
}

void json_free(JsonMap *map) {
    arrfree(map->nodes);
    arrfree(map->errors);
    *map = (JsonMap){0};
}

/* Whether `path` begins with the key of a child, or with its index in a list; *rest is what
 * follows. */
static bool begins_with(const char *text, const JsonNode *child, size_t index, const char *path,
                        char **word, const char **rest) {
    if (child->key.length) {
        string_decode(text, child->key, word);
        size_t length = strlen(*word);
        if (strncmp(path, *word, length) != 0) return false;
        *rest = path + length;
    } else {
        char *end;
        if (!is_digit(*path) || strtoul(path, &end, 10) != index) return false;
        *rest = end;
    }
    if (**rest && **rest != '.') return false;
    *rest += **rest == '.';
    return true;
}

size_t json_find(const JsonMap *map, const char *text, size_t node, const char *path) {
    size_t found = JSON_NO_NODE, index = 0;
    char *word = NULL;
    if (!*path) return node;
    for (size_t child = node + 1; child < map->nodes[node].end && found == JSON_NO_NODE;
         child = map->nodes[child].end) {
        const char *rest;
        if (begins_with(text, &map->nodes[child], index++, path, &word, &rest)) {
            found = json_find(map, text, child, rest);
        }
    }
    arrfree(word);
    return found;
}

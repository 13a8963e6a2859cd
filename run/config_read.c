/* config_read.c - see config_read.h.
 *
 * Comments are blanked rather than removed, so that the offset of an error is its place in the
 * file. cJSON takes control characters, invalid UTF-8, \u0000 (which cuts a string short) and
 * repeated keys without a word: text_check and unique_keys refuse them. */
#include "run/config_read.h"

#include "ops/stb_ds.h"

#include <cJSON.h>
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

enum { FILE_MAX = 1 << 20 };

void report_error(Report *report, const char *format, ...) {
    if (report->errors++ >= REPORT_MAX) return;
    va_list args;
    va_start(args, format);
    fprintf(stderr, "%s: error: ", report->origin);
    vfprintf(stderr, format, args);
    fputc('\n', stderr);
    va_end(args);
}

bool report_close(const Report *report) {
    if (!report->errors) return true;
    fprintf(stderr, "%zu error%s; nothing was written. ./train --list keys shows every key.\n",
            report->errors, report->errors == 1 ? "" : "s");
    return false;
}

/* Reports an error at `offset` of `text` as origin:line:column. */
static void report_at(Report *report, const char *text, size_t offset, const char *sentence) {
    size_t line = 1, column = 1;
    for (size_t i = 0; i < offset; i++) {
        column++;
        if (text[i] == '\n') {
            line++;
            column = 1;
        }
    }
    const char *origin = report->origin;
    char *place = NULL;
    text_add(&place, "%s:%zu:%zu", origin, line, column);
    report->origin = place;
    report_error(report, "%s", sentence);
    report->origin = origin;
    arrfree(place);
}

const char *text_shown(const char *text, char shown[SHOWN_SIZE]) {
    static const char more[] = "...";
    size_t length = strlen(text), room = SHOWN_SIZE - sizeof more;
    if (length > room) {
        length = room;
        while (length && ((unsigned char)text[length] & 0xc0) == 0x80) length--;
        memcpy(shown + length, more, sizeof more);
    } else {
        shown[length] = '\0';
    }
    for (size_t i = 0; i < length; i++) {
        unsigned char byte = (unsigned char)text[i];
        shown[i] = byte < 0x20 || byte == 0x7f ? '?' : text[i];
    }
    return shown;
}

void text_add(char **text, const char *format, ...) {
    va_list args, again;
    va_start(args, format);
    va_copy(again, args);
    size_t added = (size_t)vsnprintf(NULL, 0, format, args), used = arrlenu(*text);
    arrsetlen(*text, used + added + 1);
    vsnprintf(*text + used, added + 1, format, again);
    arrsetlen(*text, used + added);
    va_end(args);
    va_end(again);
}

char *file_read(const char *path, Report *report) {
    FILE *file = fopen(path, "rb");
    if (!file) {
        report_error(report, "cannot read %s: %s", path, strerror(errno));
        return NULL;
    }
    char *text = NULL;
    arrsetlen(text, FILE_MAX + 2);
    errno = 0;
    size_t length = fread(text, 1, FILE_MAX + 1, file);
    bool failed = ferror(file) != 0, too_long = length > FILE_MAX;
    if (failed) report_error(report, "cannot read %s: %s", path, strerror(errno));
    if (too_long) report_error(report, "%s is longer than 1 MiB, which no config is", path);
    fclose(file);
    if (failed || too_long) {
        arrfree(text);
        return NULL;
    }
    text[length] = '\0';
    arrsetlen(text, length);
    return text;
}

/* The length of the UTF-8 sequence at `s` (closed by a NUL), 0 where it is invalid: overlong, a
 * surrogate, beyond U+10FFFF or cut short. */
static size_t utf8_length(const unsigned char *s) {
    if (s[0] < 0x80) return 1;
    size_t length = s[0] >= 0xf0 ? 4 : s[0] >= 0xe0 ? 3 : 2;
    if (s[0] < 0xc2 || s[0] > 0xf4) return 0;
    if (s[0] == 0xe0 && s[1] < 0xa0) return 0;
    if (s[0] == 0xed && s[1] > 0x9f) return 0;
    if (s[0] == 0xf0 && s[1] < 0x90) return 0;
    if (s[0] == 0xf4 && s[1] > 0x8f) return 0;
    for (size_t i = 1; i < length; i++) {
        if ((s[i] & 0xc0) != 0x80) return 0;
    }
    return length;
}

/* What is wrong with the character at `s`, NULL where nothing is. */
static const char *character_error(const unsigned char *s, bool in_string) {
    if (*s == '\0') return "a NUL byte; a config is UTF-8 text";
    if (in_string && *s == '\n') return "the line ends inside a string; a closing \" is missing";
    bool blank = *s == '\n' || *s == '\r' || *s == '\t';
    if (*s < 0x20 && (in_string || !blank)) return "a control character; a config is UTF-8 text";
    if (!utf8_length(s)) return "invalid UTF-8; save the file as UTF-8";
    return NULL;
}

bool text_is_clean(const char *text) {
    const unsigned char *s = (const unsigned char *)text;
    for (; *s; s += utf8_length(s)) {
        if (character_error(s, true)) return false;
    }
    return true;
}

/* Blanks // comments outside strings (where wanted) and refuses what cJSON would let pass. */
static bool text_check(char *text, size_t length, bool comments, Report *report) {
    bool in_string = false, in_comment = false;
    for (size_t i = 0; i < length; i++) {
        const char *error = character_error((const unsigned char *)text + i, in_string);
        if (!error && in_string && strncmp(text + i, "\\u0000", 6) == 0) {
            error = "\\u0000 cannot stand in a string";
        }
        if (error) {
            report_at(report, text, i, error);
            return false;
        }
        size_t bytes = utf8_length((const unsigned char *)text + i);
        if (comments && !in_string && text[i] == '/' && text[i + 1] == '/') in_comment = true;
        if (text[i] == '\n') in_comment = false;
        if (in_comment) {
            memset(text + i, ' ', bytes);
        } else if (text[i] == '"') {
            in_string = !in_string;
        } else if (in_string && text[i] == '\\' && text[i + 1] >= ' ') {
            i++;
            continue;
        }
        i += bytes - 1;
    }
    return true;
}

/* Refuses an object, at any depth, that has one key twice. */
static bool unique_keys(const cJSON *json, Report *report) {
    struct {
        char *key;
        bool value;
    } *seen = NULL;
    bool unique = true;
    const cJSON *child;
    cJSON_ArrayForEach(child, json) {
        if (child->string && shgeti(seen, child->string) >= 0) {
            char shown[SHOWN_SIZE];
            report_error(report, "key \"%s\" stands twice in one object",
                         text_shown(child->string, shown));
            unique = false;
        }
        if (child->string) shput(seen, child->string, true);
        unique &= unique_keys(child, report);
    }
    shfree(seen);
    return unique;
}

static bool is_blank(char c) {
    return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

/* cJSON points one byte too far where it wanted the name of a member and found no string. */
static size_t syntax_offset(const char *text, size_t offset) {
    if (text[offset] && offset >= 2 && !is_blank(text[offset - 1]) && text[offset - 1] != '"') {
        size_t before = offset - 2;
        while (before > 0 && is_blank(text[before])) before--;
        bool empty_object = text[before] == '{' && text[offset - 1] == '}';
        if (!empty_object && (text[before] == '{' || text[before] == ',')) offset--;
    }
    while (is_blank(text[offset])) offset++;
    return offset;
}

static void report_syntax(const char *text, size_t offset, Report *report) {
    offset = syntax_offset(text, offset);
    char shown[SHOWN_SIZE], sentence[2 * SHOWN_SIZE];
    const char *rest = text_shown(text + offset, shown);
    if (*rest) {
        int word = (int)strcspn(rest + 1, " ?,:{}[]\"") + 1;
        snprintf(sentence, sizeof sentence, "not JSON: unexpected %.*s", word, rest);
    } else {
        snprintf(sentence, sizeof sentence, "not JSON: the text ends too early");
    }
    report_at(report, text, offset, sentence);
}

cJSON *json_parse(char *text, size_t length, Report *report) {
    if (!text_check(text, length, true, report)) return NULL;
    const char *end = text;
    cJSON *json = cJSON_ParseWithLengthOpts(text, length + 1, &end, true);
    if (!json) {
        report_syntax(text, (size_t)(end - text), report);
    } else if (!cJSON_IsObject(json)) {
        report_error(report, "a config is one JSON object: { \"model\": { ... }, ... }");
    } else if (unique_keys(json, report)) {
        return json;
    }
    cJSON_Delete(json);
    return NULL;
}

cJSON *json_parse_value(char *text, Report *report) {
    if (!text_check(text, strlen(text), false, report)) return NULL;
    cJSON *json = cJSON_ParseWithOpts(text, NULL, true);
    if (!json) json = cJSON_CreateString(text);
    if (json && unique_keys(json, report)) return json;
    cJSON_Delete(json);
    return NULL;
}

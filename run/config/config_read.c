/* config_read.c - see config_read.h. */
#include "run/config/config_read.h"

#include "base/text_out.h"
#include "base/stb_ds.h"

#include <cJSON.h>
#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

enum { CHUNK = 1 << 14 };

static const char byte_order_mark[] = "\xef\xbb\xbf";

char *file_read(const char *path, Report *report) {
    FILE *file = fopen(path, "rb");
    if (!file) {
        report_error(report, "cannot read %s: %s", path, strerror(errno));
        return NULL;
    }
    char *text = NULL;
    size_t length = 0, got;
    errno = 0;
    do {
        arrsetlen(text, length + CHUNK + 1);
        got = fread(text + length, 1, CHUNK, file);
        length += got;
    } while (got == CHUNK && length <= JSON_LENGTH_MAX);
    bool failed = ferror(file) != 0, too_long = length > JSON_LENGTH_MAX;
    if (failed) report_error(report, "cannot read %s: %s", path, strerror(errno));
    if (too_long) report_error(report, "%s is longer than 1 MiB, the limit for a config", path);
    fclose(file);
    if (failed || too_long) {
        arrfree(text);
        return NULL;
    }
    text[length] = '\0';
    arrsetlen(text, length);
    if (length >= 3 && memcmp(text, byte_order_mark, 3) == 0) {
        fprintf(stderr, "%s: note: ignoring the byte order mark\n", path);
        arrdeln(text, 0, 3);
        text[length - 3] = '\0';
    }
    return text;
}

static void report_scan(Report *report, const Source *source) {
    for (size_t i = 0; i < arrlenu(source->map.errors); i++) {
        const JsonError *error = &source->map.errors[i];
        char *words = NULL, shown[SHOWN_SIZE];
        text_add(&words, "%.*s", (int)error->span.length, source->text + error->span.at);
        report_span(report, error->span);
        report_error(report, "%s%s%s", error->before,
                     error->after ? text_printable(words, shown) : "",
                     error->after ? error->after : "");
        arrfree(words);
    }
}

/* The tree of a text that the scanner has accepted. */
static cJSON *parsed(const char *text) {
    cJSON *json = cJSON_ParseWithOpts(text, NULL, true);
    if (!json) die(EXIT_INTERNAL, "cJSON rejects valid JSON; please report this bug");
    return json;
}

cJSON *json_parse(Report *report) {
    Source *source = report->source;
    size_t length = arrlenu(source->text);
    char *plain = mem_alloc(length + 1);
    memcpy(plain, source->text, length);
    json_scan(source->text, length, plain, &source->map);
    report_scan(report, source);
    cJSON *json = source->map.syntax ? NULL : parsed(plain);
    mem_free(plain);
    if (!json || cJSON_IsObject(json)) return json;
    report_value(report, 0);
    report->span.length = 1;
    report_error(report, "a config must be a JSON object: { \"model\": { ... }, ... }");
    cJSON_Delete(json);
    return NULL;
}

/* Whether a value that is not valid JSON was probably meant as JSON. A path or a name may begin like
 * a list or a number, but hardly with a quote. */
static bool looks_like_json(const char *text, bool bare) {
    return *text && strchr(bare ? "\"" : "{[\"-0123456789", *text);
}

/* Scans the text after the = and shifts the offsets to those of the whole text. */
static void scan_set(Source *source) {
    size_t start = source->key + 1, length = arrlenu(source->text) - start;
    JsonMap *map = &source->map;
    json_scan(source->text + start, length, NULL, map);
    for (size_t i = 0; i < arrlenu(map->errors); i++) map->errors[i].span.at += start;
    for (size_t i = 0; i < arrlenu(map->nodes); i++) {
        map->nodes[i].value.at += start;
        map->nodes[i].key.at += start;
    }
}

/* The text after the = as a string without quotes. */
static cJSON *bare_string(Source *source, const char *text) {
    json_free(&source->map);
    JsonNode node = {.value = {source->key + 1, strlen(text)}, .end = 1};
    arrput(source->map.nodes, node);
    return cJSON_CreateString(text);
}

/* A number as Python and C write it but JSON does not: .5, 5., +1, 1_000. NAN for other text. */
static double loose_number(const char *text) {
    char plain[64], *end;
    size_t length = 0;
    const char *digits = text + strspn(text, "+-");
    const bool odd = digits - text > 1 || (digits[0] == '0' && strchr("0123456789xX", digits[1]));
    if (odd || !strchr(".0123456789", *digits) || !*digits ||
        strspn(digits, "0123456789._eE+-") < strlen(digits))
        return NAN;
    for (const char *c = text; *c && length < sizeof plain - 1; c++) {
        if (*c != '_') plain[length++] = *c;
    }
    plain[length] = '\0';
    double value = strtod(plain, &end);
    return *end || !isfinite(value) || length == sizeof plain - 1 ? NAN : value;
}

cJSON *json_parse_value(Report *report, bool bare) {
    Source *source = report->source;
    JsonMap *map = &source->map;
    scan_set(source);
    const char *text = source->text + source->key + 1, *invalid = text_invalid(text);
    cJSON *json = NULL;
    const bool is_json = !map->syntax && (!bare || *text == '"');
    if (is_json) {
        json = parsed(text);
        report_scan(report, source);
    } else if (!map->syntax && !invalid) {
        json = bare_string(source, text); /* 2024, true and null are text where text is expected */
    } else if (!bare && (strcasecmp(text, "true") == 0 || strcasecmp(text, "false") == 0)) {
        cJSON_Delete(bare_string(source, text));
        json = cJSON_CreateBool(strcasecmp(text, "true") == 0); /* Python's True and False */
    } else if (!bare && !isnan(loose_number(text))) {
        cJSON_Delete(bare_string(source, text));
        json = cJSON_CreateNumber(loose_number(text));
    } else if (looks_like_json(text, bare)) {
        report_scan(report, source);
    } else if (invalid) {
        report_span(report, (JsonSpan){(size_t)(invalid - source->text), 1});
        report_error(report, "control character or invalid UTF-8 in the value");
    } else {
        json = bare_string(source, text);
    }
    if (json) map->nodes[0].key = (JsonSpan){0, source->key};
    return json;
}

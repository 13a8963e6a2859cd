/* json_out.c - see json_out.h. */
#include "run/io/json_out.h"

#include "base/utf8.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* --- values --- */

void json_print_string(FILE *out, const char *text) {
    fputc('"', out);
    for (size_t left = strlen(text), length; left; text += length, left -= length) {
        unsigned char byte = (unsigned char)*text;
        size_t valid = utf8_length(text, left);
        length = valid ? valid : 1;
        if (byte == '"' || byte == '\\')
            fprintf(out, "\\%c", byte);
        else if (byte == '\n')
            fputs("\\n", out);
        else if (byte < 0x20)
            fprintf(out, "\\u%04x", byte);
        else
            fprintf(out, "%.*s", valid ? (int)valid : 3, valid ? text : UTF8_REPLACEMENT);
    }
    fputc('"', out);
}

void json_print_number(FILE *out, double value) {
    if (isfinite(value))
        fprintf(out, "%.9g", value);
    else
        fputs("null", out);
}

const char *json_exact_text(double value, char text[JSON_EXACT]) {
    for (int digits = 15; digits <= 17; digits++) {
        snprintf(text, JSON_EXACT, "%.*g", digits, value);
        if (strtod(text, NULL) == value) break;
    }
    return text;
}

/* --- members and items --- */

void json_item(Json *json) {
    if (json->layout == JSON_LINES)
        fprintf(json->out, "%s\n%*s", json->first ? "" : ",", 2 * json->depth, "");
    else if (!json->first)
        fputs(json->layout == JSON_INLINE ? ", " : ",", json->out);
    json->first = false;
}

void json_key(Json *json, const char *name) {
    json_item(json);
    json_print_string(json->out, name);
    fputs(json->layout == JSON_COMPACT ? ":" : ": ", json->out);
}

void json_string(Json *json, const char *name, const char *value) {
    json_key(json, name);
    json_print_string(json->out, value);
}

void json_number(Json *json, const char *name, double value) {
    json_key(json, name);
    json_print_number(json->out, value);
}

void json_exact(Json *json, const char *name, double value) {
    char text[JSON_EXACT];
    json_key(json, name);
    fputs(json_exact_text(value, text), json->out);
}

void json_integer(Json *json, const char *name, uint64_t value) {
    json_key(json, name);
    fprintf(json->out, "%llu", (unsigned long long)value);
}

void json_boolean(Json *json, const char *name, bool value) {
    json_key(json, name);
    fputs(value ? "true" : "false", json->out);
}

void json_hash(Json *json, const char *name, uint64_t value) {
    json_key(json, name);
    fprintf(json->out, "\"%016llx\"", (unsigned long long)value);
}

/* --- objects and lists --- */

static void nest(Json *json, const char *name, char bracket) {
    if (name) json_key(json, name);
    fputc(bracket, json->out);
    json->depth++;
    json->first = true;
}

static void unnest(Json *json, char bracket) {
    json->depth--;
    if (json->layout == JSON_LINES) fprintf(json->out, "\n%*s", 2 * json->depth, "");
    fputc(bracket, json->out);
    json->first = false;
}

void json_open(Json *json, const char *name) {
    nest(json, name, '{');
}

void json_close(Json *json) {
    unnest(json, '}');
}

void json_list_open(Json *json, const char *name) {
    nest(json, name, '[');
}

void json_list_close(Json *json) {
    unnest(json, ']');
}

/* json_out.c - see json_out.h. */
#include "run/io/json_out.h"

#include <math.h>

void json_print_string(FILE *out, const char *text) {
    fputc('"', out);
    for (; *text; text++) {
        unsigned char byte = (unsigned char)*text;
        if (byte == '"' || byte == '\\')
            fprintf(out, "\\%c", byte);
        else if (byte == '\n')
            fputs("\\n", out);
        else if (byte < 0x20)
            fprintf(out, "\\u%04x", byte);
        else
            fputc(byte, out);
    }
    fputc('"', out);
}

void json_print_number(FILE *out, double value) {
    if (isfinite(value))
        fprintf(out, "%.9g", value);
    else
        fputs("null", out);
}

void json_key(Json *json, const char *name) {
    fprintf(json->out, "%s\n%*s\"%s\": ", json->first ? "" : ",", 2 * json->depth, "", name);
    json->first = false;
}

void json_string(Json *json, const char *name, const char *value) {
    json_key(json, name);
    json_print_string(json->out, value);
}

void json_number(Json *json, const char *name, double value) {
    json_key(json, name);
    json_print_number(json->out, value);
}

void json_integer(Json *json, const char *name, uint64_t value) {
    json_key(json, name);
    fprintf(json->out, "%llu", (unsigned long long)value);
}

void json_boolean(Json *json, const char *name, bool value) {
    json_key(json, name);
    fputs(value ? "true" : "false", json->out);
}

void json_open(Json *json, const char *name) {
    if (name) json_key(json, name);
    fputc('{', json->out);
    json->depth++;
    json->first = true;
}

void json_close(Json *json) {
    json->depth--;
    fprintf(json->out, "\n%*s}", 2 * json->depth, "");
    json->first = false;
}

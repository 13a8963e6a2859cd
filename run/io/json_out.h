/* json_out.h - the one writer of JSON text.
 *
 * One idea: everything that the program writes as JSON (run.json, config.json, the schema, headers of
 * safetensors files, metadata) goes through here, so that escapes and numbers are right everywhere.
 * The stream is the caller's. Read next: json.h, which reads. */
#ifndef RUN_IO_JSON_OUT_H
#define RUN_IO_JSON_OUT_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

/* A JSON string with quotes; control bytes escaped, everything else as it is. */
void json_print_string(FILE *out, const char *text);
/* A JSON number of nine digits; null for what JSON cannot say. */
void json_print_number(FILE *out, double value);

/* An object under construction: two spaces of indent a level. */
typedef struct {
    FILE *out;
    int depth;
    bool first; /* whether the next member is the first one of its object */
} Json;

/* `"name": `, with the comma and line break that belong before it; the caller prints the value. */
void json_key(Json *json, const char *name);
void json_string(Json *json, const char *name, const char *value);
void json_number(Json *json, const char *name, double value);
void json_integer(Json *json, const char *name, uint64_t value);
void json_boolean(Json *json, const char *name, bool value);
/* Begins an object, as a member where `name` is not NULL. */
void json_open(Json *json, const char *name);
void json_close(Json *json);

#endif

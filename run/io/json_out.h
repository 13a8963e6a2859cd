/* json_out.h - the one writer of JSON text.
 *
 * One idea: all JSON that the program writes (run.json, config.json, the schema, meta.json, the
 * headers of safetensors files) goes through here, so that escapes and numbers are right everywhere.
 * The caller owns the stream. Read next: json.h, which reads JSON. */
#ifndef RUN_IO_JSON_OUT_H
#define RUN_IO_JSON_OUT_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

/* A JSON string with quotes; control characters are escaped, other bytes are copied. */
void json_print_string(FILE *out, const char *text);
/* A JSON number with nine digits; null for NaN and infinity, which JSON does not have. */
void json_print_number(FILE *out, double value);

/* An object being written, indented by two spaces per level. */
typedef struct {
    FILE *out;
    int depth;
    bool first; /* whether the next member is the first of its object */
} Json;

/* Prints `"name": ` and the comma and line break before it; the caller prints the value. */
void json_key(Json *json, const char *name);
void json_string(Json *json, const char *name, const char *value);
void json_number(Json *json, const char *name, double value);
void json_integer(Json *json, const char *name, uint64_t value);
void json_boolean(Json *json, const char *name, bool value);
/* Begins an object; as a member unless `name` is NULL. */
void json_open(Json *json, const char *name);
void json_close(Json *json);

#endif

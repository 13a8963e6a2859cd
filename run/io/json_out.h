/* json_out.h - the one writer of JSON text.
 *
 * One idea: all JSON that the program writes (run.json, config.json, the schema, meta.json, the
 * headers of safetensors files) goes through here, so that separators, escapes and numbers are right
 * everywhere. The caller owns the stream. Read next: json.h, which reads JSON. */
#ifndef RUN_IO_JSON_OUT_H
#define RUN_IO_JSON_OUT_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

/* A JSON string with quotes. Control characters are escaped; a byte that is not UTF-8 becomes U+FFFD,
 * because JSON has no way to hold it that every reader accepts. */
void json_print_string(FILE *out, const char *text);
/* A JSON number with nine digits; null for NaN and infinity, which JSON does not have. */
void json_print_number(FILE *out, double value);

/* The shortest of 15, 16 and 17 digits that reads back as the same double. Returns `text`. */
enum { JSON_EXACT = 32 };
const char *json_exact_text(double value, char text[JSON_EXACT]);

typedef enum {
    JSON_LINES,   /* one member per line, indented by two spaces per level */
    JSON_INLINE,  /* {"a": 1, "b": 2} */
    JSON_COMPACT, /* {"a":1,"b":2} */
} JsonLayout;

/* A value being written. The layout may be changed between two members: a list or an object closes in
 * the layout that is set then. */
typedef struct {
    FILE *out;
    JsonLayout layout;
    int depth;
    bool first; /* whether the next member or item is the first of its object or list */
} Json;

/* Prints the separator before a member and its name; the caller prints the value. */
void json_key(Json *json, const char *name);
/* Prints the separator before an item of a list; the caller prints the value. */
void json_item(Json *json);

void json_string(Json *json, const char *name, const char *value);
void json_number(Json *json, const char *name, double value);
/* The same with all digits: what is computed from the number must not differ. */
void json_exact(Json *json, const char *name, double value);
void json_integer(Json *json, const char *name, uint64_t value);
void json_boolean(Json *json, const char *name, bool value);
/* A hash as a string of 16 hexadecimal digits. */
void json_hash(Json *json, const char *name, uint64_t value);

/* Begins an object or a list; as a member unless `name` is NULL. */
void json_open(Json *json, const char *name);
void json_close(Json *json);
void json_list_open(Json *json, const char *name);
void json_list_close(Json *json);

#endif

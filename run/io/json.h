/* json.h - a strict JSON scanner (RFC 8259) that records positions.
 *
 * One idea: the text is scanned before the JSON library parses it, because the library accepts too
 * much and keeps no positions. The scanner rejects everything that is not JSON and builds a map: one
 * node for every value, in the order of the text, with the positions of the key and the value.
 * The caller owns the map (json_free) and the text; the map refers to the text by offsets.
 * Read next: json.c, then run/config/report.h. */
#ifndef RUN_IO_JSON_H
#define RUN_IO_JSON_H

#include "base/base.h"

/* Limits: nesting depth of objects and lists, bytes of a text, characters of a number. */
enum { JSON_DEPTH_MAX = 16, JSON_LENGTH_MAX = 1 << 20, JSON_NUMBER_MAX = 63 };

#define JSON_NO_NODE SIZE_MAX

/* Bytes [at, at + length) of the text. */
typedef struct {
    size_t at, length;
} JsonSpan;

/* The nodes inside an object or a list follow it directly. `end` is the index of the first node
 * after them: for a child, that is the next child of the same parent. */
typedef struct {
    JsonSpan key;   /* with its quotes; empty for the root and the items of a list */
    JsonSpan value; /* with its brackets or quotes */
    size_t end;
} JsonNode;

/* An error message: `before`, and if `after` is not NULL, the text at `span` and `after`. */
typedef struct {
    JsonSpan span;
    const char *before, *after;
} JsonError;

typedef struct {
    JsonNode *nodes;   /* [0] is the root (stb_ds array) */
    JsonError *errors; /* in the order of the text (stb_ds array) */
    bool syntax;       /* whether any of them is more than a duplicate key */
} JsonMap;

/* Scans `length` bytes of text. // comments are errors, unless `plain` is a copy of the text, in
 * which they are overwritten with spaces. map->errors lists all errors up to the first one that the
 * scanner cannot recover from. Duplicate keys in an object are errors at any depth. True if there
 * are no errors. */
bool json_scan(const char *text, size_t length, char *plain, JsonMap *map);
void json_free(JsonMap *map);

/* The node at a path such as "model.n_head" or "gamma_warmup.slots.1" (items count from 0) below
 * `node`; JSON_NO_NODE if there is none. */
size_t json_find(const JsonMap *map, const char *text, size_t node, const char *path);

#endif

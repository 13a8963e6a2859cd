/* json.h - what is JSON (RFC 8259), and where everything in it stands.
 *
 * One idea: a strict pass over the text comes before the JSON library, which lets too much pass and
 * keeps no positions. The pass refuses all that is not JSON, and leaves a map: one node for every
 * value, in the order of the text, with the places of its key and of itself.
 * The caller owns the map (json_free) and the text, which the map points into by offsets.
 * Read next: json.c, then run/config/report.h. */
#ifndef RUN_IO_JSON_H
#define RUN_IO_JSON_H

#include "base/base.h"

/* Limits of ours: how deep objects and lists nest, bytes of a text, characters of a number. */
enum { JSON_DEPTH_MAX = 16, JSON_LENGTH_MAX = 1 << 20, JSON_NUMBER_MAX = 63 };

#define JSON_NO_NODE SIZE_MAX

/* Bytes [at, at + length) of the text. */
typedef struct {
    size_t at, length;
} JsonSpan;

/* The nodes inside an object or a list follow it directly; `end` is the index of the first one
 * behind them, which for a node's child is the next child. */
typedef struct {
    JsonSpan key;   /* with its quotes; empty for the root and the items of a list */
    JsonSpan value; /* all of it, brackets and quotes included */
    size_t end;
} JsonNode;

/* A sentence: `before`, and where `after` is not NULL, what stands at `span` between the two. */
typedef struct {
    JsonSpan span;
    const char *before, *after;
} JsonError;

typedef struct {
    JsonNode *nodes;   /* [0] is the whole (stb_ds array) */
    JsonError *errors; /* in the order of the text (stb_ds array) */
    bool syntax;       /* whether one of them is more than a repeated key */
} JsonMap;

/* Maps `length` bytes of text. // comments are refused, unless `plain` is a copy of the text to
 * blank them in. Afterwards map->errors says all that is wrong up to the first place where it is
 * unknown how to go on; repeated keys of one object are errors at any depth. True where there are
 * none. */
bool json_scan(const char *text, size_t length, char *plain, JsonMap *map);
void json_free(JsonMap *map);

/* The node at a path like "model.n_head" or "gamma_warmup.slots.1" (items count from 0) below
 * `node`; JSON_NO_NODE where there is none. */
size_t json_find(const JsonMap *map, const char *text, size_t node, const char *path);

/* The length of the UTF-8 sequence at `s`, of which `left` bytes exist; 0 where it is invalid:
 * overlong, a surrogate, beyond U+10FFFF or cut short. */
size_t utf8_length(const char *s, size_t left);

#endif

/* report.h - error messages about a config: all errors at once, each with its location.
 *
 * One idea: every text that is read, a file or a --set, is kept as a source with its map until the
 * end, so that an error found late can still show its line. Errors are printed as compilers do:
 * file:line:column, the message, the line, and a caret below the location.
 * The report owns its sources; report_finish frees them.
 * Read next: report.c, then config_read.h. */
#ifndef RUN_CONFIG_REPORT_H
#define RUN_CONFIG_REPORT_H

#include "run/io/json.h"

/* A text that values come from. */
typedef struct {
    char *origin;   /* "configs/x.json" or "--set key=value", printable (stb_ds array) */
    char *text;     /* (stb_ds array, NUL-terminated; the NUL does not count) */
    bool is_set;    /* the text is key=value, and messages show no line number */
    size_t key;     /* of a --set: the length of the key before the = */
    size_t applied; /* rank: values of a higher rank replace those of a lower; 0 = not applied */
    JsonMap map;    /* offsets refer to `text` */
} Source;

/* Initialize with {0}. */
typedef struct {
    Source **sources;   /* (stb_ds array) */
    size_t applied;     /* the highest rank so far */
    const char *origin; /* how messages begin while no source is being read */
    Source *source;     /* the source being read, NULL for none */
    size_t node;        /* the current value, JSON_NO_NODE for none */
    JsonSpan span;      /* the location of the next error ... */
    bool placed;        /* ... if this is set */
    size_t errors;
} Report;

enum { REPORT_MAX = 20, SHOWN_SIZE = 80 };

/* Prints "origin: error: message" with the current location; counts only, without printing, after
 * REPORT_MAX errors. */
void report_error(Report *report, const char *format, ...) __attribute__((format(printf, 2, 3)));
/* Ends a report: prints the number of errors and frees the sources. False if there were errors. */
bool report_finish(Report *report);

/* Adds a source and makes it the current one, without a location in it yet. Takes ownership of
 * `text` (stb_ds array). `origin` is the name of the file, NULL for a --set. */
Source *report_source(Report *report, const char *origin, char *text);
/* Makes `source` the current one again (NULL = none), without a location in it. */
void report_return(Report *report, Source *source);
/* Sets the location of the next errors: these bytes of the current source. */
void report_span(Report *report, JsonSpan span);
/* Sets the location of the next errors: the value, or the key, of a node; none for JSON_NO_NODE. */
void report_value(Report *report, size_t node);
void report_key(Report *report, size_t node);
/* Sets the location of the next errors: the last value given to `path`, if its source has a rank
 * above `above`. Returns that rank, or `above` if there is no such value. */
size_t report_path(Report *report, const char *path, size_t above);

/* The first node inside `node`, and the next one after `child` on the same level. JSON_NO_NODE gives
 * JSON_NO_NODE. For walking the map in parallel with the members of a cJSON object or list. */
size_t node_first(size_t node);
size_t node_next(const Report *report, size_t child);

/* `text` made printable on one line of a message: control characters and invalid UTF-8 become '?',
 * and a long text is truncated. */
const char *text_printable(const char *text, char shown[SHOWN_SIZE]);
/* The first byte that is a control character or invalid UTF-8, NULL if there is none. */
const char *text_invalid(const char *text);

#endif

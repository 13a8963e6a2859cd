/* report.h - the errors of a config: all of them in one run, each with the place it is about.
 *
 * One idea: every text that is read, a file or a --set, stays as a source with its map until the
 * end, so that an error found late can still show the line it comes from. An error is printed as
 * compilers do: file:line:column, the sentence, the line, and a caret below the place.
 * The report owns its sources; report_close frees them. Texts (stb_ds arrays of char) are the
 * caller's. Read next: report.c, then config_read.h. */
#ifndef RUN_CONFIG_REPORT_H
#define RUN_CONFIG_REPORT_H

#include "run/io/json.h"

/* A text that values come from. */
typedef struct {
    char *origin;   /* "configs/x.json" or "--set key=value", fit to be printed (stb_ds array) */
    char *text;     /* (stb_ds array, closed by a NUL that does not count) */
    bool is_set;    /* the text is key=value, and messages need no line */
    size_t key;     /* of a --set: the length of the key before the = */
    size_t applied; /* its rank: values of a higher one replace those of a lower; 0 = not applied */
    JsonMap map;    /* in offsets of `text` */
} Source;

/* All zero before its first use. */
typedef struct {
    Source **sources;   /* (stb_ds array) */
    size_t applied;     /* the highest rank so far */
    const char *origin; /* what messages begin with where no source is being read */
    Source *source;     /* what is being read, NULL for nothing */
    size_t node;        /* of the value that is looked at, JSON_NO_NODE for none */
    JsonSpan span;      /* what the next error is about ... */
    bool placed;        /* ... where this is set */
    size_t errors;
} Report;

enum { REPORT_MAX = 20, SHOWN_SIZE = 80 };

/* Prints "origin: error: sentence" with the place that was said last, unless REPORT_MAX errors
 * stand there already. */
void report_error(Report *report, const char *format, ...) __attribute__((format(printf, 2, 3)));
/* Ends a report: prints the number of errors, frees the sources; false where it has any. */
bool report_close(Report *report);

/* Takes over `text`; errors are about the source from now on, without a place in it yet. Files are
 * named by `origin`, a --set by itself. */
Source *report_source(Report *report, const char *origin, char *text);
/* Goes back to a source, NULL for none, without a place in it. */
void report_return(Report *report, Source *source);
/* The next errors are about these bytes of the source. */
void report_span(Report *report, JsonSpan span);
/* The next errors are about the value, or about the key, of a node; no place for JSON_NO_NODE. */
void report_value(Report *report, size_t node);
void report_key(Report *report, size_t node);
/* The next errors are about the value of `path` where it was set last, if that is a source of a
 * rank above `above`; its rank, or `above` where there is no such place. */
size_t report_path(Report *report, const char *path, size_t above);

/* The first node inside `node`, and the one after `child` on the same level; JSON_NO_NODE stays
 * what it is. To walk beside the members of a cJSON object or list, which are all there. */
size_t node_first(size_t node);
size_t node_next(const Report *report, size_t child);

/* `text` fit for one line of a message: control characters and invalid UTF-8 become '?', a long
 * text is cut. */
const char *text_shown(const char *text, char shown[SHOWN_SIZE]);
/* The first byte that is a control character or not UTF-8, NULL where there is none. */
const char *text_dirt(const char *text);

#endif

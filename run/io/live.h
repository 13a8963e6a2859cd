/* live.h - a status line at the bottom of the terminal.
 *
 * One idea: the line is redrawn in place, and erased before anything permanent is printed. Nothing
 * is drawn if standard error is not a terminal, or if the terminal cannot erase a line (TERM unset
 * or dumb). Read next: run/log/progress.h. */
#ifndef RUN_IO_LIVE_H
#define RUN_IO_LIVE_H

#include "base/base.h"

enum { SPARKLINE_MAX = 64 };

/* The values of a whole run, for a sparkline: means over intervals of equal length. When all are in
 * use, pairs are merged and the interval doubles. */
typedef struct {
    double mean[SPARKLINE_MAX];
    size_t count, interval, pending; /* pending: values that are not yet part of a mean */
    double sum;                      /* of the pending values */
} Sparkline;
void sparkline_add(Sparkline *sparkline, double value);

typedef struct {
    bool on;           /* whether a status line is drawn at all */
    bool colors, utf8; /* NO_COLOR is unset; the locale uses UTF-8 */
    bool shown;        /* whether the line is on the terminal now */
    double drawn;      /* clock_seconds of the last drawing */
} Live;
Live live_open(void);

/* The width of the terminal in characters: COLUMNS, or what the terminal reports, or 80. */
size_t live_columns(void);

/* A part of the line. If not all fit, those of the highest rank are omitted. */
enum { LIVE_FIELDS = 8 };
typedef struct {
    int rank;                   /* 0 .. LIVE_FIELDS */
    char text[32];              /* ASCII; "" = absent */
    const Sparkline *sparkline; /* drawn in the remaining space instead of a text; NULL = none */
} LiveField;
/* Draws fields (count, at most LIVE_FIELDS) in order, at most ten times per second. */
void live_draw(Live *live, const LiveField *fields, size_t count);
void live_clear(Live *live);

#endif

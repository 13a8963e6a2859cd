/* live.h - one line at the bottom of a terminal that is drawn again and again.
 *
 * One idea: what a person watches is thrown away, what happened stays: the line is erased before
 * anything permanent is printed below it. Where standard error is no terminal, or one that cannot
 * erase (TERM unset or dumb), nothing is drawn at all. Read next: run/log/progress.h. */
#ifndef RUN_IO_LIVE_H
#define RUN_IO_LIVE_H

#include "base/base.h"

enum { HISTORY_MAX = 64 };

/* The course of a number over a whole run: means over equal stretches of it, which double when
 * there is no room left. */
typedef struct {
    double mean[HISTORY_MAX];
    size_t count, stretch, filled; /* filled: numbers in the stretch that is not yet a mean */
    double sum;
} History;
void history_add(History *history, double value);

typedef struct {
    bool on;           /* whether there is such a line */
    bool colors, utf8; /* NO_COLOR unset; the locale's characters */
    bool shown;        /* it stands on the terminal now */
    double drawn;      /* clock_seconds of that */
} Live;
Live live_open(void);

/* Characters of a line: COLUMNS, or the terminal's own width, or 80. */
size_t live_columns(void);

/* A part of the line; where not all fit, those of the highest rank are left out. */
enum { LIVE_FIELDS = 8 };
typedef struct {
    int rank;               /* 0 .. LIVE_FIELDS */
    char text[32];          /* ASCII; "" = absent */
    const History *history; /* drawn in what room is left, instead of a text; NULL = none */
} LiveField;
/* Draws fields (count, at most LIVE_FIELDS) in order; nothing within a tenth of a second after the
 * last time. */
void live_draw(Live *live, const LiveField *fields, size_t count);
void live_clear(Live *live);

#endif

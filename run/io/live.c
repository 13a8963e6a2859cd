/* live.c - see live.h. */
#include "run/io/live.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

static const double REDRAW_SECONDS = 0.1;
enum { SPARK_LEAST = 8, SPARK_MOST = 40 };

/* --- history --- */

void history_add(History *history, double value) {
    if (!isfinite(value)) return;
    if (history->count == HISTORY_MAX) { /* two means become one */
        for (size_t i = 0; i < HISTORY_MAX / 2; i++) {
            history->mean[i] = (history->mean[2 * i] + history->mean[2 * i + 1]) / 2;
        }
        history->count /= 2;
        history->stretch *= 2;
    }
    if (!history->stretch) history->stretch = 1;
    history->sum += value;
    if (++history->filled < history->stretch) return;
    history->mean[history->count++] = history->sum / (double)history->filled;
    history->filled = 0;
    history->sum = 0;
}

/* Cell i of `cells`, 0 to 7 between the least and the largest mean. */
static int history_height(const History *history, size_t i, size_t cells) {
    double low = INFINITY, high = -INFINITY, here = 0;
    size_t first = i * history->count / cells, end = (i + 1) * history->count / cells;
    if (end == first) end = first + 1;
    for (size_t k = 0; k < history->count; k++) {
        low = fmin(low, history->mean[k]);
        high = fmax(high, history->mean[k]);
        if (k >= first && k < end) here += history->mean[k] / (double)(end - first);
    }
    return high > low ? (int)fmin(7, 8 * (here - low) / (high - low)) : 0;
}

/* --- the terminal --- */

static bool locale_is_utf8(void) {
    static const char *const NAMES[] = {"LC_ALL", "LC_CTYPE", "LANG"};
    for (size_t i = 0; i < 3; i++) {
        const char *value = getenv(NAMES[i]);
        if (value && *value) return strstr(value, "UTF-8") || strstr(value, "utf8");
    }
    return false;
}

Live live_open(void) {
    const char *term = getenv("TERM"), *plain = getenv("NO_COLOR");
    bool able = term && *term && strcmp(term, "dumb") != 0;
    return (Live){.on = able && isatty(STDERR_FILENO),
                  .colors = !(plain && *plain),
                  .utf8 = locale_is_utf8()};
}

size_t live_columns(void) {
    const char *wanted = getenv("COLUMNS");
    struct winsize size;
    char *end;
    long columns = wanted ? strtol(wanted, &end, 10) : 0;
    if (columns > 0 && !*end) return (size_t)columns;
    if (ioctl(STDERR_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col > 0) return size.ws_col;
    return 80;
}

static void add_spark(char *line, const History *history, size_t cells, bool utf8) {
    static const char *const BLOCKS[] = {"▁", "▂", "▃", "▄", "▅", "▆", "▇", "█"};
    static const char *const SIGNS[] = {"_", "_", ".", ".", "-", "-", "^", "^"};
    for (size_t i = 0; i < cells; i++) {
        int height = history_height(history, i, cells);
        strcat(line, utf8 ? BLOCKS[height] : SIGNS[height]);
    }
}

/* Characters of the fields up to rank `most`, with two blanks behind each. */
static size_t width_of(const LiveField *fields, size_t count, int most) {
    size_t width = 0;
    for (size_t i = 0; i < count; i++) {
        size_t own = fields[i].history ? SPARK_LEAST : strlen(fields[i].text);
        if (own && fields[i].rank <= most) width += own + 2;
    }
    return width;
}

void live_draw(Live *live, const LiveField *fields, size_t count) {
    char line[LIVE_FIELDS * (sizeof fields->text + 2) + 3 * SPARK_MOST + 8] = "\r\033[K";
    double now = clock_seconds();
    if (!live->on || now - live->drawn < REDRAW_SECONDS) return;
    const size_t room = live_columns() + 1; /* a full line would wrap; nothing is behind the last */
    int most = LIVE_FIELDS;
    while (most >= 0 && width_of(fields, count, most) > room) most--;
    size_t used = width_of(fields, count, most), cells = SPARK_LEAST;
    cells += room > used ? room - used : 0;
    for (size_t i = 0; i < count; i++) {
        if (fields[i].rank > most) continue;
        if (fields[i].history)
            add_spark(line, fields[i].history, cells < SPARK_MOST ? cells : SPARK_MOST, live->utf8);
        else
            strcat(line, fields[i].text);
        if (fields[i].history || *fields[i].text) strcat(line, "  ");
    }
    if (used) line[strlen(line) - 2] = '\0';
    fputs(line, stderr);
    live->shown = true;
    live->drawn = now;
}

void live_clear(Live *live) {
    if (live->shown) fputs("\r\033[K", stderr);
    live->shown = false;
}

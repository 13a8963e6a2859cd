/* live.c - see live.h. */
#include "run/io/live.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

static const double REDRAW_SECONDS = 0.1;
enum { SPARK_MIN = 8, SPARK_MAX = 40 };

/* --- sparkline --- */

void sparkline_add(Sparkline *sparkline, double value) {
    if (!isfinite(value)) return;
    if (sparkline->count == SPARKLINE_MAX) { /* merge pairs of means */
        for (size_t i = 0; i < SPARKLINE_MAX / 2; i++) {
            sparkline->mean[i] = (sparkline->mean[2 * i] + sparkline->mean[2 * i + 1]) / 2;
        }
        sparkline->count /= 2;
        sparkline->interval *= 2;
    }
    if (!sparkline->interval) sparkline->interval = 1;
    sparkline->sum += value;
    if (++sparkline->pending < sparkline->interval) return;
    sparkline->mean[sparkline->count++] = sparkline->sum / (double)sparkline->pending;
    sparkline->pending = 0;
    sparkline->sum = 0;
}

/* The height of cell i of `cells`: 0 for the smallest mean to 7 for the largest. */
static int sparkline_height(const Sparkline *sparkline, size_t i, size_t cells) {
    double low = INFINITY, high = -INFINITY, here = 0;
    size_t first = i * sparkline->count / cells, end = (i + 1) * sparkline->count / cells;
    if (end == first) end = first + 1;
    for (size_t k = 0; k < sparkline->count; k++) {
        low = fmin(low, sparkline->mean[k]);
        high = fmax(high, sparkline->mean[k]);
        if (k >= first && k < end) here += sparkline->mean[k] / (double)(end - first);
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

static void add_sparkline(char *line, const Sparkline *sparkline, size_t cells, bool utf8) {
    static const char *const BLOCKS[] = {"▁", "▂", "▃", "▄", "▅", "▆", "▇", "█"};
    static const char *const SIGNS[] = {"_", "_", ".", ".", "-", "-", "^", "^"};
    for (size_t i = 0; i < cells; i++) {
        int height = sparkline_height(sparkline, i, cells);
        strcat(line, utf8 ? BLOCKS[height] : SIGNS[height]);
    }
}

/* Width in characters of the fields up to rank `rank_max`, with two spaces after each. */
static size_t width_of(const LiveField *fields, size_t count, int rank_max) {
    size_t width = 0;
    for (size_t i = 0; i < count; i++) {
        size_t own = fields[i].sparkline ? SPARK_MIN : strlen(fields[i].text);
        if (own && fields[i].rank <= rank_max) width += own + 2;
    }
    return width;
}

void live_draw(Live *live, const LiveField *fields, size_t count) {
    char line[LIVE_FIELDS * (sizeof fields->text + 2) + 3 * SPARK_MAX + 8] = "\r\033[K";
    double now = clock_seconds();
    if (!live->on || now - live->drawn < REDRAW_SECONDS) return;
    const size_t room =
        live_columns() + 1; /* a full line would wrap; +1: no spaces after the last */
    int rank_max = LIVE_FIELDS;
    while (rank_max >= 0 && width_of(fields, count, rank_max) > room) rank_max--;
    size_t used = width_of(fields, count, rank_max), cells = SPARK_MIN;
    cells += room > used ? room - used : 0;
    for (size_t i = 0; i < count; i++) {
        if (fields[i].rank > rank_max) continue;
        if (fields[i].sparkline)
            add_sparkline(line, fields[i].sparkline, cells < SPARK_MAX ? cells : SPARK_MAX,
                          live->utf8);
        else
            strcat(line, fields[i].text);
        if (fields[i].sparkline || *fields[i].text) strcat(line, "  ");
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

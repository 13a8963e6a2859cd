/* page_chart.c - a line chart as SVG: one scale for all series, ticks at powers of ten or at round
 * numbers, reference lines with their names. */
#include "run/measure/page.h"

#include "base/base.h"
#include "base/stb_ds.h"

#include <math.h>

/* The drawing area, in units of the SVG. */
enum { CHART_WIDTH = 760, CHART_HEIGHT = 300, LEFT = 64, RIGHT = 16, TOP = 12, BOTTOM = 40 };

/* The range of each axis; of y in log10 where the axis is logarithmic. */
typedef struct {
    double x0, x1, y0, y1;
    bool log;
} Scale;

static bool can_show(const PageChart *chart, double y) {
    return isfinite(y) && (!chart->log || y > 0);
}

static double along(const Scale *scale, double y) {
    return scale->log ? log10(y) : y;
}

static double pixel_x(const Scale *scale, double x) {
    return LEFT + (x - scale->x0) / (scale->x1 - scale->x0) * (CHART_WIDTH - LEFT - RIGHT);
}

static double pixel_y(const Scale *scale, double along_y) {
    return CHART_HEIGHT - BOTTOM -
           (along_y - scale->y0) / (scale->y1 - scale->y0) * (CHART_HEIGHT - TOP - BOTTOM);
}

static void widen(double *low, double *high, double value) {
    *low = fmin(*low, value);
    *high = fmax(*high, value);
}

/* Whole decades, or a range with some room above. */
static Scale scale_of(const PageChart *chart) {
    Scale s = {.x0 = INFINITY, .x1 = -INFINITY, .y0 = INFINITY, .y1 = -INFINITY, .log = chart->log};
    for (size_t i = 0; i < arrlenu(chart->series); i++) {
        const PageSeries *series = &chart->series[i];
        for (size_t k = 0; k < arrlenu(series->x); k++) {
            widen(&s.x0, &s.x1, series->x[k]);
            if (can_show(chart, series->y[k])) widen(&s.y0, &s.y1, along(&s, series->y[k]));
        }
    }
    for (size_t i = 0; i < arrlenu(chart->levels); i++) {
        if (can_show(chart, chart->levels[i].y)) widen(&s.y0, &s.y1, along(&s, chart->levels[i].y));
    }
    if (!(s.x1 > s.x0)) s.x1 = (s.x0 = isfinite(s.x0) ? s.x0 : 0) + 1;
    if (!(s.y1 >= s.y0)) s.y0 = s.y1 = 0;
    if (chart->log) {
        s.y0 = floor(s.y0);
        s.y1 = fmax(ceil(s.y1), s.y0 + 1);
    } else {
        s.y0 = fmin(s.y0, 0);
        s.y1 = s.y1 > s.y0 ? s.y1 + 0.05 * (s.y1 - s.y0) : s.y0 + 1;
    }
    return s;
}

/* 1, 2 or 5 times a power of ten, for at most `most` steps in a range. */
static double round_step(double range, int most) {
    const double unit = pow(10, floor(log10(range / most)));
    const double factors[] = {1, 2, 5, 10};
    for (int i = 0; i < 3; i++) {
        if (range / (factors[i] * unit) <= most) return factors[i] * unit;
    }
    return 10 * unit;
}

static void print_tick_y(FILE *out, const Scale *s, double at) {
    const double y = pixel_y(s, at);
    fprintf(out, "<line class=\"grid\" x1=\"%d\" x2=\"%d\" y1=\"%.1f\" y2=\"%.1f\"/>", LEFT,
            CHART_WIDTH - RIGHT, y, y);
    fprintf(out, "<text x=\"%d\" y=\"%.1f\" text-anchor=\"end\">", LEFT - 8, y + 4);
    if (s->log && fabs(at) > 3)
        fprintf(out, "10<tspan dy=\"-5\" font-size=\"9\">%.0f</tspan>", at);
    else
        fprintf(out, "%.4g", s->log ? pow(10, at) : fabs(at) < 1e-12 ? 0 : at);
    fputs("</text>\n", out);
}

static void print_axes(FILE *out, const PageChart *chart, const Scale *s) {
    const double range = s->y1 - s->y0;
    const double step = s->log ? fmax(1, ceil(range / 8)) : round_step(range, 6);
    for (double at = ceil(s->y0 / step) * step; at <= s->y1 + 1e-9 * range; at += step)
        print_tick_y(out, s, at);
    const double stride = fmax(1, round_step(s->x1 - s->x0, 12));
    for (double x = ceil(s->x0 / stride) * stride; x <= s->x1; x += stride)
        fprintf(out, "<text x=\"%.1f\" y=\"%d\" text-anchor=\"middle\">%g</text>\n", pixel_x(s, x),
                CHART_HEIGHT - BOTTOM + 18, x);
    fprintf(out, "<text x=\"%d\" y=\"%d\" text-anchor=\"middle\">",
            (LEFT + CHART_WIDTH - RIGHT) / 2, CHART_HEIGHT - 4);
    page_print_escaped(out, chart->x_label);
    fputs("</text>\n", out);
}

static void print_series(FILE *out, const PageChart *chart, const PageSeries *series, size_t color,
                         const Scale *s) {
    bool drawing = false;
    fprintf(out, "<path class=\"series\" style=\"stroke: var(--c%zu)\" d=\"", color);
    for (size_t k = 0; k < arrlenu(series->x); k++) {
        const bool shown = can_show(chart, series->y[k]);
        if (shown) /* "h0" makes a point that has no neighbours visible */
            fprintf(out, "%s%.1f %.1f%s", drawing ? "L" : "M", pixel_x(s, series->x[k]),
                    pixel_y(s, along(s, series->y[k])), drawing ? "" : "h0");
        drawing = shown;
    }
    fputs("\"/>\n", out);
}

static void print_level(FILE *out, const PageLevel *level, const Scale *s) {
    const double y = pixel_y(s, along(s, level->y));
    fprintf(out, "<line class=\"level\" x1=\"%d\" x2=\"%d\" y1=\"%.1f\" y2=\"%.1f\"/>", LEFT,
            CHART_WIDTH - RIGHT, y, y);
    fprintf(out, "<text x=\"%d\" y=\"%.1f\">", LEFT + 6, y - 4);
    page_print_escaped(out, level->name);
    fputs("</text>\n", out);
}

void page_print_chart(FILE *out, const PageChart *chart) {
    const Scale scale = scale_of(chart);
    fputs("<figure><figcaption>", out);
    page_print_escaped(out, chart->title);
    fputs("</figcaption>\n<ul class=\"legend\">", out);
    for (size_t i = 0; i < arrlenu(chart->series); i++) {
        fprintf(out, "<li><span style=\"background: var(--c%zu)\"></span>", i % PAGE_SERIES);
        page_print_escaped(out, chart->series[i].name);
        fputs("</li>", out);
    }
    fprintf(out, "</ul>\n<svg viewBox=\"0 0 %d %d\" role=\"img\" aria-label=\"", CHART_WIDTH,
            CHART_HEIGHT);
    page_print_escaped(out, chart->title);
    fputs("\"><title>", out);
    page_print_escaped(out, chart->title);
    fputs("</title>\n", out);
    print_axes(out, chart, &scale);
    for (size_t i = 0; i < arrlenu(chart->levels); i++) {
        if (can_show(chart, chart->levels[i].y)) print_level(out, &chart->levels[i], &scale);
    }
    for (size_t i = 0; i < arrlenu(chart->series); i++)
        print_series(out, chart, &chart->series[i], i % PAGE_SERIES, &scale);
    fputs("</svg></figure>\n", out);
}

/* report.c - see report.h. Columns count characters from 1, a tab as one character. */
#include "run/config/report.h"

#include "base/program.h"
#include "base/text_out.h"
#include "base/stb_ds.h"
#include "base/utf8.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

/* --- texts --- */

/* The length in bytes of the character at `s`. An invalid byte or a control character sets *wrong;
 * an invalid byte counts as one character. */
static size_t character_length(const char *s, size_t left, bool *wrong) {
    size_t length = utf8_length(s, left);
    *wrong = !length || (unsigned char)*s < 0x20 || *s == 0x7f;
    return length ? length : 1;
}

const char *text_printable(const char *text, char shown[SHOWN_SIZE]) {
    static const char more[] = "...";
    size_t length = strlen(text), used = 0, at = 0, room = SHOWN_SIZE - sizeof more;
    while (at < length) {
        bool wrong;
        size_t bytes = character_length(text + at, length - at, &wrong);
        if (used + bytes > room) {
            memcpy(shown + used, more, sizeof more);
            return shown;
        }
        memcpy(shown + used, wrong ? "?" : text + at, bytes);
        used += bytes;
        at += bytes;
    }
    shown[used] = '\0';
    return shown;
}

const char *text_invalid(const char *text) {
    size_t length = strlen(text), at = 0;
    while (at < length) {
        size_t bytes = utf8_length(text + at, length - at);
        if (!bytes || (unsigned char)text[at] < 0x20) return text + at;
        at += bytes;
    }
    return NULL;
}

/* --- the line of an error, and the caret below it --- */

/* A tab is shown as spaces, and a long line only around the caret. */
enum { TAB_CELLS = 4, LINE_CELLS = 96, CARET_CELL_MAX = 72, CARET_CELL = 48 };

typedef struct {
    const char *text;
    size_t start, end; /* of the line, without its line break */
} Line;

static Line line_of(const Source *source, size_t at) {
    Line line = {source->text, at, at};
    size_t length = arrlenu(source->text);
    while (line.start > 0 && source->text[line.start - 1] != '\n') line.start--;
    while (line.end < length && source->text[line.end] != '\n') line.end++;
    if (line.end > line.start && source->text[line.end - 1] == '\r') line.end--;
    return line;
}

/* The width in cells of bytes [from, to) of the line. */
static size_t cells_of(const Line *line, size_t from, size_t to) {
    size_t cells = 0;
    for (size_t at = from; at < to;) {
        bool wrong;
        cells += line->text[at] == '\t' ? TAB_CELLS : 1;
        at += character_length(line->text + at, line->end - at, &wrong);
    }
    return cells;
}

/* Appends LINE_CELLS cells of the line, beginning with cell `first`. */
static void add_cells(char **out, const Line *line, size_t first) {
    size_t cell = 0, at = line->start;
    while (at < line->end && cell < first + LINE_CELLS) {
        bool wrong;
        const char *c = line->text + at;
        size_t bytes = character_length(c, line->end - at, &wrong);
        for (size_t i = 0; i < (*c == '\t' ? TAB_CELLS : 1); i++, cell++) {
            if (cell < first || cell >= first + LINE_CELLS) continue;
            if (wrong) {
                text_add(out, "%c", *c == '\t' ? ' ' : '?');
            } else {
                text_add(out, "%.*s", (int)bytes, c);
            }
        }
        at += bytes;
    }
    if (at < line->end) text_add(out, "...");
}

static void print_line(const Source *source, JsonSpan span, size_t number) {
    Line line = line_of(source, span.at);
    size_t at = span.at < line.end ? span.at : line.end;
    size_t left = line.end - at, shown_bytes = span.length < left ? span.length : left;
    size_t caret = cells_of(&line, line.start, at), width = cells_of(&line, at, at + shown_bytes);
    size_t first = caret > CARET_CELL_MAX ? caret - CARET_CELL : 0;
    const char *before = first ? "..." : "";
    char margin[24] = "     ", *shown = NULL;
    if (!source->is_set) snprintf(margin, sizeof margin, "%5zu", number);
    if (width < 1) width = 1;
    if (width > first + LINE_CELLS - caret) width = first + LINE_CELLS - caret;
    add_cells(&shown, &line, first);
    fprintf(stderr, "%s | %s%s\n      | %*s^", margin, before, shown ? shown : "",
            (int)(strlen(before) + caret - first), "");
    while (--width) fputc('~', stderr);
    fputc('\n', stderr);
    arrfree(shown);
}

/* --- errors --- */

void report_error(Report *report, const char *format, ...) {
    if (report->errors++ >= REPORT_MAX) return;
    const Source *source = report->source;
    bool placed = source && report->placed;
    size_t line = 1, column = 1;
    fputs(source ? source->origin : report->origin, stderr);
    if (placed && !source->is_set) {
        size_t start = line_of(source, report->span.at).start;
        for (size_t i = 0; i < start; i++) line += source->text[i] == '\n';
        for (size_t at = start; at < report->span.at; column++) {
            bool wrong;
            at += character_length(source->text + at, report->span.at - at, &wrong);
        }
        fprintf(stderr, ":%zu:%zu", line, column);
    }
    va_list args;
    va_start(args, format);
    fputs(": error: ", stderr);
    vfprintf(stderr, format, args);
    fputc('\n', stderr);
    va_end(args);
    if (placed) print_line(source, report->span, line);
}

bool report_finish(Report *report) {
    for (size_t i = 0; i < arrlenu(report->sources); i++) {
        arrfree(report->sources[i]->origin);
        arrfree(report->sources[i]->text);
        json_free(&report->sources[i]->map);
        mem_free(report->sources[i]);
    }
    arrfree(report->sources);
    if (!report->errors) return true;
    fprintf(stderr, "%zu error%s; nothing was written. %s --list keys shows every key.\n",
            report->errors, report->errors == 1 ? "" : "s", program_name());
    return false;
}

/* --- locations --- */

Source *report_source(Report *report, const char *origin, char *text) {
    Source *source = mem_alloc(sizeof *source);
    char shown[SHOWN_SIZE];
    source->text = text;
    source->is_set = origin == NULL;
    if (origin) {
        text_add(&source->origin, "%s", origin);
    } else {
        text_add(&source->origin, "--set %s", text_printable(text, shown));
    }
    arrput(report->sources, source);
    report_return(report, source);
    return source;
}

void report_return(Report *report, Source *source) {
    report->source = source;
    report->placed = false;
    report->node = JSON_NO_NODE;
}

void report_span(Report *report, JsonSpan span) {
    report->span = span;
    report->placed = true;
}

void report_value(Report *report, size_t node) {
    report->node = node;
    report->placed = false;
    if (report->source && node != JSON_NO_NODE)
        report_span(report, report->source->map.nodes[node].value);
}

void report_key(Report *report, size_t node) {
    report->node = node;
    report->placed = false;
    if (report->source && node != JSON_NO_NODE)
        report_span(report, report->source->map.nodes[node].key);
}

size_t node_first(size_t node) {
    return node == JSON_NO_NODE ? node : node + 1;
}

size_t node_next(const Report *report, size_t child) {
    return child == JSON_NO_NODE ? child : report->source->map.nodes[child].end;
}

/* The node of the source that is the value of `path`. */
static size_t node_of(const Source *source, const char *path) {
    if (strncmp(path, source->text, source->key) != 0) return JSON_NO_NODE;
    const char *rest = path + source->key;
    if (source->is_set) {
        if (*rest && *rest != '.') return JSON_NO_NODE;
        rest += *rest == '.';
    }
    return json_find(&source->map, source->text, 0, rest);
}

size_t report_path(Report *report, const char *path, size_t above) {
    for (size_t i = 0; i < arrlenu(report->sources); i++) {
        Source *source = report->sources[i];
        if (source->applied <= above) continue;
        size_t node = node_of(source, path);
        if (node == JSON_NO_NODE) continue;
        report_return(report, source);
        report_value(report, node);
        above = source->applied;
    }
    return above;
}

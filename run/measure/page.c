/* page.c - see page.h. */
#include "run/measure/page.h"

#include "base/stb_ds.h"
#include "base/text_out.h"
#include "base/utf8.h"

#include <math.h>
#include <stdarg.h>
#include <string.h>

/* The text with all bytes that are no character of UTF-8 or a control character replaced. */
static char *clean(const char *text, size_t length) {
    TextOut result;
    FILE *out = text_begin(&result);
    for (size_t i = 0; i < length;) {
        const size_t bytes = utf8_length(text + i, length - i);
        const bool control = (unsigned char)text[i] < ' ' && text[i] != '\n';
        if (bytes && !control)
            fwrite(text + i, 1, bytes, out);
        else
            fputs(UTF8_REPLACEMENT, out);
        i += bytes ? bytes : 1;
    }
    return text_end(&result);
}

static char *copy_text(const char *text) {
    return clean(text, strlen(text));
}

static char *formatted(const char *format, va_list args) {
    TextOut text;
    vfprintf(text_begin(&text), format, args);
    char *printed = text_end(&text), *result = copy_text(printed);
    mem_free(printed);
    return result;
}

static PageItem *add(Page *page, PageKind kind, char *text) {
    PageItem item = {.kind = kind, .text = text};
    arrput(page->items, item);
    return &arrlast(page->items);
}

static PageItem *last(Page *page) {
    return &arrlast(page->items);
}

void page_start(Page *page, const char *title) {
    *page = (Page){.title = copy_text(title)};
}

void page_section(Page *page, const char *title) {
    add(page, PAGE_SECTION, copy_text(title));
}

void page_words(Page *page, const char *format, ...) {
    va_list args;
    va_start(args, format);
    add(page, PAGE_WORDS, formatted(format, args));
    va_end(args);
}

void page_code(Page *page, const char *lines) {
    add(page, PAGE_CODE, copy_text(lines));
}

void page_table(Page *page, const char *title, const char *heads) {
    PageTable *table = &add(page, PAGE_TABLE, copy_text(title))->table;
    for (;;) {
        const size_t length = strcspn(heads, "|");
        const bool numbers = *heads == '>';
        PageHead head = {clean(heads + numbers, length - numbers), numbers};
        arrput(table->heads, head);
        if (!heads[length]) return;
        heads += length + 1;
    }
}

void page_cell(Page *page, const char *format, ...) {
    va_list args;
    va_start(args, format);
    arrput(last(page)->table.cells, formatted(format, args));
    va_end(args);
}

void page_number(Page *page, double value) {
    const double size = fabs(value);
    if (isnan(value))
        page_cell(page, "–");
    else if (size == 0)
        page_cell(page, "0");
    else
        page_cell(page, size >= 999.95 && size < 1e7 ? "%.0f" : "%#.4g", value);
}

void page_chart(Page *page, const char *title, const char *x_label, bool log) {
    PageItem *item = add(page, PAGE_CHART, NULL);
    item->chart = (PageChart){.title = copy_text(title), .x_label = copy_text(x_label), .log = log};
}

void page_series(Page *page, const char *name) {
    PageSeries series = {.name = copy_text(name)};
    arrput(last(page)->chart.series, series);
}

void page_point(Page *page, double x, double y) {
    PageSeries *series = &arrlast(last(page)->chart.series);
    arrput(series->x, x);
    arrput(series->y, y);
}

void page_level(Page *page, const char *name, double y) {
    PageLevel level = {copy_text(name), y};
    arrput(last(page)->chart.levels, level);
}

size_t page_rows(const PageTable *table) {
    const size_t columns = arrlenu(table->heads);
    return (arrlenu(table->cells) + columns - 1) / columns;
}

static void table_free(PageTable *table) {
    for (size_t i = 0; i < arrlenu(table->heads); i++) mem_free(table->heads[i].name);
    for (size_t i = 0; i < arrlenu(table->cells); i++) mem_free(table->cells[i]);
    arrfree(table->heads);
    arrfree(table->cells);
}

static void chart_free(PageChart *chart) {
    for (size_t i = 0; i < arrlenu(chart->series); i++) {
        mem_free(chart->series[i].name);
        arrfree(chart->series[i].x);
        arrfree(chart->series[i].y);
    }
    for (size_t i = 0; i < arrlenu(chart->levels); i++) mem_free(chart->levels[i].name);
    arrfree(chart->series);
    arrfree(chart->levels);
    mem_free(chart->title);
    mem_free(chart->x_label);
}

void page_free(Page *page) {
    for (size_t i = 0; i < arrlenu(page->items); i++) {
        mem_free(page->items[i].text);
        table_free(&page->items[i].table);
        chart_free(&page->items[i].chart);
    }
    arrfree(page->items);
    mem_free(page->title);
    *page = (Page){0};
}

/* page.h - a page as data: sections of paragraphs, tables and charts, to be printed in two formats.
 *
 * One idea: what is said does not depend on how it is printed. A page is a list of items in order,
 * page_text.c prints it as Markdown with aligned columns and page_html.c as one HTML file.
 * A Page owns all strings and numbers, which are copied (page_free). Read next: findings.h,
 * page_text.c, page_html.c. */
#ifndef RUN_MEASURE_PAGE_H
#define RUN_MEASURE_PAGE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

/* The number of rows from which on HTML folds a table away. */
enum { PAGE_LONG_TABLE = 14 };

typedef struct {
    char *name;
    bool numbers; /* aligned to the right */
} PageHead;

typedef struct {
    PageHead *heads; /* (columns) stb_ds array */
    char **cells; /* (rows,columns) stb_ds array; columns may be missing at the end of the last */
} PageTable;

/* A line through the points in ascending x. A y that the axis cannot show interrupts it. */
typedef struct {
    char *name;
    double *x, *y; /* (n) stb_ds arrays */
} PageSeries;

/* A horizontal line for reference. */
typedef struct {
    char *name;
    double y;
} PageLevel;

typedef struct {
    char *title, *x_label;
    bool log;           /* the axis of y */
    PageSeries *series; /* stb_ds array, at most PAGE_SERIES */
    PageLevel *levels;  /* stb_ds array */
} PageChart;
enum { PAGE_SERIES = 6 };

typedef enum { PAGE_SECTION, PAGE_WORDS, PAGE_CODE, PAGE_TABLE, PAGE_CHART } PageKind;

typedef struct {
    PageKind kind;
    char *text; /* title of a section or table, paragraph, or lines of code */
    PageTable table;
    PageChart chart;
} PageItem;

typedef struct {
    char *title;
    PageItem *items; /* stb_ds array */
} Page;

void page_start(Page *page, const char *title);
void page_free(Page *page);

void page_section(Page *page, const char *title);
/* A paragraph. */
void page_words(Page *page, const char *format, ...) __attribute__((format(printf, 2, 3)));
/* Lines that keep their breaks. */
void page_code(Page *page, const char *lines);
/* Begins a table with the columns named in `heads`, separated by '|'; the names of columns of numbers
 * begin with '>'. */
void page_table(Page *page, const char *title, const char *heads);
/* The next cell of the table that was begun last. */
void page_cell(Page *page, const char *format, ...) __attribute__((format(printf, 2, 3)));
/* A number with four digits, all digits of an integer below ten million, "–" for NaN. */
void page_number(Page *page, double value);
/* Begins a chart; then its series, their points, and levels. */
void page_chart(Page *page, const char *title, const char *x_label, bool log);
void page_series(Page *page, const char *name);
void page_point(Page *page, double x, double y);
void page_level(Page *page, const char *name, double y);

/* The rows of a table. */
size_t page_rows(const PageTable *table);

void page_print_text(FILE *out, const Page *page);
void page_print_html(FILE *out, const Page *page);
/* The chart as an SVG element with a legend: page_chart.c, for page_html.c. */
void page_print_chart(FILE *out, const PageChart *chart);
/* Text with the characters of XML replaced. */
void page_print_escaped(FILE *out, const char *text);

#endif

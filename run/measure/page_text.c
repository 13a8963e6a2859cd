/* page_text.c - a page as Markdown that is readable as it is: paragraphs of 100 columns, tables with
 * aligned columns. Charts are left out: the numbers of a chart are in the table below it. */
#include "run/measure/page.h"

#include "base/stb_ds.h"

#include <string.h>

enum { WIDTH = 100 };

/* Characters on the terminal: bytes that do not continue one of UTF-8. */
static size_t columns_of(const char *text, size_t length) {
    size_t columns = 0;
    for (size_t i = 0; i < length; i++) columns += ((unsigned char)text[i] & 0xC0) != 0x80;
    return columns;
}

static void print_words(FILE *out, const char *text) {
    size_t column = 0;
    while (*text) {
        const size_t length = strcspn(text, " "), width = columns_of(text, length);
        if (column && column + 1 + width > WIDTH) {
            putc('\n', out);
            column = 0;
        } else if (column) {
            putc(' ', out);
            column++;
        }
        fwrite(text, 1, length, out);
        column += width;
        text += length;
        text += strspn(text, " ");
    }
    fputs("\n\n", out);
}

/* A cell, with '|' escaped and control characters replaced, so that it stays one cell of one line. */
static void print_cell(FILE *out, const char *text) {
    for (const char *c = text; *c; c++) {
        if (*c == '|') putc('\\', out);
        putc(*c == '\n' ? ' ' : *c, out);
    }
}

static size_t cell_width(const char *text) {
    size_t bars = 0;
    for (const char *c = text; *c; c++) bars += *c == '|';
    return columns_of(text, strlen(text)) + bars;
}

static void print_padded(FILE *out, const char *text, size_t width, bool right) {
    const size_t space = width - cell_width(text);
    fprintf(out, "| %*s", right ? (int)space : 0, "");
    print_cell(out, text);
    fprintf(out, "%*s ", right ? 0 : (int)space, "");
}

static size_t column_width(const PageTable *table, size_t column) {
    const size_t columns = arrlenu(table->heads);
    size_t width = cell_width(table->heads[column].name);
    for (size_t i = column; i < arrlenu(table->cells); i += columns) {
        const size_t own = cell_width(table->cells[i]);
        width = own > width ? own : width;
    }
    return width < 3 ? 3 : width;
}

static void print_table(FILE *out, const PageTable *table) {
    const size_t columns = arrlenu(table->heads), cells = page_rows(table) * columns;
    size_t *width = NULL;
    for (size_t c = 0; c < columns; c++) arrput(width, column_width(table, c));
    for (size_t c = 0; c < columns; c++)
        print_padded(out, table->heads[c].name, width[c], table->heads[c].numbers);
    fputs("|\n", out);
    for (size_t c = 0; c < columns; c++) {
        fputs("|-", out);
        for (size_t i = 0; i < width[c]; i++) putc('-', out);
        putc(table->heads[c].numbers ? ':' : '-', out);
    }
    fputs("|\n", out);
    for (size_t i = 0; i < cells; i++) {
        const size_t c = i % columns;
        const char *cell = i < arrlenu(table->cells) ? table->cells[i] : "";
        print_padded(out, cell, width[c], table->heads[c].numbers);
        if (c + 1 == columns) fputs("|\n", out);
    }
    putc('\n', out);
    arrfree(width);
}

void page_print_text(FILE *out, const Page *page) {
    fprintf(out, "# %s\n\n", page->title);
    for (size_t i = 0; i < arrlenu(page->items); i++) {
        const PageItem *item = &page->items[i];
        switch (item->kind) {
        case PAGE_SECTION:
            fprintf(out, "## %s\n\n", item->text);
            break;
        case PAGE_WORDS:
            print_words(out, item->text);
            break;
        case PAGE_CODE:
            fprintf(out, "```\n%s```\n\n", item->text);
            break;
        case PAGE_TABLE:
            fprintf(out, "**%s**\n\n", item->text);
            print_table(out, &item->table);
            break;
        case PAGE_CHART:
            break;
        }
    }
}

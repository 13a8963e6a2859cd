/* page_html.c - a page as one HTML file: no scripts, nothing from the network, light and dark by the
 * preference of the reader. It is well-formed XML too. */
#include "run/measure/page.h"

#include "base/stb_ds.h"

#include <string.h>

/* Colors that are distinguishable with any color vision, as in scripts/report/page.css. */
static const char STYLE[] =
    ":root { --paper: #ffffff; --ink: #1c1f24; --soft: #5c6470; --line: #e3e6ea; "
    "--c0: #0072b2; --c1: #d55e00; --c2: #00865f; --c3: #b9548f; --c4: #d08a00; --c5: #6b7280 }\n"
    "@media (prefers-color-scheme: dark) { :root { --paper: #14171b; --ink: #e6e8eb; "
    "--soft: #9aa3ae; --line: #2b3037; "
    "--c0: #56a8ea; --c1: #f58a4b; --c2: #2fc398; --c3: #e595c3; --c4: #eeb741; --c5: #8b93a0 } }\n"
    "* { box-sizing: border-box }\n"
    "body { margin: 0; background: var(--paper); color: var(--ink); font: 16px/1.55 system-ui, "
    "-apple-system, \"Segoe UI\", Roboto, \"Noto Sans\", \"DejaVu Sans\", sans-serif }\n"
    "main { max-width: 68rem; margin: 0 auto; padding: 3.5rem 1.5rem 5rem }\n"
    "h1 { font-size: 1.8rem; line-height: 1.2; font-weight: 650; letter-spacing: -0.015em; "
    "margin: 0 0 1.2rem; overflow-wrap: anywhere }\n"
    "h2 { font-size: 1.2rem; font-weight: 650; margin: 3rem 0 0.6rem }\n"
    "p { max-width: 46rem; margin: 0 0 0.9rem }\n"
    "pre { overflow-x: auto; font: 0.82rem/1.5 ui-monospace, \"SF Mono\", Menlo, Consolas, "
    "\"DejaVu Sans Mono\", monospace }\n"
    ".wide { overflow-x: auto; margin: 0.6rem 0 1.4rem }\n"
    "table { border-collapse: collapse; font-size: 0.88rem; font-variant-numeric: tabular-nums }\n"
    "caption, summary { text-align: left; font-weight: 600; font-size: 0.93rem; "
    "padding: 0.3rem 0 }\n"
    "summary { cursor: pointer }\n"
    "th, td { padding: 0.35rem 0.8rem 0.35rem 0; border-bottom: 1px solid var(--line); "
    "text-align: left; white-space: nowrap; font-weight: 400 }\n"
    "thead th { color: var(--soft); font-size: 0.8rem; vertical-align: bottom; "
    "border-bottom-color: var(--soft) }\n"
    "th.number, td.number { text-align: right }\n"
    "figure { margin: 0.6rem 0 1.2rem; max-width: 50rem }\n"
    "figcaption { font-weight: 600; font-size: 0.93rem }\n"
    "svg { display: block; width: 100%; height: auto }\n"
    "svg text { font-size: 12px; fill: var(--soft); font-variant-numeric: tabular-nums }\n"
    ".grid { stroke: var(--line) }\n"
    ".level { stroke: var(--soft); stroke-dasharray: 5 4 }\n"
    ".series { fill: none; stroke-width: 2; stroke-linejoin: round; "
    "stroke-linecap: round }\n"
    ".legend { display: flex; flex-wrap: wrap; gap: 0.1rem 1.4rem; margin: 0.3rem 0; padding: 0; "
    "list-style: none; font-size: 0.88rem }\n"
    ".legend span { display: inline-block; width: 1.6rem; height: 3px; margin-right: 0.5rem; "
    "vertical-align: middle }\n"
    "@media print { main { max-width: none; padding: 0 } }\n";

void page_print_escaped(FILE *out, const char *text) {
    for (const char *c = text; *c; c++) {
        const char *escape = *c == '&'   ? "&amp;"
                             : *c == '<' ? "&lt;"
                             : *c == '>' ? "&gt;"
                             : *c == '"' ? "&quot;"
                                         : NULL;
        if (escape)
            fputs(escape, out);
        else
            putc(*c, out);
    }
}

/* <tag>text</tag>; `tag` may have attributes, separated by a space. */
static void print_element(FILE *out, const char *tag, const char *text) {
    fprintf(out, "<%s>", tag);
    page_print_escaped(out, text);
    fprintf(out, "</%.*s>", (int)strcspn(tag, " "), tag);
}

static void print_cells(FILE *out, const PageTable *table) {
    const size_t columns = arrlenu(table->heads), cells = page_rows(table) * columns;
    fputs("<thead><tr>", out);
    for (size_t c = 0; c < columns; c++)
        print_element(out, table->heads[c].numbers ? "th class=\"number\"" : "th",
                      table->heads[c].name);
    fputs("</tr></thead>\n<tbody>\n", out);
    for (size_t i = 0; i < cells; i++) {
        const bool numbers = table->heads[i % columns].numbers;
        if (i % columns == 0) fputs("<tr>", out);
        print_element(out, numbers ? "td class=\"number\"" : "td",
                      i < arrlenu(table->cells) ? table->cells[i] : "");
        if (i % columns + 1 == columns) fputs("</tr>\n", out);
    }
    fputs("</tbody></table></div>\n", out);
}

static void print_table(FILE *out, const PageItem *item) {
    const bool folds = page_rows(&item->table) > PAGE_LONG_TABLE;
    if (folds) {
        fputs("<details>", out);
        print_element(out, "summary", item->text);
        fputs("<div class=\"wide\"><table>\n", out);
    } else {
        fputs("<div class=\"wide\"><table>", out);
        print_element(out, "caption", item->text);
        putc('\n', out);
    }
    print_cells(out, &item->table);
    if (folds) fputs("</details>\n", out);
}

static void print_item(FILE *out, const PageItem *item) {
    switch (item->kind) {
    case PAGE_SECTION:
        print_element(out, "h2", item->text);
        putc('\n', out);
        break;
    case PAGE_WORDS:
        print_element(out, "p", item->text);
        putc('\n', out);
        break;
    case PAGE_CODE:
        print_element(out, "pre class=\"lines\"", item->text);
        putc('\n', out);
        break;
    case PAGE_TABLE:
        print_table(out, item);
        break;
    case PAGE_CHART:
        page_print_chart(out, &item->chart);
        break;
    }
}

void page_print_html(FILE *out, const Page *page) {
    fputs("<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\"/>\n"
          "<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\"/>\n",
          out);
    print_element(out, "title", page->title);
    fprintf(out, "\n<style>\n%s</style>\n</head>\n<body>\n<main>\n", STYLE);
    print_element(out, "h1", page->title);
    putc('\n', out);
    for (size_t i = 0; i < arrlenu(page->items); i++) print_item(out, &page->items[i]);
    fputs("</main>\n</body>\n</html>\n", out);
}

/* test_page.c - pages as data: the exact text of a small page, its HTML, and charts. */
#include "base/text_out.h"
#include "run/measure/page.h"
#include "tests/lib/test.h"

static Page small_page(void) {
    Page page;
    page_start(&page, "A & <B> \xff");
    page_section(&page, "Numbers");
    page_words(&page,
               "%d words that are so long that the line of %s must break between two of "
               "them, at one hundred columns.",
               19, "the page");
    page_table(&page, "Table", "name|>value|>\xc3\xa9");
    const double numbers[] = {0, 1, 0.98, -12.344, 123456.7, 1e9, 999.96, 0.00012345, NAN};
    for (size_t i = 0; i < sizeof numbers / sizeof *numbers; i++) {
        page_cell(&page, "%s", i ? "row" : "a|b\n\x01");
        page_number(&page, numbers[i]);
        page_cell(&page, "%s", i == 1 ? "\xc3\xa9\xc3\xa9\xc3\xa9\xc3\xa9" : "x");
    }
    page_code(&page, "x = 1 < 2\n");
    return page;
}

static char *printed(const Page *page, void (*print)(FILE *, const Page *)) {
    TextOut text;
    print(text_begin(&text), page);
    return text_end(&text);
}

static void text_of_a_page(void) {
    static const char WANT[] = "# A & <B> \xef\xbf\xbd\n\n## Numbers\n\n"
                               "19 words that are so long that the line of the page must break "
                               "between two of them, at one hundred\n"
                               "columns.\n\n"
                               "**Table**\n\n"
                               "| name   |     value |    \xc3\xa9 |\n"
                               "|--------|----------:|-----:|\n"
                               "| a\\|b \xef\xbf\xbd |         0 |    x |\n"
                               "| row    |     1.000 | \xc3\xa9\xc3\xa9\xc3\xa9\xc3\xa9 |\n"
                               "| row    |    0.9800 |    x |\n"
                               "| row    |    -12.34 |    x |\n"
                               "| row    |    123457 |    x |\n"
                               "| row    | 1.000e+09 |    x |\n"
                               "| row    |      1000 |    x |\n"
                               "| row    | 0.0001234 |    x |\n"
                               "| row    |         \xe2\x80\x93 |    x |\n\n"
                               "```\nx = 1 < 2\n```\n\n";
    Page page = small_page();
    char *text = printed(&page, page_print_text);
    CHECK(strcmp(text, WANT) == 0, "got\n%s", text);
    mem_free(text);
    page_free(&page);
}

static void html_of_a_page(void) {
    static const char *const PARTS[] = {"<title>A &amp; &lt;B&gt; \xef\xbf\xbd</title>",
                                        "<h2>Numbers</h2>",
                                        "<caption>Table</caption>",
                                        "<th>name</th><th class=\"number\">value</th>",
                                        "<td class=\"number\">123457</td>",
                                        "<pre class=\"lines\">x = 1 &lt; 2\n</pre>"};
    Page page = small_page();
    char *html = printed(&page, page_print_html);
    for (size_t i = 0; i < sizeof PARTS / sizeof *PARTS; i++)
        CHECK(strstr(html, PARTS[i]) != NULL, "no %s in\n%s", PARTS[i], html);
    CHECK(!strstr(html, "<details>"), "a short table is folded");
    mem_free(html);
    page_table(&page, "Long", "x");
    for (int i = 0; i <= PAGE_LONG_TABLE; i++) page_cell(&page, "%d", i);
    html = printed(&page, page_print_html);
    CHECK(strstr(html, "<details><summary>Long</summary>") != NULL, "a long table is not folded");
    mem_free(html);
    page_free(&page);
}

/* From 1 to 100 in x, from 10^0 to 10^2 in y: three decades of 248 units from 260 upwards; zero, NaN and
 * infinity interrupt the line. */
static void lines_of_a_chart(void) {
    const double y[] = {1, 10, 0, 100, NAN, 1, INFINITY, 10, 10};
    Page page;
    page_start(&page, "");
    page_chart(&page, "c", "x", true);
    page_series(&page, "s");
    for (size_t i = 0; i < sizeof y / sizeof *y; i++) page_point(&page, (double)i, y[i]);
    page_level(&page, "level", 10);
    page_level(&page, "nowhere", -1);
    char *html = printed(&page, page_print_html);
    CHECK(strstr(html, "d=\"M64.0 260.0h0L149.0 136.0M319.0 12.0h0M489.0 260.0h0M659.0 "
                       "136.0h0L744.0 136.0\"") != NULL,
          "%s", strstr(html, "<path"));
    CHECK(strstr(html, ">level</text>") && !strstr(html, ">nowhere</text>"), "levels");
    mem_free(html);
    page_free(&page);
}

/* Nothing to show is no reason for a coordinate that is not a number. */
static void charts_without_points(void) {
    for (int k = 0; k < 4; k++) {
        Page page;
        page_start(&page, "");
        page_chart(&page, "c", "x", k % 2);
        if (k > 1) page_series(&page, "s");
        if (k > 1) page_point(&page, 3, NAN);
        char *html = printed(&page, page_print_html), *svg = strstr(html, "<svg");
        CHECK(!strstr(svg, "nan") && !strstr(svg, "inf"), "%s", svg);
        mem_free(html);
        page_free(&page);
    }
}

static const Test TESTS[] = {
    {"text of a page", text_of_a_page},
    {"HTML of a page", html_of_a_page},
    {"lines of a chart", lines_of_a_chart},
    {"charts without points", charts_without_points},
};
TEST_MAIN(TESTS)

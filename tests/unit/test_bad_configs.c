/* test_bad_configs.c - every config error by its line, column, width and message.
 *
 * The cases and the expected errors are in tests/unit/bad_configs.txt; positions were counted by
 * hand. The caret of each message must also be below the character at that line and column. */
#include "tests/lib/config_files.h"

enum { SETS_MAX = 4, WANTED_MAX = 16, TEXT_MAX = 4096 };

/* An expected error. */
typedef struct {
    size_t set;           /* 0 = in the file, else the number of the --set */
    size_t line, column;  /* in the file; a --set has line 1 */
    size_t width;         /* of the caret and its tildes; 0 = no location */
    const char *sentence; /* the message, up to the end of the line */
} Wanted;

typedef struct {
    size_t number; /* its first line in bad_configs.txt */
    char text[TEXT_MAX];
    size_t length;
    const char *sets[SETS_MAX + 1];
    size_t n_sets;
    Wanted wanted[WANTED_MAX];
    size_t n_wanted;
} Case;

/* Appends a line of the file with its placeholders replaced. */
static void add_text(Case *one, const char *line) {
    static const struct {
        const char *word;
        char byte;
    } words[] = {{"<TAB>", '\t'}, {"<CR>", '\r'}, {"<NUL>", '\0'}};
    for (const char *at = line; *at;) {
        char byte = *at;
        size_t used = 1;
        for (size_t i = 0; i < sizeof words / sizeof *words; i++) {
            if (strncmp(at, words[i].word, strlen(words[i].word)) != 0) continue;
            byte = words[i].byte;
            used = strlen(words[i].word);
        }
        if (one->length + 2 > TEXT_MAX) abort();
        one->text[one->length++] = byte;
        at += used;
    }
    one->text[one->length++] = '\n';
}

static void add_wanted(Case *one, const char *line) {
    Wanted *wanted = &one->wanted[one->n_wanted++];
    int used = 0;
    if (one->n_wanted > WANTED_MAX) abort();
    bool in_set = sscanf(line, "$%zu%n", &wanted->set, &used) == 1;
    line += used;
    if (in_set && *line == ':') {
        wanted->line = 1;
        if (sscanf(line, ":%zu+%zu %n", &wanted->column, &wanted->width, &used) != 2) abort();
        line += used;
    } else if (!in_set && sscanf(line, "%zu:%zu+%zu %n", &wanted->line, &wanted->column,
                                 &wanted->width, &used) == 3) {
        line += used;
    } else {
        line++; /* the space after "$1" */
    }
    wanted->sentence = line;
}

/* Reads the next case of the table; false after the last. Lines are NUL-terminated in place. */
static bool next_case(char **table, size_t *number, Case *one) {
    memset(one, 0, sizeof *one);
    while (**table) {
        char *line = *table, *end = strchr(line, '\n');
        bool blank = one->length == 0 && (*line == '#' || *line == '\n');
        *end = '\0';
        *table = end + 1;
        ++*number;
        if (blank) continue;
        if (!one->number) one->number = *number;
        if (strcmp(line, "---") == 0) return true;
        if (strncmp(line, "$ ", 2) == 0) {
            if (one->n_sets == SETS_MAX) abort();
            one->sets[one->n_sets++] = line + 2;
        } else if (strncmp(line, "> ", 2) == 0) {
            add_wanted(one, line + 2);
        } else {
            add_text(one, line);
        }
    }
    return false;
}

/* The position of the `count`-th character of `line`, counted from 0. */
static const char *skip_characters(const char *line, size_t count) {
    while (*line && (count || (*line & 0xc0) == 0x80)) {
        if ((*line & 0xc0) != 0x80) count--;
        line++;
        while ((*line & 0xc0) == 0x80) line++;
    }
    return line;
}

/* The character of the source that an error is about. */
static const char *wanted_character(const Case *one, const Wanted *wanted) {
    const char *line = wanted->set ? one->sets[wanted->set - 1] : one->text;
    for (size_t i = 1; i < wanted->line; i++) line = strchr(line, '\n') + 1;
    return skip_characters(line, wanted->column - 1);
}

/* Checks the two lines below a message: the width of the caret, and the character it points at. */
static void check_caret(const Case *one, const Wanted *wanted, const char *shown) {
    const char *caret_line = strchr(shown, '\n') + 1, *caret = strchr(caret_line, '^');
    bool found = strstr(shown, " | ") && strncmp(caret_line, "      | ", 8) == 0 && caret;
    CHECK(found, "case at line %zu: no caret in\n%s", one->number, printed);
    if (!found) return;
    size_t width = 1 + strspn(caret + 1, "~");
    CHECK(width == wanted->width, "case at line %zu: the caret is %zu wide, want %zu:\n%s",
          one->number, width, wanted->width, printed);
    const char *above = skip_characters(shown, (size_t)(caret - caret_line));
    const char *want = wanted_character(one, wanted);
    bool plain = (unsigned char)*want > ' ';
    CHECK(!plain || *above == *want, "case at line %zu: the caret points at %.1s, not %.1s:\n%s",
          one->number, above, want, printed);
}

/* Checks the error printed at `at`. Returns the position of the next one. */
static const char *check_one(const Case *one, const Wanted *wanted, const char *at) {
    char head[512], shown[SETS_MAX * 64];
    const char *origin = in_folder("bad.json");
    if (wanted->set) {
        snprintf(shown, sizeof shown, "--set %s", one->sets[wanted->set - 1]);
        origin = shown;
    }
    if (wanted->set || !wanted->width) {
        snprintf(head, sizeof head, "%s: error: ", origin);
    } else {
        snprintf(head, sizeof head, "%s:%zu:%zu: error: ", origin, wanted->line, wanted->column);
    }
    bool begins = strncmp(at, head, strlen(head)) == 0;
    CHECK(begins, "case at line %zu: wanted <%s%s>, got\n%s", one->number, head, wanted->sentence,
          at);
    const char *line = strstr(at, ": error: ");
    if (!line) return "";
    line += strlen(": error: ");
    size_t length = strlen(wanted->sentence), open = length >= 3 ? length - 3 : 0;
    bool prefix = strcmp(wanted->sentence + open, "...") == 0;
    bool same = strncmp(line, wanted->sentence, prefix ? open : length) == 0 &&
                (prefix || line[length] == '\n');
    CHECK(same, "case at line %zu: wanted <%s>, got\n%s", one->number, wanted->sentence, line);
    const char *next = strchr(line, '\n') + 1;
    if (!wanted->width) return next;
    if (begins) check_caret(one, wanted, next);
    return strchr(strchr(next, '\n') + 1, '\n') + 1;
}

static void check_case(const Case *one) {
    Config config;
    bool loaded = load(&config, put_bytes("bad.json", one->text, one->length), one->sets);
    CHECK(!loaded, "case at line %zu was accepted", one->number);
    if (loaded) config_free(&config);
    const char *at = printed;
    char last[32];
    for (size_t i = 0; i < one->n_wanted; i++) at = check_one(one, &one->wanted[i], at);
    snprintf(last, sizeof last, "%zu error%s; nothing was written.", one->n_wanted,
             one->n_wanted == 1 ? "" : "s");
    CHECK(strncmp(at, last, strlen(last)) == 0, "case at line %zu: wanted <%s>, got\n%s",
          one->number, last, at);
}

static void test_bad_configs(void) {
    static char table[1 << 16];
    FILE *file = fopen("tests/unit/bad_configs.txt", "r");
    if (!file || !fread(table, 1, sizeof table - 1, file)) abort();
    fclose(file);
    static Case one;
    size_t number = 0, cases = 0;
    for (char *at = table; next_case(&at, &number, &one); cases++) check_case(&one);
    CHECK(cases >= 100, "only %zu cases", cases);
    printf("note: %zu bad configs\n", cases);
}

static const Test tests[] = {
    {"bad configs: location and message of every error", test_bad_configs},
};
TEST_MAIN(tests)

/* test_stories.c - the entropy of builtin:stories.
 *
 * One idea: three views of one distribution must agree: the choices that produced a text, the
 * search that parses it, and its frequency. The strongest check is conservation: wherever a
 * sequence is cut, the probabilities of the 256 next bytes add up to the probability of the cut
 * sequence. */
#include "data/stories.h"
#include "data/story_machine.h"
#include "base/philox.h"
#include "tests/lib/test.h"

#include <ctype.h>

enum { SEED = 2024, TALE_ROOM = 400, LEAST_NATS = 40, MOST_BYTES = 330 };

typedef struct {
    char text[TALE_ROOM]; /* with its '\n', NUL-terminated */
    size_t length;
    double nats; /* of the choices that produced it */
} Tale;

/* The first 32-bit word that chooses row `row` of n or a later one, by bisection. */
static uint64_t first_word(uint64_t row, uint64_t n) {
    uint64_t low = 0, high = (uint64_t)1 << 32;
    while (low < high) {
        uint64_t middle = (low + high) / 2;
        if (middle * n >> 32 >= row)
            high = middle;
        else
            low = middle + 1;
    }
    return low;
}

/* The first story of sequence (SEED, STREAM_DATA, number, 0, 0), computed from the documented
 * random words only. */
static Tale tale_tell(uint32_t number) {
    Tale tale = {0};
    StoryMachine machine;
    story_start(&machine);
    uint32_t used = 0;
    for (int event; (event = story_step(&machine)) != STORY_END;) {
        if (event != STORY_CHOICE) {
            if (tale.length < TALE_ROOM - 1) tale.text[tale.length++] = (char)event;
            continue;
        }
        Philox block = philox(SEED, STREAM_DATA, number, 0, 0, used / 4);
        uint64_t n = story_choices(&machine), row = block.word[used++ % 4] * n >> 32;
        tale.nats -= log((double)(first_word(row + 1, n) - first_word(row, n)) * 0x1p-32);
        story_choose(&machine, (uint32_t)row);
    }
    return tale;
}

static const unsigned char *bytes_of(const char *text) {
    return (const unsigned char *)text;
}

static const StorySymbol *symbol_called(const char *name, size_t length) {
    for (int s = 0; s < STORY_SYMBOLS && story_grammar[s].name; s++) {
        const char *other = story_grammar[s].name;
        if (strlen(other) == length && tolower((unsigned char)*name) == *other &&
            !strncmp(name + 1, other + 1, length - 1)) {
            return &story_grammar[s];
        }
    }
    return NULL;
}

/* --- the grammar --- */

static size_t columns_of(const char *row) {
    size_t n = 1;
    for (; *row; row++) n += *row == '|';
    return n;
}

static size_t names_of(const StorySymbol *symbol) {
    size_t n = 1;
    for (const char *c = symbol->columns; c && *c; c++) n += c == symbol->columns || c[-1] == ' ';
    return n;
}

/* The index of the column that a slot names, as in <hero.his>; -1 where the symbol has no such
 * column. */
static int column_called(const StorySymbol *symbol, const char *name, size_t length) {
    if (length == 5 && !strncmp(name, "again", length)) return 0;
    int column = 1;
    for (const char *at = symbol->columns; at && *at; column++) {
        size_t size = strcspn(at, " ");
        if (size == length && !strncmp(at, name, length)) return column;
        at += size + (at[size] == ' ');
    }
    return -1;
}

/* A typing mistake in the table must fail here, not during training. */
static void test_grammar_is_whole(void) {
    bool used[STORY_SYMBOLS] = {false};
    for (int s = -1; s < STORY_SYMBOLS && (s < 0 || story_grammar[s].name); s++) {
        const StorySymbol *symbol = s < 0 ? NULL : &story_grammar[s];
        const char *const *rows = symbol ? symbol->rows : (const char *const[]){story_frame, NULL};
        for (size_t r = 0; r < STORY_ROWS && rows[r]; r++) {
            if (symbol) {
                CHECK(columns_of(rows[r]) == names_of(symbol), "<%s>: %s", symbol->name, rows[r]);
            }
            for (size_t q = 0; q < r; q++) CHECK(strcmp(rows[q], rows[r]), "twice: %s", rows[r]);
            for (const char *at = rows[r]; (at = strchr(at, '<')) != NULL; at++) {
                size_t name = strcspn(at + 1, ".>"), column = strcspn(at + 1 + name, ">");
                const StorySymbol *slot = symbol_called(at + 1, name);
                CHECK(slot != NULL, "no such symbol: %s", at);
                if (!slot) continue;
                used[slot - story_grammar] = true;
                CHECK(!column || column_called(slot, at + 2 + name, column - 1) >= 0,
                      "no such column: %s", at);
            }
        }
    }
    for (int s = 0; s < STORY_SYMBOLS && story_grammar[s].name; s++) {
        const StorySymbol *symbol = &story_grammar[s];
        CHECK(used[s], "<%s> is used nowhere", symbol->name);
        CHECK(symbol_called(symbol->name, strlen(symbol->name)) == symbol, "two <%s>",
              symbol->name);
    }
}

typedef struct {
    double least_nats, least_bytes, most_bytes;
} Bounds;

/* Bounds over all derivations of a template, with each slot at its own extreme. */
static Bounds bounds_of(const char *text) {
    Bounds sum = {0};
    while (*text && *text != '|') {
        if (*text != '<') {
            sum.least_bytes++, sum.most_bytes++, text++;
            continue;
        }
        size_t name = strcspn(text + 1, ".>"), slot = strcspn(text, ">");
        bool chooses = name + 1 == slot;
        const StorySymbol *symbol = symbol_called(text + 1, name);
        int column = chooses ? 0 : column_called(symbol, text + 2 + name, slot - name - 2);
        Bounds row = {INFINITY, INFINITY, 0};
        size_t n = 0;
        for (; n < STORY_ROWS && symbol->rows[n]; n++) {
            const char *written = symbol->rows[n];
            for (int c = 0; c < column; c++) written = strchr(written, '|') + 1;
            Bounds b = bounds_of(written);
            row.least_nats = fmin(row.least_nats, b.least_nats);
            row.least_bytes = fmin(row.least_bytes, b.least_bytes);
            row.most_bytes = fmax(row.most_bytes, b.most_bytes);
        }
        sum.least_nats += row.least_nats + (chooses ? log((double)n) : 0);
        sum.least_bytes += row.least_bytes;
        sum.most_bytes += row.most_bytes;
        text += slot + 1;
    }
    return sum;
}

static void test_bounds_of_every_derivation(void) {
    Bounds bounds = bounds_of(story_frame);
    CHECK(bounds.least_nats >= LEAST_NATS, "a story may have %.2f nats", bounds.least_nats);
    CHECK(bounds.least_bytes >= 150, "a story may have %g bytes", bounds.least_bytes);
    CHECK(bounds.most_bytes <= MOST_BYTES, "a story may have %g bytes", bounds.most_bytes);
}

/* --- probabilities --- */

static void test_parse_gives_back_the_choices(void) {
    int ambiguous = 0;
    for (uint32_t i = 0; i < 5000; i++) {
        Tale tale = tale_tell(i);
        double nats = stories_story_nats(bytes_of(tale.text), tale.length);
        CHECK(nats <= tale.nats + 1e-9, "parsed %.12f, chosen %.12f: %s", nats, tale.nats,
              tale.text);
        ambiguous += nats < tale.nats - 1e-9;
        CHECK(tale.nats >= LEAST_NATS && tale.length <= MOST_BYTES, "%g nats, %zu bytes: %s",
              tale.nats, tale.length, tale.text);
    }
    CHECK(ambiguous == 0, "%d of 5000 stories can be written in two ways", ambiguous);
}

static void test_rows_follow_the_documented_words(void) {
    for (uint32_t i = 0; i < 200; i++) {
        unsigned char row[TALE_ROOM];
        Tale tale = tale_tell(i);
        stories_sequence(row, sizeof(row), SEED, STREAM_DATA, i, 0, 0);
        CHECK(!memcmp(row, tale.text, tale.length), "row %u: %.40s", i, (const char *)row);
    }
}

/* The nats of a sequence are those of its stories, minus what its first byte already determined. */
static void test_row_is_the_sum_of_its_stories(void) {
    enum { COUNT = 2049 };
    unsigned char row[COUNT];
    stories_sequence(row, COUNT, SEED, STREAM_DATA, 7, 7, 7);
    double sum = 0, first = 0;
    size_t at = 0;
    for (unsigned char *end; (end = memchr(row + at, '\n', COUNT - at)) != NULL;) {
        size_t length = (size_t)(end - row) + 1 - at;
        double whole = stories_story_nats(row + at, length);
        if (at == 0) first = whole - stories_sequence_nats(row, length);
        sum += whole;
        at += length;
    }
    CHECK(sum > 300, "%g nats", sum);
    CHECK_NEAR(stories_sequence_nats(row, at), sum - first, 1e-9);
    CHECK(stories_sequence_nats(row, COUNT) > stories_sequence_nats(row, at),
          "the cut story is missing");
}

static void check_conservation(unsigned char *row, size_t cut) {
    unsigned char next = row[cut];
    double before = stories_sequence_nats(row, cut), sum = 0;
    for (int byte = 0; byte < 256; byte++) {
        row[cut] = (unsigned char)byte;
        sum += exp(before - stories_sequence_nats(row, cut + 1));
    }
    row[cut] = next;
    CHECK(fabs(sum - 1) < 1e-9, "the next byte after %zu has probability %.12f: %.*s", cut, sum,
          (int)cut, (const char *)row);
}

static void test_next_bytes_add_up_to_one(void) {
    for (uint32_t i = 0; i < 16; i++) {
        unsigned char row[TALE_ROOM];
        stories_sequence(row, sizeof(row), SEED, STREAM_DATA, i, 1, 0);
        size_t end = (size_t)((unsigned char *)memchr(row, '\n', sizeof(row)) - row);
        /* The stride divides no length, so over all sequences it meets every position in a word. */
        for (size_t cut = 1 + i; cut < sizeof(row); cut += 23) check_conservation(row, cut);
        for (size_t cut = end - 1; cut <= end + 2; cut++) check_conservation(row, cut);
    }
}

/* exp(-nats) of a whole story divided by that of its sequence, which starts behind the first byte,
 * is P(first byte). */
static void test_first_bytes_add_up_to_one(void) {
    bool seen[256] = {false};
    double sum = 0;
    for (uint32_t i = 0; i < 2000; i++) {
        Tale tale = tale_tell(i);
        unsigned char first = (unsigned char)tale.text[0];
        if (seen[first]) continue;
        seen[first] = true;
        const unsigned char *bytes = bytes_of(tale.text);
        sum +=
            exp(stories_sequence_nats(bytes, tale.length) - stories_story_nats(bytes, tale.length));
    }
    CHECK_NEAR(sum, 1, 1e-9);
}

/* Among sequences with the same first byte, prefixes have the predicted frequencies. */
static void test_frequencies(void) {
    enum { ROWS = 20000, LENGTH = 16, PREFIXES = 60 };
    unsigned char(*rows)[LENGTH] = mem_alloc((size_t)ROWS * LENGTH);
    for (uint32_t i = 0; i < ROWS; i++)
        stories_sequence(rows[i], LENGTH, SEED, STREAM_DATA, i, 2, 0);
    for (int p = 0; p < PREFIXES; p++) {
        size_t length = (size_t[]){2, 8, LENGTH}[p % 3];
        double same_first = 0, same = 0;
        for (int i = 0; i < ROWS; i++) {
            same_first += rows[i][0] == rows[p][0];
            same += !memcmp(rows[i], rows[p], length);
        }
        double chance = exp(-stories_sequence_nats(rows[p], length));
        double sigma = sqrt(same_first * chance * (1 - chance));
        CHECK(fabs(same - same_first * chance) <= 5 * sigma + 1, "%.*s: %g of %g, expected %g",
              (int)length, (const char *)rows[p], same, same_first, same_first * chance);
    }
    mem_free(rows);
}

static void test_what_is_no_story_is_impossible(void) {
    for (uint32_t i = 0; i < 30; i++) {
        Tale tale = tale_tell(i);
        unsigned char *bytes = (unsigned char *)tale.text;
        for (size_t at = 0; at < tale.length; at++) {
            unsigned char good = bytes[at];
            if (!isalpha(good)) continue;
            for (int way = 0; way < 2; way++) {
                bytes[at] = way || good == 'q' ? (unsigned char)(good ^ 0x20) : 'q';
                CHECK(isinf(stories_story_nats(bytes, tale.length)), "at %zu: %s", at, tale.text);
                CHECK(isinf(stories_sequence_nats(bytes, tale.length)), "at %zu: %s", at,
                      tale.text);
            }
            bytes[at] = good;
        }
        CHECK(isinf(stories_story_nats(bytes, tale.length - 1)), "without its ending");
        CHECK(isinf(stories_story_nats(bytes + 1, tale.length - 1)), "without its beginning");
        bytes[tale.length] = '\n';
        CHECK(isinf(stories_story_nats(bytes, tale.length + 1)), "with two endings");
        CHECK(isinf(stories_sequence_nats(bytes, tale.length + 1)), "with an empty story");
    }
    CHECK(isinf(stories_story_nats(bytes_of("\n"), 1)), "an empty story");
    CHECK(isinf(stories_story_nats(bytes_of(""), 0)), "nothing");
    CHECK(isinf(stories_sequence_nats(bytes_of("7"), 1)), "no row begins so");
    CHECK(stories_sequence_nats(bytes_of("O"), 1) == 0, "the first byte is given");
    CHECK(stories_sequence_nats(bytes_of(""), 0) == 0, "nothing is certain");
}

static void test_long_rows_are_quick(void) {
    enum { ROWS = 50, LENGTH = 1025 };
    unsigned char row[LENGTH];
    double start = clock_seconds();
    for (uint32_t i = 0; i < ROWS; i++) {
        stories_sequence(row, LENGTH, SEED, STREAM_DATA, i, 3, 0);
        CHECK(isfinite(stories_sequence_nats(row, LENGTH)), "row %u", i);
    }
    double per_row = (clock_seconds() - start) / ROWS;
    CHECK(per_row < 5e-3, "%.2f ms for a row of %d bytes", per_row * 1e3, LENGTH);
}

/* --- English --- */

static bool is_vowel(char c) {
    return c && strchr("aeiouAEIOU", c);
}

/* Whether text[0..length-1] is a word of a space-separated list, ignoring case. */
static bool is_word(const char *text, size_t length, const char *words) {
    for (size_t size; *words; words += size + (words[size] == ' ')) {
        size = strcspn(words, " ");
        bool same = size == length;
        for (size_t i = 0; same && i < size; i++) {
            same = tolower((unsigned char)text[i]) == words[i];
        }
        if (same) return true;
    }
    return false;
}

/* Calls `check` for each word of a story: maximal runs of letters. */
static void words_visit(const Tale *tale, void (*check)(const Tale *, const char *, size_t)) {
    for (const char *word = tale->text; *word;) {
        size_t length = 0;
        while (isalpha((unsigned char)word[length])) length++;
        if (length) check(tale, word, length);
        word += length ? length : 1;
    }
}

static void check_article(const Tale *tale, const char *word, size_t length) {
    if (is_word(word, length, "a")) CHECK(!is_vowel(word[2]), "%s%s", word, tale->text);
    if (is_word(word, length, "an")) CHECK(is_vowel(word[3]), "%s%s", word, tale->text);
}

/* Punctuation that ends sentences, quotation marks, spaces, and printable ASCII only. */
static void check_marks(const Tale *tale) {
    const char *text = tale->text;
    bool open = false;
    CHECK(isupper((unsigned char)text[0]) && tale->length > 2, "%s", text);
    CHECK(strchr(".!?\"", text[tale->length - 2]), "%s", text);
    CHECK(strchr(text, '\n') == text + tale->length - 1, "%s", text);
    for (const char *c = text; *c != '\n' && *c; c++) {
        CHECK(isprint((unsigned char)*c), "byte %d: %s", *c, text);
        CHECK(!(c[0] == ' ' && strchr(" .,!?\n", c[1])), "%s", c);
        if (*c == '"') {
            open = !open;
            CHECK(open ? isupper((unsigned char)c[1]) : strchr(".,!?", c[-1]) != NULL, "%s", c);
            CHECK(strchr(open ? "" : " \n", c[1]) || open, "%s", c);
        }
        if (strchr(".!?", *c)) {
            const char *next = c + 1 + (c[1] == '"');
            CHECK(*next == ' ' || *next == '\n', "%s", c);
            bool tag = c[1] == '"' && *c != '.'; /* "Stop!" cried Ben. */
            CHECK(*next == '\n' || tag || isupper((unsigned char)next[1]) || next[1] == '"', "%s",
                  c);
        }
        if (c[0] == ',' && c[1] == '"') CHECK(islower((unsigned char)c[3]), "%s", c);
    }
    CHECK(!open, "a quotation without an end: %s", text);
}

static const char *const WHO[] = {"girl", "boy", "animal"};

/* The row of the hero of a story, found by its name in the text. */
static const char *hero_row(const Tale *tale) {
    const char *found = NULL;
    for (size_t w = 0; w < 3; w++) {
        const StorySymbol *symbol = symbol_called(WHO[w], strlen(WHO[w]));
        for (size_t r = 0; r < STORY_ROWS && symbol->rows[r]; r++) {
            const char *row = symbol->rows[r];
            size_t length = strcspn(row, "| ");
            for (const char *at = tale->text; (at = strchr(at, *row)) != NULL; at++) {
                bool starts = at == tale->text || !isalpha((unsigned char)at[-1]);
                if (!starts || strncmp(at, row, length) || isalpha((unsigned char)at[length])) {
                    continue;
                }
                CHECK(!found || found == row, "%s and %s: %s", found, row, tale->text);
                found = row;
            }
        }
    }
    return found;
}

static void check_she(const Tale *tale, const char *word, size_t length) {
    CHECK(!is_word(word, length, "he him his"), "%.*s: %s", (int)length, word, tale->text);
}

static void check_he(const Tale *tale, const char *word, size_t length) {
    CHECK(!is_word(word, length, "she her"), "%.*s: %s", (int)length, word, tale->text);
}

static bool hero_is_she(const char *row) {
    const StorySymbol *girl = symbol_called("girl", 4);
    for (size_t r = 0; r < STORY_ROWS && girl->rows[r]; r++) {
        if (girl->rows[r] == row) return true;
    }
    return strstr(row, "|she|") != NULL;
}

static void test_english(void) {
    for (uint32_t i = 0; i < 2000; i++) {
        Tale tale = tale_tell(i);
        check_marks(&tale);
        words_visit(&tale, check_article);
        const char *hero = hero_row(&tale);
        CHECK(hero != NULL, "nobody is the hero: %s", tale.text);
        if (hero) words_visit(&tale, hero_is_she(hero) ? check_she : check_he);
    }
}

/* --- use --- */

static void test_rows_depend_on_their_counters_only(void) {
    enum { LENGTH = 257 };
    unsigned char row[LENGTH], other[LENGTH];
    const uint32_t changed[][5] = {
        {2, 1, 3, 4, 5}, {1, 2, 3, 4, 5}, {1, 1, 4, 4, 5}, {1, 1, 3, 5, 5}, {1, 1, 3, 4, 6}};
    stories_sequence(row, LENGTH, 1, 1, 3, 4, 5);
    stories_sequence(other, LENGTH, 1, 1, 3, 4, 5);
    CHECK(!memcmp(row, other, LENGTH), "%s", "same counters, other bytes");
    for (size_t i = 0; i < sizeof(changed) / sizeof(changed[0]); i++) {
        const uint32_t *c = changed[i];
        stories_sequence(other, LENGTH, c[0], c[1], c[2], c[3], c[4]);
        CHECK(memcmp(row, other, LENGTH), "number %zu changes nothing", i);
    }
    memset(other, '#', LENGTH);
    stories_sequence(other, 100, 1, 1, 3, 4, 5);
    CHECK(!memcmp(row, other, 100) && other[100] == '#', "%s", "a shorter row is a prefix");
}

static void test_prompts(void) {
    char first[32], prompt[32];
    int different = 0;
    stories_prompt(0, first, sizeof(first));
    for (uint32_t seed = 0; seed < 100; seed++) {
        stories_prompt(seed, prompt, sizeof(prompt));
        CHECK(*prompt && !strpbrk(prompt, " \n"), "'%s'", prompt);
        CHECK(isfinite(stories_sequence_nats(bytes_of(prompt), strlen(prompt))), "'%s'", prompt);
        different += strcmp(prompt, first) != 0;
    }
    CHECK(different > 50, "%d of 100 prompts differ", different);
    stories_prompt(0, prompt, 2);
    CHECK(prompt[0] == first[0] && prompt[1] == '\0', "'%s'", prompt);
}

static const Test tests[] = {
    {"grammar is whole", test_grammar_is_whole},
    {"bounds of every derivation", test_bounds_of_every_derivation},
    {"parse gives back the choices", test_parse_gives_back_the_choices},
    {"rows follow the documented words", test_rows_follow_the_documented_words},
    {"a row is the sum of its stories", test_row_is_the_sum_of_its_stories},
    {"next bytes add up to one", test_next_bytes_add_up_to_one},
    {"first bytes add up to one", test_first_bytes_add_up_to_one},
    {"frequencies", test_frequencies},
    {"what is no story is impossible", test_what_is_no_story_is_impossible},
    {"long rows are quick", test_long_rows_are_quick},
    {"English", test_english},
    {"rows depend on their counters only", test_rows_depend_on_their_counters_only},
    {"prompts", test_prompts},
};

TEST_MAIN(tests)

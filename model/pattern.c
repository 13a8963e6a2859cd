/* pattern.c - see pattern.h. */
#include "model/pattern.h"

#include "base/utf8.h"
#include "base/words.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { WORD_SIZE = 64 };
enum { COUNT_MAX = 1 << 20 }; /* of blocks and of tokens */

typedef struct {
    char word[WORD_SIZE]; /* without the count */
    size_t count;         /* 0 = what follows the * is no count */
} Entry;

/* An integer of 1 to COUNT_MAX; 0 if `text` is none. */
static size_t number_of(const char *text) {
    char *end;
    const unsigned long long n = isdigit((unsigned char)*text) ? strtoull(text, &end, 10) : 0;
    return n && n <= COUNT_MAX && !*end ? (size_t)n : 0;
}

/* The entry at `*text`, which advances past it; false at the end. */
static bool entry_next(const char **text, Entry *entry) {
    if (!*text || !word_next(text, entry->word, sizeof entry->word)) return false;
    char *star = strchr(entry->word, '*');
    entry->count = star ? number_of(star + 1) : 1;
    if (star) *star = '\0';
    return true;
}

/* The word of a block; false without a pattern. */
static bool word_of_block(const char *pattern, size_t block, char word[WORD_SIZE]) {
    Entry entry;
    size_t total = 0;
    for (const char *at = pattern; entry_next(&at, &entry);) total += entry.count;
    if (!total) return false;
    block %= total;
    for (const char *at = pattern; entry_next(&at, &entry); block -= entry.count) {
        memcpy(word, entry.word, WORD_SIZE);
        if (block < entry.count) break;
    }
    return true;
}

/* The first entry that is not valid; false if there is none. */
static bool find_invalid(const char *pattern, bool (*valid)(const char *word), Entry *entry) {
    for (const char *at = pattern; entry_next(&at, entry);) {
        if (entry->count && valid(entry->word)) continue;
        utf8_cut(entry->word, sizeof entry->word);
        return true;
    }
    return false;
}

/* --- model.rope_layers --- */

static bool is_rope_kind(const char *word) {
    return name_index(rope_kind_name, word) >= 0;
}

bool pattern_check_rope(const ModelOptions *options, char *error, size_t size) {
    const char *pattern = options->rope_layers;
    Entry entry;
    const bool any = pattern && pattern[strspn(pattern, " ")];
    if (any && options->position != POSITION_ROPE) {
        snprintf(error, size, "model.rope_layers needs model.position rope, not %s",
                 position_name(options->position));
        return false;
    }
    if (!find_invalid(pattern, is_rope_kind, &entry)) return true;
    const bool known = is_rope_kind(entry.word);
    const char *near = known ? NULL : name_near(rope_kind_name, entry.word);
    snprintf(error, size, "model.rope_layers: \"%s\" %s%s%s%s", entry.word,
             known ? "needs an integer above 0 after the *" : "is not rope, local or none",
             near ? "; did you mean \"" : "", near ? near : "", near ? "\"?" : "");
    return false;
}

RopeKind pattern_rope(const ModelOptions *options, size_t block) {
    char word[WORD_SIZE];
    if (options->position != POSITION_ROPE) return ROPE_NONE;
    if (!word_of_block(options->rope_layers, block, word)) return ROPE_GLOBAL;
    const int kind = name_index(rope_kind_name, word);
    return kind < 0 ? ROPE_GLOBAL : (RopeKind)kind;
}

/* --- model.window --- */

const char *window_word(int i) {
    return i == 0 ? "all" : NULL;
}

static bool is_window(const char *word) {
    return number_of(word) || strcmp(word, window_word(0)) == 0;
}

bool pattern_check_window(const ModelOptions *options, char *error, size_t size) {
    Entry entry;
    if (!find_invalid(options->window, is_window, &entry)) return true;
    const bool known = is_window(entry.word);
    const char *near = known ? NULL : name_near(window_word, entry.word);
    snprintf(error, size, "model.window: \"%s\" %s%s%s%s", entry.word,
             known ? "needs an integer above 0 after the *"
                   : "is neither a number of tokens, 1 to 1048576, nor all",
             near ? "; did you mean \"" : "", near ? near : "", near ? "\"?" : "");
    return false;
}

size_t pattern_window(const ModelOptions *options, size_t block) {
    char word[WORD_SIZE];
    if (!word_of_block(options->window, block, word)) return 0;
    const size_t window = number_of(word);
    return window < options->context ? window : 0;
}

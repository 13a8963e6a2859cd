/* words.c - see words.h. */
#include "base/words.h"

#include <ctype.h>
#include <string.h>
#include <strings.h>

static int lower(char c) {
    return tolower((unsigned char)c);
}

/* Damerau-Levenshtein distance (insertion, deletion, substitution, swap of two neighbours) of words
 * with fewer than 64 letters, in any case; `far` if the lengths alone differ by that much. */
static size_t edit_distance(const char *a, const char *b, size_t far) {
    enum { MAX = 64 };
    size_t la = strlen(a), lb = strlen(b);
    if (la >= MAX || lb >= MAX) return MAX;
    if (la + far <= lb || lb + far <= la) return far;
    size_t d[MAX][MAX];
    for (size_t i = 0; i <= la; i++) d[i][0] = i;
    for (size_t j = 0; j <= lb; j++) d[0][j] = j;
    for (size_t i = 1; i <= la; i++) {
        for (size_t j = 1; j <= lb; j++) {
            size_t best = d[i - 1][j - 1] + (lower(a[i - 1]) != lower(b[j - 1]));
            if (d[i - 1][j] + 1 < best) best = d[i - 1][j] + 1;
            if (d[i][j - 1] + 1 < best) best = d[i][j - 1] + 1;
            bool swapped = i > 1 && j > 1 && lower(a[i - 1]) == lower(b[j - 2]) &&
                           lower(a[i - 2]) == lower(b[j - 1]);
            if (swapped && d[i - 2][j - 2] + 1 < best) best = d[i - 2][j - 2] + 1;
            d[i][j] = best;
        }
    }
    return d[la][lb];
}

/* The state of a search for the name nearest to a word. */
typedef struct {
    const char *word, *nearest;
    size_t length, far, best; /* only names nearer than `far` are suggested */
} Search;

static Search search_begin(const char *word) {
    const size_t length = strlen(word), far = length < 5 ? 2 : 3;
    return (Search){word, NULL, length, far, far};
}

static void search_try(Search *search, const char *name) {
    const size_t length = search->length, far = search->far;
    size_t distance = edit_distance(search->word, name, far);
    bool prefix = length >= 3 && strncasecmp(search->word, name, length) == 0;
    if (prefix && distance >= far) distance = far - 1;
    if (distance >= search->best) return;
    search->best = distance;
    search->nearest = name;
}

const char *name_near(const char *(*name)(int), const char *word) {
    Search search = search_begin(word);
    for (int i = 0; name(i); i++) search_try(&search, name(i));
    return search.nearest;
}

const char *name_nearest(const char *word, const char *const *names) {
    Search search = search_begin(word);
    for (; *names; names++) search_try(&search, *names);
    return search.nearest;
}

bool word_next(const char **text, char *word, size_t size) {
    *text += strspn(*text, " ");
    const size_t length = strcspn(*text, " "), kept = length < size ? length : size - 1;
    memcpy(word, *text, kept);
    word[kept] = '\0';
    *text += length;
    return length > 0;
}

int name_index(const char *(*name)(int), const char *word) {
    for (int i = 0; name(i); i++) {
        if (strcmp(name(i), word) == 0) return i;
    }
    return -1;
}

/* --- names as people write them --- */

enum { FOLDED = 64 };

/* `word` in lower case without '-', '_' and spaces; "" if it does not fit. */
static void fold(char folded[FOLDED], const char *word) {
    size_t length = 0;
    for (; *word && length < FOLDED - 1; word++) {
        if (!strchr("-_ ", *word)) folded[length++] = (char)lower(*word);
    }
    folded[*word ? 0 : length] = '\0';
}

/* Removes one ending of a folded word, unless nothing would remain. */
static void drop_ending(char *folded) {
    static const char *const ENDINGS[] = {"layernorm", "norm", "ln"};
    const size_t length = strlen(folded);
    for (size_t i = 0; i < sizeof ENDINGS / sizeof *ENDINGS; i++) {
        const size_t ending = strlen(ENDINGS[i]);
        if (length <= ending || strcmp(folded + length - ending, ENDINGS[i]) != 0) continue;
        folded[length - ending] = '\0';
        return;
    }
}

/* The index of the name that is equal to `wanted` when folded, `bare`: and without its ending. */
static int folded_index(const char *(*name)(int), const char *wanted, bool bare) {
    char folded[FOLDED];
    for (int i = 0; *wanted && name(i); i++) {
        fold(folded, name(i));
        if (bare) drop_ending(folded);
        if (strcmp(folded, wanted) == 0) return i;
    }
    return -1;
}

int name_meant(const char *(*name)(int), const Synonym *synonyms, const char *word) {
    char folded[FOLDED];
    int i = name_index(name, word);
    if (i >= 0) return i;
    fold(folded, word);
    i = folded_index(name, folded, false);
    if (i >= 0) return i;
    for (; synonyms && synonyms->word; synonyms++) {
        if (strcmp(synonyms->word, folded) == 0) return name_index(name, synonyms->name);
    }
    drop_ending(folded);
    return folded_index(name, folded, true);
}

bool name_ends_with(const char *name, const char *suffix) {
    size_t length = strlen(name), tail = strlen(suffix);
    return length >= tail && strcmp(name + length - tail, suffix) == 0;
}

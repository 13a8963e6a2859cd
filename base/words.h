/* words.h - looks up a name in a list, and suggests the nearest one for a misspelt name.
 *
 * One idea: the names of topologies, norms, keys and flags are tables; one search serves all. People
 * write the same name in many ways: case, '-', '_' and spaces do not count, nor does a last "norm".
 * Nothing here allocates memory.
 * Read next: text_out.h. */
#ifndef BASE_WORDS_H
#define BASE_WORDS_H

#include <stdbool.h>
#include <stddef.h>

/* The i-th of `count` names, NULL past the end. Every *_name(int) function returns this. */
static inline const char *name_at(const char *const *names, size_t count, int i) {
    return i >= 0 && (size_t)i < count ? names[i] : NULL;
}
/* name_at of an array whose length is known to the compiler. */
#define NAME_AT(names, i) name_at(names, sizeof(names) / sizeof *(names), i)

/* The index of `word` among name(0), name(1) ... up to NULL; -1 if it is not there. */
int name_index(const char *(*name)(int), const char *word);
/* Another word for a name of a list, without capitals, '-', '_' and spaces. */
typedef struct {
    const char *word, *name;
} Synonym;
/* The index of the name that `word` means, -1 if it means none. In this order: the name itself; the
 * name in any case, with or without '-', '_' and spaces; one of the `synonyms` (ended by {0}, or
 * NULL); the name with or without one of the endings "layernorm", "norm" and "ln". */
int name_meant(const char *(*name)(int), const Synonym *synonyms, const char *word);

/* Copies the word at `*text`, as much of it as fits, and advances past it; words have spaces between
 * them. False at the end. */
bool word_next(const char **text, char *word, size_t size);

/* The name nearest to `word` by edit distance in any case, where a prefix counts as near; NULL if no name is
 * close enough to suggest. name_near reads the names from a function, name_nearest from an array
 * that ends with NULL. */
const char *name_near(const char *(*name)(int), const char *word);
const char *name_nearest(const char *word, const char *const *names);

/* Whether a name has this suffix. */
bool name_ends_with(const char *name, const char *suffix);

#endif

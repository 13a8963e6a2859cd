/* words.h - finding a word in a list of names, or the one that was probably meant.
 *
 * One idea: names of topologies, norms, keys and flags are tables; one search serves them all.
 * Nothing here owns memory. Read next: text_out.h. */
#ifndef BASE_WORDS_H
#define BASE_WORDS_H

#include <stddef.h>

/* The i-th of `count` names, NULL past the last: what every *_name(int) function returns. */
static inline const char *name_at(const char *const *names, size_t count, int i) {
    return i >= 0 && (size_t)i < count ? names[i] : NULL;
}
/* name_at of an array whose length is known where it is declared. */
#define NAME_AT(names, i) name_at(names, sizeof(names) / sizeof *(names), i)

/* The index of `word` among name(0), name(1) ... up to NULL; -1 where it is none of them. */
int name_index(const char *(*name)(int), const char *word);
/* The name nearest to `word` by edit distance, prefixes counting as near; NULL where none is close
 * enough to be worth suggesting. The names are those of a function, or an array that ends with
 * NULL. */
const char *name_near(const char *(*name)(int), const char *word);
const char *name_nearest(const char *word, const char *const *names);

#endif

/* fuzz_set.c - lines of arbitrary bytes as --set strings over an empty config. */
#include "tests/fuzz/fuzz.h"
#include "tests/fuzz/config_round_trip.h"

enum { SETS_MAX = 16 };

static void fuzz_one(const uint8_t *data, size_t size) {
    Config config;
    const char *sets[SETS_MAX];
    size_t n_sets = 0;
    char *text = mem_alloc(size + 1); /* split into one string per line */
    memcpy(text, data, size);
    for (char *line = text; line && n_sets < SETS_MAX; n_sets++) {
        sets[n_sets] = line;
        line = strchr(line, '\n');
        if (line) *line++ = '\0';
    }
    if (config_load(&config, fuzz_file("{}", 2), sets, n_sets)) round_trip(&config);
    mem_free(text);
}

/* config.h - the experiment as plain data, read from JSON.
 *
 * One idea: one table (config_keys.c) is the only place that defines a key's path, type, default,
 * range and help. Parsing, --set, the resolved config.json, --list keys and every message come from
 * it.
 * A Config owns its strings; config_free frees them.
 * Read next: config_keys.c. */
#ifndef RUN_CONFIG_CONFIG_H
#define RUN_CONFIG_CONFIG_H

#include "run/config/config_keys.h"

#include <stdio.h>

/* Call once, before any JSON is parsed: gives cJSON an allocator that ends the program when out of
 * memory. With its own allocator, cJSON could return a partial tree or misread strings. */
void config_start(void);

/* Starts from the defaults, applies the file `path` with its `extends` chain (see config_find for
 * where it is searched), then `sets` ("key=value") in order, then checks ranges and the
 * rules between keys. Prints all errors to stderr, one sentence each. Returns false if there were
 * any; then nothing needs to be freed. A config without a name is named after its file. */
bool config_load(Config *config, const char *path, const char *const *sets, size_t n_sets);
/* The same from JSON text in memory (a checkpoint's metadata), which cannot extend a file. Messages
 * begin with `name`. */
bool config_parse(Config *config, const char *json, const char *name);
/* The same, and then `sets` as in config_load. */
bool config_parse_with(Config *config, const char *json, const char *name, const char *const *sets,
                       size_t n_sets);
void config_free(Config *config);
/* Prints the warnings about a config to stderr, one sentence each. */
void config_warn(const Config *config);

/* The resolved config as JSON text, values as given. CONFIG_IDENTITY leaves out the keys that do not
 * affect the results of the run (name, threads, recompute, evaluation, checkpoint and log keys).
 * Free with mem_free. */
typedef enum { CONFIG_FULL, CONFIG_IDENTITY } ConfigScope;
char *config_json(const Config *config, ConfigScope scope);

/* Which differences count: any; those that make it another run (all but threads and recompute);
 * those that rule out resuming (all but the keys left out of CONFIG_IDENTITY, and train.steps); the
 * same without the paths of the data, whose hash decides. */
typedef enum { DIFFERENCE_ANY, DIFFERENCE_RUN, DIFFERENCE_RESUME, DIFFERENCE_MOVED } Difference;
/* The path of the first key, in the order of config.json, whose value differs; NULL if none does. */
const char *config_difference(const Config *a, const Config *b, Difference which);

/* Prints the table of keys as a JSON Schema (draft 2020-12), the contents of configs/schema.json. It
 * accepts every valid config without comments whose choices have our spelling. */
void config_print_schema(FILE *out);

#endif

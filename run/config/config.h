/* config.h - the experiment as plain data, read from JSON.
 *
 * One idea: one table of keys (config_keys.c) is the only place that knows a key's path, type,
 * default, range and help; parsing, --set, the resolved config.json, --list keys and every message
 * come from it. This module is the only one besides the checkpoint that knows JSON.
 * A Config owns its strings; config_free gives them back.
 * Read next: config_keys.c. */
#ifndef RUN_CONFIG_CONFIG_H
#define RUN_CONFIG_CONFIG_H

#include "run/config/config_keys.h"

#include <stdio.h>

/* Once, before anything reads JSON: gives cJSON an allocator that ends the program where memory is
 * short. cJSON by itself would return half of a tree, or read strings as something else. */
void config_start(void);

/* Reads `path` (with its `extends` chain; looked for in configs/ too) over the defaults, then
 * applies `sets` ("key=value") in order, then checks ranges and the rules between keys. All errors
 * are printed to stderr, one sentence each; false when there was one, and then nothing is to be
 * freed. A config without a name takes that of its file. */
bool config_load(Config *config, const char *path, const char *const *sets, size_t n_sets);
/* The same from JSON text that lies in memory (a checkpoint's metadata), which cannot extend a
 * file; `name` stands in messages. */
bool config_parse(Config *config, const char *json, const char *name);
void config_free(Config *config);
/* Prints what deserves a warning before a config is trained, a sentence each, to stderr. */
void config_warn(const Config *config);

/* The resolved config as JSON text, values as given. CONFIG_IDENTITY leaves out what does not
 * change the numbers of the run (name, threads, recompute, evaluation, checkpoint and log keys).
 * Free with mem_free. */
typedef enum { CONFIG_FULL, CONFIG_IDENTITY } ConfigScope;
char *config_json(const Config *config, ConfigScope scope);

/* Which differences count: any, all that make it another run (not threads, recompute), those with
 * which a run cannot be resumed (not what is left out of CONFIG_IDENTITY, nor train.steps). */
typedef enum { DIFFERENCE_ANY, DIFFERENCE_RUN, DIFFERENCE_RESUME } Difference;
/* The path of the first key, in the order of config.json, whose value differs between the two; NULL
 * where none does. */
const char *config_difference(const Config *a, const Config *b, Difference which);

/* The table of keys as a JSON Schema (draft 2020-12) that accepts every config but for its comments; what
 * configs/schema.json holds. */
void config_print_schema(FILE *out);

#endif

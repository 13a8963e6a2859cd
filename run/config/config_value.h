/* config_value.h - the value of one key: read from JSON, written as JSON, compared.
 *
 * One idea: everything that depends on a key's type is in one file, one switch for each direction.
 * Strings are copied into the Config, which owns them.
 * Read next: config.c. */
#ifndef RUN_CONFIG_CONFIG_VALUE_H
#define RUN_CONFIG_CONFIG_VALUE_H

#include "run/config/config_keys.h"
#include "run/config/config_read.h"

/* A copy of `text` that lives as long as the config. */
const char *string_keep(Config *config, const char *text);

/* Sets the field of `key` to `json`, the value at the current node of the report. A wrong type,
 * word or range is reported and leaves the field unchanged. */
void value_assign(Config *config, const Key *key, const struct cJSON *json, Report *report);
/* Sets one entry of model.wire. */
void value_assign_wire(Config *config, const char *entry, const struct cJSON *json, Report *report);
/* The same from an entry; its text must live as long as the config. */
void value_put_wire(Config *config, WireEntry value);
/* Reports that `path` must be `wanted`, not a value of the type of `json`. */
void value_wrong_type(const char *path, const char *wanted, const struct cJSON *json,
                      Report *report);

/* Prints the value as JSON that value_assign reads back exactly. */
void value_print(FILE *out, const Config *config, const Key *key);
/* The same as text; free with mem_free. */
char *value_text(const Config *config, const Key *key);
bool value_equal(const Config *a, const Config *b, const Key *key);

#endif

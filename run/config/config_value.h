/* config_value.h - the value of one key: from JSON, to JSON, compared.
 *
 * One idea: everything that depends on a key's type stands in one file, a switch each.
 * Strings are copied into the Config, which owns them.
 * Read next: config.c. */
#ifndef RUN_CONFIG_CONFIG_VALUE_H
#define RUN_CONFIG_CONFIG_VALUE_H

#include "run/config/config_keys.h"
#include "run/config/config_read.h"

/* A copy of `text` that lives as long as the config. */
const char *string_keep(Config *config, const char *text);

/* Sets the field of `key` to the value that the report looks at; a wrong type, word or range is
 * reported and leaves the field alone. */
void value_assign(Config *config, const Key *key, const struct cJSON *json, Report *report);
/* Sets one entry of model.wire. */
void value_assign_wire(Config *config, const char *entry, const struct cJSON *json, Report *report);
/* Reports that `path` must be `wanted`, not the kind of value that `json` is. */
void value_wrong_type(const char *path, const char *wanted, const struct cJSON *json,
                      Report *report);

/* Appends the value as JSON that value_assign reads back exactly. */
void value_write(const Config *config, const Key *key, char **text);
bool value_equal(const Config *a, const Config *b, const Key *key);

#endif

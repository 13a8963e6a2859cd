/* config_read.h - from bytes to validated JSON.
 *
 * One idea: cJSON only parses text that the strict scanner of json.h has accepted, so its tree has
 * the same shape as the map of positions.
 * The caller owns what is returned (cJSON_Delete, arrfree).
 * Read next: config_read.c, then config_value.h. */
#ifndef RUN_CONFIG_CONFIG_READ_H
#define RUN_CONFIG_CONFIG_READ_H

#include "run/config/report.h"

struct cJSON;

/* The contents of a file of at most 1 MiB (stb_ds array, NUL-terminated); NULL after an error. */
char *file_read(const char *path, Report *report);

/* Parses report->source, an object with // comments allowed; NULL after an error. Duplicate keys are
 * reported, but the rest is still parsed and checked. */
struct cJSON *json_parse(Report *report);
/* Parses the value of the --set in report->source: JSON, or a string without quotes if it does not
 * look like JSON; NULL after an error. `bare`: the key takes any string, so 2024, true and null are
 * strings too. */
struct cJSON *json_parse_value(Report *report, bool bare);

#endif

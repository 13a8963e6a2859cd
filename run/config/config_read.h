/* config_read.h - from bytes to checked JSON.
 *
 * One idea: cJSON only ever sees text that the strict pass of json.h has found sound, so its tree
 * and the map of places have the same shape.
 * The caller owns what is returned (cJSON_Delete, arrfree).
 * Read next: config_read.c, then config_value.h. */
#ifndef RUN_CONFIG_CONFIG_READ_H
#define RUN_CONFIG_CONFIG_READ_H

#include "run/config/report.h"

struct cJSON;

/* The contents of a file of at most 1 MiB as a text (stb_ds array), NULL after an error. */
char *file_read(const char *path, Report *report);

/* The object in report->source, // comments allowed; NULL after an error. Keys that stand twice
 * are reported, but do not keep the rest from being looked at. */
struct cJSON *json_parse(Report *report);
/* The value of the --set in report->source: JSON, or the text itself as a string where it is none
 * and was not meant to be; NULL after an error. `bare`: the key takes any string. */
struct cJSON *json_parse_value(Report *report, bool bare);

#endif

/* json_document.h - a JSON file of others, and its members.
 *
 * One idea: cJSON only parses text that the strict scanner (run/io/json.h) has accepted, so a file has no duplicate
 * keys and no other surprises. Members that are absent and members that are null are the same.
 * The caller owns what is returned (cJSON_Delete). Read next: hf_config.h. */
#ifndef RUN_MODELS_JSON_DOCUMENT_H
#define RUN_MODELS_JSON_DOCUMENT_H

#include <stddef.h>

struct cJSON;

/* The object in a file of at most 1 MiB. Returns NULL, with a message in *error for mem_free, if there is none. */
struct cJSON *json_document(const char *path, char **error);
/* The same from text of any bytes; `name` is for messages. */
struct cJSON *json_document_text(const char *text, size_t length, const char *name, char **error);

#endif

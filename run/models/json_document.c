/* json_document.c - see json_document.h. */
#include "run/models/json_document.h"

#include "base/text_out.h"
#include "base/stb_ds.h"
#include "run/io/files.h"
#include "run/io/json.h"

#include <cJSON.h>
#include <errno.h>
#include <string.h>

cJSON *json_document_text(const char *text, size_t length, const char *name, char **error) {
    JsonMap map = {0};
    cJSON *json = NULL;
    *error = NULL;
    if (json_scan(text, length, NULL, &map)) {
        json = cJSON_ParseWithLength(text, length);
        if (!json) die(EXIT_INTERNAL, "cJSON rejects valid JSON; please report this bug");
    } else {
        const JsonError *first = &map.errors[0];
        *error =
            text_format("%s: byte %zu: %s%.*s%s", name, first->span.at, first->before,
                        first->after ? (int)(first->span.length < 32 ? first->span.length : 32) : 0,
                        text + first->span.at, first->after ? first->after : "");
    }
    json_free(&map);
    if (json && !cJSON_IsObject(json)) {
        cJSON_Delete(json);
        json = NULL;
        *error = text_format("%s: it is not an object", name);
    }
    return json;
}

cJSON *json_document(const char *path, char **error) {
    size_t length;
    char *text = file_contents(path, JSON_LENGTH_MAX, &length);
    if (!text) {
        *error = text_format("%s: %s", path, strerror(errno));
        return NULL;
    }
    cJSON *json = json_document_text(text, length, path, error);
    mem_free(text);
    return json;
}

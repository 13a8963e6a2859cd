/* hf_fields.c - see hf_fields.h. */
#include "run/models/hf_fields.h"

#include "base/stb_ds.h"
#include "base/text_out.h"

#include <cJSON.h>
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

void fields_use(Fields *fields, const Architecture *row) {
    cJSON_Delete(fields->defaults);
    fields->row = row;
    fields->defaults = row ? cJSON_Parse(row->defaults) : NULL;
    if (row && !fields->defaults)
        die(EXIT_INTERNAL, "the defaults of %s are not JSON", row->class_name);
}

void fields_free(Fields *fields) {
    fields_use(fields, NULL);
}

void fields_need(Fields *fields, const char *format, ...) {
    char text[1024];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    arrput(fields->needs, text_format("%s", text));
}

/* The member of the first of `names` that the object has and that is not null; *null becomes true if one is null. */
static const cJSON *find(const cJSON *object, const char *names, bool *null) {
    char word[64];
    for (const char *at = names; at && *at;) {
        const size_t length = strcspn(at, " ");
        snprintf(word, sizeof word, "%.*s", (int)length, at);
        const cJSON *item = cJSON_GetObjectItemCaseSensitive(object, word);
        if (item && !cJSON_IsNull(item)) return item;
        *null |= item != NULL;
        at += length + strspn(at + length, " ");
    }
    return NULL;
}

const cJSON *fields_item(const Fields *fields, const char *names) {
    bool null = false;
    const cJSON *item = find(fields->config, names, &null);
    return item || null ? item : find(fields->defaults, names, &null);
}

bool fields_flag(Fields *fields, const char *names, bool missing) {
    const cJSON *item = fields_item(fields, names);
    if (!item) return missing;
    if (!cJSON_IsBool(item)) fields_need(fields, "%s as true or false", names);
    return cJSON_IsTrue(item);
}

static double number_of(Fields *fields, const cJSON *item, const char *name, double missing) {
    if (!item) return missing;
    if (!cJSON_IsNumber(item) || !isfinite(item->valuedouble)) {
        fields_need(fields, "%s as a number", name);
        return missing;
    }
    return item->valuedouble;
}

double fields_value(Fields *fields, const cJSON *object, const char *name, double missing) {
    bool null = false;
    return number_of(fields, find(object, name, &null), name, missing);
}

double fields_number(Fields *fields, Field field, double missing) {
    const char *names = fields->row->field[field];
    return number_of(fields, fields_item(fields, names), names, missing);
}

size_t fields_size(Fields *fields, Field field, size_t missing, size_t most) {
    const char *names = fields->row->field[field];
    const cJSON *item = fields_item(fields, names);
    if (!item && missing) return missing;
    const double value = item && cJSON_IsNumber(item) ? item->valuedouble : 0;
    if (value >= 1 && value <= (double)most && value == floor(value)) return (size_t)value;
    fields_need(fields, "%s as an integer from 1 to %zu", names, most);
    return missing ? missing : 1;
}

const char *fields_text(Fields *fields, Field field) {
    const cJSON *item = fields_item(fields, fields->row->field[field]);
    return item && cJSON_IsString(item) ? item->valuestring : NULL;
}

/* hf_fields.h - the fields of a config.json, with the defaults of its class.
 *
 * One idea: a field of the wrong type or size is a need like any other, so that a config.json is refused once, with all
 * that is wrong about it. null is a value: it replaces the default of the class by nothing.
 * The caller owns the Fields (fields_free) and `config`. Read next: hf_config.c. */
#ifndef RUN_MODELS_HF_FIELDS_H
#define RUN_MODELS_HF_FIELDS_H

#include "run/models/architectures.h"

struct cJSON;

typedef struct {
    const Architecture *row;
    const struct cJSON *config;
    struct cJSON *defaults; /* of the row */
    char **needs;           /* sentences (stb_ds array) */
} Fields;

/* Chooses the row, with its defaults. */
void fields_use(Fields *fields, const Architecture *row);
void fields_free(Fields *fields); /* all but the needs, which are the caller's */

/* Adds what the model needs. */
void fields_need(Fields *fields, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* The value of the first of `names`, separated by spaces, that config.json or else the class has; NULL if it is absent or
 * null. */
const struct cJSON *fields_item(const Fields *fields, const char *names);
/* The same as a boolean, a number, an integer from 1 to `most`, a string; `missing` (NULL) if there is none. A size
 * that is missing and has `missing` 0 is a need. */
bool fields_flag(Fields *fields, const char *names, bool missing);
double fields_value(Fields *fields, const struct cJSON *object, const char *name, double missing);
double fields_number(Fields *fields, Field field, double missing);
size_t fields_size(Fields *fields, Field field, size_t missing, size_t most);
const char *fields_text(Fields *fields, Field field);

#endif

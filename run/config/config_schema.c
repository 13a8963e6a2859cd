/* config_schema.c - the table of keys as a JSON Schema (draft 2020-12), for editors.
 *
 * One idea: an editor completes and underlines by the same table that the trainer checks by, so the
 * two cannot disagree. The rules between keys are checked by the trainer alone, and // comments are
 * not part of a schema. Nothing here owns memory.
 * Read next: config_keys.c. */
#include "run/io/json_out.h"
#include "run/config/config_keys.h"
#include "run/io/files.h"

#include <math.h>
#include <string.h>

/* Prints ,"word": before the next value of a property. */
static void print_word(FILE *out, const char *word) {
    fprintf(out, ", \"%s\": ", word);
}

static void print_choices(FILE *out, const Key *key) {
    fputc('[', out);
    for (int i = 0; key->choices(i); i++) {
        if (i) fputs(", ", out);
        json_print_string(out, key->choices(i));
    }
    fputc(']', out);
}

static void print_number(FILE *out, const Key *key) {
    fprintf(out, "\"type\": \"%s\", \"%s\": %.15g", key->type == TYPE_SIZE ? "integer" : "number",
            key->open_min ? "exclusiveMinimum" : "minimum", key->min);
    if (!isfinite(key->max)) return;
    fprintf(out, ", \"%s\": %.15g", key->open_max ? "exclusiveMaximum" : "maximum", key->max);
}

/* The type and range of a value, without the braces around them. */
static void print_type(FILE *out, const Key *key) {
    switch (key->type) {
    case TYPE_SIZE:
    case TYPE_FLOAT:
        print_number(out, key);
        break;
    case TYPE_BOOL:
        fputs("\"type\": \"boolean\"", out);
        break;
    case TYPE_STRING:
        fprintf(out, "\"type\": \"string\", \"minLength\": %.0f, \"maxLength\": %.0f", key->min,
                key->max);
        break;
    case TYPE_ENUM:
        fputs("\"enum\": ", out);
        print_choices(out, key);
        break;
    case TYPE_SLOTS:
        fputs("\"type\": \"array\", \"uniqueItems\": true, \"items\": {\"enum\": ", out);
        print_choices(out, key);
        fputc('}', out);
        break;
    case TYPE_WIRE:
        fputs(
            "\"type\": \"object\", \"additionalProperties\": {\"type\": [\"string\", \"number\"]}",
            out);
        break;
    }
}

static void print_key(FILE *out, const Key *key, const char *word, int indent) {
    fprintf(out, "%*s\"%s\": {", indent, "", word);
    print_type(out, key);
    print_word(out, "default");
    fputs(key->default_json, out);
    print_word(out, "description");
    json_print_string(out, key->help);
    fputc('}', out);
}

/* Prints the keys of a section from the i-th on, as the body of an object. Returns the index of the
 * next key after them. */
static size_t print_section(FILE *out, size_t i, const char *section, size_t length, int indent) {
    fprintf(out, "\"type\": \"object\", \"additionalProperties\": false, \"properties\": {\n");
    for (bool first = true; key_at(i); i++, first = false) {
        const char *path = key_at(i)->path;
        if (strncmp(path, section, length) != 0 || path[length] != '.') break;
        if (!first) fputs(",\n", out);
        print_key(out, key_at(i), path + length + 1, indent + 2);
    }
    fprintf(out, "\n%*s}", indent, "");
    return i;
}

void config_print_schema(FILE *out) {
    fputs(
        "{\n"
        "  \"$schema\": \"https://json-schema.org/draft/2020-12/schema\",\n"
        "  \"title\": \"peri.c config\",\n"
        "  \"description\": \"A config of peri.c, written by ./train --print-schema\",\n"
        "  \"type\": \"object\",\n"
        "  \"additionalProperties\": false,\n"
        "  \"properties\": {\n"
        "    \"$schema\": {\"description\": \"for editors; ignored by the trainer\"},\n"
        "    \"extends\": {\"type\": \"string\", \"minLength\": 1, \"description\": \"config that "
        "this one is based on: a path relative to the folder of this file\"}",
        out);
    for (size_t i = 0; key_at(i);) {
        const char *path = key_at(i)->path, *dot = strchr(path, '.');
        fputs(",\n", out);
        if (!dot) {
            print_key(out, key_at(i++), path, 4);
            continue;
        }
        size_t length = (size_t)(dot - path);
        bool or_bool = strncmp(path, "gamma_warmup", length) == 0;
        fprintf(out, "    \"%.*s\": {%s", (int)length, path, or_bool ? "\"anyOf\": [{" : "");
        i = print_section(out, i, path, length, 4);
        fputs(or_bool ? "}, {\"type\": \"boolean\"}]}" : "}", out);
    }
    fputs("\n  }\n}\n", out);
}

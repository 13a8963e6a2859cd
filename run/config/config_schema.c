/* config_schema.c - the table of keys as a JSON Schema (draft 2020-12), for editors.
 *
 * One idea: an editor completes and underlines by the same table that the trainer checks by, so the
 * two cannot disagree. The rules between keys are checked by the trainer alone, and // comments are
 * not part of a schema. Nothing here owns memory.
 * Read next: config_keys.c. */
#include "run/io/json_out.h"
#include "run/config/config_keys.h"

#include <math.h>
#include <string.h>

static void print_choices(Json *json, const char *name, const Key *key) {
    json_list_open(json, name);
    for (int i = 0; key->choices(i); i++) {
        json_item(json);
        json_print_string(json->out, key->choices(i));
    }
    json_list_close(json);
}

static void print_limit(Json *json, const char *name, double limit) {
    char text[JSON_EXACT];
    json_key(json, name);
    fputs(json_exact_text(limit, text), json->out);
}

static void print_number(Json *json, const Key *key) {
    json_string(json, "type", key->type == TYPE_SIZE ? "integer" : "number");
    print_limit(json, key->open_min ? "exclusiveMinimum" : "minimum", key->min);
    if (isfinite(key->max))
        print_limit(json, key->open_max ? "exclusiveMaximum" : "maximum", key->max);
}

/* The type and range of a value. */
static void print_type(Json *json, const Key *key) {
    switch (key->type) {
    case TYPE_SIZE:
    case TYPE_FLOAT:
        print_number(json, key);
        break;
    case TYPE_BOOL:
        json_string(json, "type", "boolean");
        break;
    case TYPE_STRING:
        json_string(json, "type", "string");
        print_limit(json, "minLength", key->min);
        print_limit(json, "maxLength", key->max);
        break;
    case TYPE_ENUM:
        print_choices(json, "enum", key);
        break;
    case TYPE_SLOTS:
        json_string(json, "type", "array");
        json_boolean(json, "uniqueItems", true);
        json_open(json, "items");
        print_choices(json, "enum", key);
        json_close(json);
        break;
    case TYPE_WIRE:
        json_string(json, "type", "object");
        json_open(json, "additionalProperties");
        json_key(json, "type");
        fputs("[\"string\", \"number\", \"object\"]", json->out);
        json_close(json);
        break;
    }
}

static void print_key(Json *json, const Key *key, const char *word) {
    json_open(json, word);
    json->layout = JSON_INLINE;
    print_type(json, key);
    json_key(json, "default");
    fputs(key->default_json, json->out);
    json_string(json, "description", key->help);
    json_close(json);
    json->layout = JSON_LINES;
}

/* Prints the keys of a section from the i-th on, as an object that is open. Returns the index of the
 * next key after them. */
static size_t print_section(Json *json, size_t i, const char *section) {
    const size_t length = strlen(section);
    json_string(json, "type", "object");
    json_boolean(json, "additionalProperties", false);
    json_open(json, "properties");
    for (; key_at(i); i++) {
        const char *path = key_at(i)->path;
        if (strncmp(path, section, length) != 0 || path[length] != '.') break;
        print_key(json, key_at(i), path + length + 1);
    }
    json_close(json);
    return i;
}

/* gamma_warmup is an object, or true or false. */
static size_t print_gamma_warmup(Json *json, size_t i) {
    json_list_open(json, "anyOf");
    json_item(json);
    json_open(json, NULL);
    i = print_section(json, i, "gamma_warmup");
    json_close(json);
    json_item(json);
    json_open(json, NULL);
    json_string(json, "type", "boolean");
    json_close(json);
    json_list_close(json);
    return i;
}

static void print_file_keys(Json *json) {
    json_open(json, "$schema");
    json_string(json, "description", "for editors; ignored by the trainer");
    json_close(json);
    json_open(json, "extends");
    json_string(json, "type", "string");
    json_integer(json, "minLength", 1);
    json_string(json, "description",
                "config that this one is based on: a path relative to the folder of this file");
    json_close(json);
}

void config_print_schema(FILE *out) {
    Json json = {.out = out};
    json_open(&json, NULL);
    json_string(&json, "$schema", "https://json-schema.org/draft/2020-12/schema");
    json_string(&json, "title", "peri.c config");
    json_string(&json, "description", "A config of peri.c, written by ./train --print-schema");
    json_string(&json, "type", "object");
    json_boolean(&json, "additionalProperties", false);
    json_open(&json, "properties");
    print_file_keys(&json);
    for (size_t i = 0; key_at(i);) {
        char section[64];
        const char *path = key_at(i)->path;
        snprintf(section, sizeof section, "%.*s", (int)strcspn(path, "."), path);
        if (!strchr(path, '.')) {
            print_key(&json, key_at(i++), path);
            continue;
        }
        json_open(&json, section);
        i = strcmp(section, "gamma_warmup") == 0 ? print_gamma_warmup(&json, i)
                                                 : print_section(&json, i, section);
        json_close(&json);
    }
    json_close(&json);
    json_close(&json);
    fputc('\n', out);
}

/* config_value.c - see config_value.h. */
#include "run/config/config_value.h"

#include "base/text_out.h"
#include "base/words.h"
#include "base/stb_ds.h"
#include "model/wiring.h"
#include "run/io/json_out.h"

#include <cJSON.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { WORDS_SIZE = 512 };

static char *text_copy(const char *text) {
    size_t size = strlen(text) + 1;
    return memcpy(mem_alloc(size), text, size);
}

const char *string_keep(Config *config, const char *text) {
    char *copy = text_copy(text);
    arrput(config->strings, copy);
    return copy;
}

static void describe(const cJSON *json, char *text, size_t size) {
    char shown[SHOWN_SIZE], number[JSON_EXACT];
    if (cJSON_IsString(json)) {
        snprintf(text, size, "the string \"%s\"", text_printable(json->valuestring, shown));
    } else if (cJSON_IsNumber(json)) {
        snprintf(text, size, "the number %s", json_exact_text(json->valuedouble, number));
    } else if (cJSON_IsBool(json)) {
        snprintf(text, size, "%s", cJSON_IsTrue(json) ? "true" : "false");
    } else {
        const char *kind = cJSON_IsArray(json) ? "a list" : "an object";
        snprintf(text, size, "%s", cJSON_IsNull(json) ? "null" : kind);
    }
}

void value_wrong_type(const char *path, const char *wanted, const cJSON *json, Report *report) {
    char found[2 * SHOWN_SIZE];
    describe(json, found, sizeof found);
    report_error(report, "%s must be %s, not %s", path, wanted, found);
}

static bool number_read(const Key *key, const cJSON *json, double *number, Report *report) {
    bool whole = key->type == TYPE_SIZE;
    double x = json->valuedouble;
    if (!cJSON_IsNumber(json) || (whole && x != floor(x))) {
        value_wrong_type(key->path, whole ? "an integer" : "a number", json, report);
        return false;
    }
    bool below = key->open_min ? x <= key->min : x < key->min;
    bool above = key->open_max ? x >= key->max : x > key->max;
    if (below || above) {
        char range[WORDS_SIZE], shown[JSON_EXACT];
        key_range(key, range, sizeof range);
        report_error(report, "%s is %s; it must be %s", key->path, json_exact_text(x, shown),
                     range);
        return false;
    }
    *number = x;
    return true;
}

/* The words of `text` as the choices of the key are spelled: "Pre-LN*2 Post-LN*" is "pre*2 post*".
 * Words that mean no choice are left for the rules to report. */
static const char *string_spelled(Config *config, const Key *key, const char *text) {
    static const char SEPARATORS[] = " \t*";
    char *spelled = NULL;
    while (*text) {
        char word[64];
        const size_t length = strcspn(text, SEPARATORS), gap = strspn(text + length, SEPARATORS);
        snprintf(word, sizeof word, "%.*s", (int)length, text);
        const int choice = length && length < sizeof word ? key_choice(key, word) : -1;
        text_add(&spelled, "%.*s", (int)length, text);
        if (choice >= 0) {
            arrsetlen(spelled, arrlenu(spelled) - length);
            text_add(&spelled, "%s", key->choices(choice));
        }
        text_add(&spelled, "%.*s", (int)gap, text + length);
        text += length + gap;
    }
    const char *kept = string_keep(config, spelled ? spelled : "");
    arrfree(spelled);
    return kept;
}

static void string_assign(Config *config, const Key *key, const char **field, const cJSON *json,
                          Report *report) {
    if (!cJSON_IsString(json)) {
        value_wrong_type(key->path, "a string", json, report);
        return;
    }
    const char *value = key->choices ? string_spelled(config, key, json->valuestring)
                                     : string_keep(config, json->valuestring);
    double length = (double)strlen(value);
    if (length < key->min) {
        report_error(report, "%s is empty", key->path);
    } else if (length > key->max) {
        report_error(report, "%s has %.0f bytes; the limit is %.0f", key->path, length, key->max);
    } else {
        *field = value;
    }
}

/* The index of a word among the key's choices, -1 after an error. */
static int choice_read(const Key *key, const cJSON *json, Report *report) {
    const char *words[64] = {NULL};
    for (int i = 0; i < 63 && key->choices(i); i++) words[i] = key->choices(i);
    const int choice = cJSON_IsString(json) ? key_choice(key, json->valuestring) : -1;
    if (choice >= 0) return choice;
    char allowed[WORDS_SIZE], found[2 * SHOWN_SIZE];
    key_choices(key, allowed, sizeof allowed);
    describe(json, found, sizeof found);
    if (!cJSON_IsString(json)) {
        report_error(report, "%s must be a string, not %s (allowed: %s)", key->path, found,
                     allowed);
        return -1;
    }
    char shown[SHOWN_SIZE];
    const char *guess = name_nearest(json->valuestring, words);
    report_error(report, "%s: unknown value \"%s\"%s%s%s (allowed: %s)", key->path,
                 text_printable(json->valuestring, shown), guess ? "; did you mean \"" : "",
                 guess ? guess : "", guess ? "\"?" : "", allowed);
    return -1;
}

static void slots_assign(const Key *key, unsigned *field, const cJSON *json, Report *report) {
    if (!cJSON_IsArray(json)) {
        value_wrong_type(key->path, "a list of strings", json, report);
        return;
    }
    unsigned slots = 0;
    size_t node = node_first(report->node);
    const cJSON *item;
    cJSON_ArrayForEach(item, json) {
        report_value(report, node);
        node = node_next(report, node);
        int slot = choice_read(key, item, report);
        if (slot < 0) return;
        if (slots & 1u << slot) {
            report_error(report, "%s lists \"%s\" twice", key->path, key->choices(slot));
            return;
        }
        slots |= 1u << slot;
    }
    *field = slots;
}

/* The member `name` of a learned coefficient, a number of at least `least`; false if it is none. */
static bool learned_number(double *number, const cJSON *json, const char *path, double least,
                           Report *report) {
    if (!cJSON_IsNumber(json)) {
        char *member = text_format("%s.%s", path, json->string);
        value_wrong_type(member, "a number", json, report);
        mem_free(member);
        return false;
    }
    *number = json->valuedouble;
    if (*number >= least) return true;
    report_error(report, "%s.%s must be at least %.9g, not %.9g", path, json->string, least,
                 *number);
    return false;
}

static bool learned_kind(int *learn, const cJSON *json, const char *path, Report *report) {
    *learn = cJSON_IsString(json) ? name_index(learn_name, json->valuestring) : -1;
    if (*learn > LEARN_NOT) return true;
    report_error(report, "%s.learn must be \"scalar\", \"vector\" or \"shrink\"", path);
    return false;
}

/* {"learn": "scalar", "start": 1.0, "lr_scale": 1.0}, of which only `learn` must be there; `start`
 * is that of the term without the coefficient. */
static bool learned_assign(WireEntry *value, const char *path, const cJSON *json, Report *report) {
    const char *name = strrchr(value->key, '.');
    const int index = name ? name_index(coefficient_name, name + 1) : -1;
    bool has_start = false;
    value->lr_scale = 1;
    const cJSON *member;
    cJSON_ArrayForEach(member, json) {
        bool good = true;
        if (strcmp(member->string, "learn") == 0) {
            good = learned_kind(&value->learn, member, path, report);
        } else if (strcmp(member->string, "start") == 0) {
            good = has_start = learned_number(&value->number, member, path, -INFINITY, report);
        } else if (strcmp(member->string, "lr_scale") == 0) {
            good = learned_number(&value->lr_scale, member, path, 0, report);
        } else {
            char shown[SHOWN_SIZE];
            report_error(report, "%s: unknown key \"%s\" (allowed: learn, start, lr_scale)", path,
                         text_printable(member->string, shown));
            good = false;
        }
        if (!good) return false;
    }
    if (value->learn == LEARN_NOT) {
        report_error(report, "%s needs \"learn\": \"scalar\" or \"vector\"", path);
        return false;
    }
    if (!has_start && value->learn != LEARN_SHRINK && index >= 0)
        value->number = coefficient_neutral((CoefficientName)index);
    return true;
}

void value_assign_wire(Config *config, const char *entry, const cJSON *json, Report *report) {
    char path[2 * SHOWN_SIZE], shown[SHOWN_SIZE];
    snprintf(path, sizeof path, "model.wire.%s", text_printable(entry, shown));
    if (!cJSON_IsNumber(json) && !cJSON_IsString(json) && !cJSON_IsObject(json)) {
        value_wrong_type(path, "a string or a number or {\"learn\": ...}", json, report);
        return;
    }
    WireEntry value = {.key = string_keep(config, entry)};
    if (cJSON_IsObject(json)) {
        if (!learned_assign(&value, path, json, report)) return;
    } else if (cJSON_IsNumber(json)) {
        value.number = json->valuedouble;
    } else {
        const int word = name_meant(wire_word, NULL, json->valuestring);
        value.text = word >= 0 ? wire_word(word) : string_keep(config, json->valuestring);
    }
    /* Sorted by key, so that the order in the file makes no difference. */
    size_t i = 0, count = arrlenu(config->wire);
    while (i < count && strcmp(config->wire[i].key, entry) < 0) i++;
    if (i < count && strcmp(config->wire[i].key, entry) == 0) {
        config->wire[i] = value;
    } else {
        arrins(config->wire, i, value);
    }
    config->model.wire = config->wire;
    config->model.n_wire = arrlenu(config->wire);
}

static void wire_assign(Config *config, const Key *key, const cJSON *json, Report *report) {
    if (!cJSON_IsObject(json)) {
        value_wrong_type(key->path, "an object", json, report);
        return;
    }
    arrsetlen(config->wire, 0);
    config->model.n_wire = 0;
    size_t node = node_first(report->node);
    const cJSON *entry;
    cJSON_ArrayForEach(entry, json) {
        report_value(report, node);
        node = node_next(report, node);
        value_assign_wire(config, entry->string, entry, report);
    }
}

void value_assign(Config *config, const Key *key, const cJSON *json, Report *report) {
    void *field = (char *)config + key->offset;
    double number = 0;
    int choice = 0;
    switch (key->type) {
    case TYPE_SIZE:
        if (number_read(key, json, &number, report)) *(size_t *)field = (size_t)number;
        break;
    case TYPE_FLOAT:
        if (number_read(key, json, &number, report)) *(double *)field = number;
        break;
    case TYPE_BOOL:
        if (cJSON_IsBool(json)) {
            *(bool *)field = cJSON_IsTrue(json);
        } else {
            value_wrong_type(key->path, "true or false", json, report);
        }
        break;
    case TYPE_STRING:
        string_assign(config, key, (const char **)field, json, report);
        break;
    case TYPE_ENUM:
        choice = choice_read(key, json, report);
        if (choice >= 0) *(int *)field = choice;
        break;
    case TYPE_SLOTS:
        slots_assign(key, (unsigned *)field, json, report);
        break;
    case TYPE_WIRE:
        wire_assign(config, key, json, report);
        break;
    }
}

static void print_learned(FILE *out, const WireEntry *entry) {
    char number[JSON_EXACT];
    fprintf(out, "{\"learn\": \"%s\"", learn_name(entry->learn));
    fprintf(out, ", \"start\": %s", json_exact_text(entry->number, number));
    fprintf(out, ", \"lr_scale\": %s}", json_exact_text(entry->lr_scale, number));
}

static void print_wire(FILE *out, const ModelOptions *model) {
    char number[JSON_EXACT];
    Json json = {.out = out, .layout = JSON_INLINE};
    json_open(&json, NULL);
    for (size_t i = 0; i < model->n_wire; i++) {
        const WireEntry *entry = &model->wire[i];
        json_key(&json, entry->key);
        if (entry->text)
            json_print_string(out, entry->text);
        else if (entry->learn != LEARN_NOT)
            print_learned(out, entry);
        else
            fputs(json_exact_text(entry->number, number), out);
    }
    json_close(&json);
}

static void print_slots(FILE *out, const Key *key, unsigned slots) {
    Json json = {.out = out, .layout = JSON_INLINE};
    json_list_open(&json, NULL);
    for (int i = 0; key->choices(i); i++) {
        if (!(slots & 1u << i)) continue;
        json_item(&json);
        json_print_string(out, key->choices(i));
    }
    json_list_close(&json);
}

void value_print(FILE *out, const Config *config, const Key *key) {
    const void *field = (const char *)config + key->offset;
    char number[JSON_EXACT];
    switch (key->type) {
    case TYPE_SIZE:
        fprintf(out, "%zu", *(const size_t *)field);
        break;
    case TYPE_FLOAT:
        fputs(json_exact_text(*(const double *)field, number), out);
        break;
    case TYPE_BOOL:
        fputs(*(const bool *)field ? "true" : "false", out);
        break;
    case TYPE_STRING:
        json_print_string(out, *(const char *const *)field);
        break;
    case TYPE_ENUM:
        json_print_string(out, key->choices(*(const int *)field));
        break;
    case TYPE_SLOTS:
        print_slots(out, key, *(const unsigned *)field);
        break;
    case TYPE_WIRE:
        print_wire(out, &config->model);
        break;
    }
}

char *value_text(const Config *config, const Key *key) {
    TextOut text;
    value_print(text_begin(&text), config, key);
    return text_end(&text);
}

bool value_equal(const Config *a, const Config *b, const Key *key) {
    char *text_a = value_text(a, key), *text_b = value_text(b, key);
    bool equal = strcmp(text_a, text_b) == 0;
    mem_free(text_a);
    mem_free(text_b);
    return equal;
}

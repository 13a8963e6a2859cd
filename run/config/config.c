/* config.c - from files and --set to a checked Config, and back to text.
 *
 * One idea: defaults, base files, the file, --set and a checkpoint's metadata all go through the
 * same `apply`, in this order, and later values replace earlier ones. The rules between keys are
 * checked at the end. Ownership: see config.h. Read next: config_keys.c. */
#include "run/config/config.h"

#include "base/text_out.h"
#include "base/stb_ds.h"
#include "run/config/config_files.h"
#include "run/config/config_keys.h"
#include "run/config/config_read.h"
#include "run/config/config_rules.h"
#include "run/config/config_value.h"
#include "run/io/json_out.h"

#include <cJSON.h>
#include <errno.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { PATH_SIZE = 256, DEPTH_MAX = 16 };

static const char warmup_on[] =
    "{\"steps\": 5000, \"from\": 0.1, \"to\": 1.0, \"slots\": [\"in\", \"out\", \"post\"]}";
static const char warmup_off[] = "{\"steps\": 0}";

static void report_unknown(const char *path, size_t node, Report *report) {
    char shown[SHOWN_SIZE];
    report_key(report, node);
    text_printable(path, shown);
    const char *guess = report->errors < REPORT_MAX ? key_suggest(path) : NULL;
    report_error(report, "unknown key \"%s\"%s%s%s", shown, guess ? "; did you mean \"" : "",
                 guess ? guess : "", guess ? "\"?" : "");
}

static void apply(Config *config, const char *path, const cJSON *json, size_t node, Report *report);

/* Applies the members of an object. Only the top level, "", may have $schema and extends. */
static void apply_members(Config *config, const char *path, const cJSON *json, size_t node,
                          Report *report) {
    const cJSON *member;
    node = node_first(node);
    cJSON_ArrayForEach(member, json) {
        const char *word = member->string;
        const size_t here = node;
        node = node_next(report, node);
        if (!*path && (strcmp(word, "$schema") == 0 || strcmp(word, "extends") == 0)) continue;
        char full[PATH_SIZE], shown[SHOWN_SIZE];
        snprintf(full, sizeof full, "%s%s%s", path, *path ? "." : "", word);
        if (strchr(word, '.')) {
            report_key(report, here);
            report_error(report, "key \"%s\" contains a dot; write nested objects instead",
                         text_printable(full, shown));
        } else {
            apply(config, full, member, here, report);
        }
    }
}

/* Applies JSON text that is part of the program, not of a source. */
static void apply_text(Config *config, const char *path, const char *json, Report *report) {
    cJSON *value = cJSON_Parse(json);
    apply(config, path, value, JSON_NO_NODE, report);
    cJSON_Delete(value);
}

/* Sets the key, or the keys of the section, at `path`. */
static void apply(Config *config, const char *path, const cJSON *json, size_t node,
                  Report *report) {
    bool warmup = strcmp(path, "gamma_warmup") == 0;
    const Key *key = key_find(path);
    report_value(report, node);
    if (key) {
        value_assign(config, key, json, report);
    } else if (warmup && cJSON_IsBool(json)) {
        apply_text(config, path, cJSON_IsTrue(json) ? warmup_on : warmup_off, report);
    } else if (!key_is_section(path)) {
        report_unknown(path, node, report);
    } else if (!cJSON_IsObject(json)) {
        value_wrong_type(path, warmup ? "true, false or an object" : "an object", json, report);
    } else {
        apply_members(config, path, json, node, report);
    }
}

/* Applies "path=value", the text of `source`. */
static void apply_pair(Config *config, const char *path, Source *source, Report *report) {
    static const char wire[] = "model.wire.";
    bool in_wire = strncmp(path, wire, strlen(wire)) == 0;
    const Key *key = key_find(path);
    bool bare = key ? key->type == TYPE_STRING : !in_wire && !key_is_section(path);
    cJSON *json = json_parse_value(report, bare);
    if (!json) return;
    source->applied = ++report->applied;
    report_value(report, 0);
    if (in_wire) {
        value_assign_wire(config, path + strlen(wire), json, report);
    } else {
        apply(config, path, json, 0, report);
    }
    cJSON_Delete(json);
}

static void apply_set(Config *config, const char *set, Report *report) {
    char *text = NULL, *path = NULL;
    text_add(&text, "%s", set);
    Source *source = report_source(report, NULL, text);
    const char *equals = strchr(text, '=');
    source->key = equals ? (size_t)(equals - text) : 0;
    text_add(&path, "%.*s", (int)source->key, text);
    const char *invalid = text_invalid(path);
    if (!equals) {
        report_error(report, "expected --set key=value");
    } else if (invalid) {
        report_span(report, (JsonSpan){(size_t)(invalid - path), 1});
        report_error(report, "control character or invalid UTF-8 in the key");
    } else {
        apply_pair(config, path, source, report);
    }
    arrfree(path);
    report_return(report, NULL);
}

/* A file that is being read, and the chain of files that extend it. */
typedef struct Frame {
    const char *path;
    const struct Frame *parent; /* the file that extends this one; NULL = the first */
    size_t depth;
    dev_t device;
    ino_t inode;
} Frame;

static void apply_file(Config *config, const char *path, const Frame *parent, Report *report);

/* Applies the file that `root`, which was read from `frame`, extends. */
static void apply_base(Config *config, const cJSON *root, const Frame *frame, Report *report) {
    const cJSON *extends = cJSON_GetObjectItemCaseSensitive(root, "extends");
    const Source *source = report->source;
    if (!extends) return;
    report_value(report, json_find(&source->map, source->text, 0, "extends"));
    if (!cJSON_IsString(extends) || !extends->valuestring[0]) {
        value_wrong_type("extends", "the path of a config file", extends, report);
        return;
    }
    const char *slash = strrchr(frame->path, '/'), *name = extends->valuestring;
    int folder = slash && name[0] != '/' ? (int)(slash - frame->path) + 1 : 0;
    char *path = NULL;
    text_add(&path, "%.*s%s", folder, frame->path, name);
    apply_file(config, path, frame, report);
    arrfree(path);
}

/* Refuses chains that are circular or too long. */
static bool chain_check(const Frame *frame, Report *report) {
    if (frame->depth > DEPTH_MAX) {
        report_error(report, "extends chain of more than %d files", (int)DEPTH_MAX);
        return false;
    }
    for (const Frame *above = frame->parent; above; above = above->parent) {
        if (above->device != frame->device || above->inode != frame->inode) continue;
        report_error(report, "circular extends: %s already extends this file", frame->path);
        return false;
    }
    return true;
}

static void apply_file(Config *config, const char *path, const Frame *parent, Report *report) {
    struct stat status;
    if (stat(path, &status) != 0) {
        report_error(report, "%s %s: %s", parent ? "extends" : "cannot read", path,
                     strerror(errno));
        return;
    }
    Frame frame = {path, parent, parent ? parent->depth + 1 : 1, status.st_dev, status.st_ino};
    if (!chain_check(&frame, report)) return;
    char *text = file_read(path, report);
    if (!text) return;

    Source *above = report->source, *source = report_source(report, path, text);
    cJSON *root = json_parse(report);
    if (root) {
        apply_base(config, root, &frame, report);
        report_return(report, source);
        source->applied = ++report->applied;
        apply_members(config, "", root, 0, report);
    }
    cJSON_Delete(root);
    report_return(report, above);
}

static void apply_defaults(Config *config, Report *report) {
    *config = (Config){0};
    report->origin = "defaults";
    for (size_t i = 0; key_at(i); i++) {
        apply_text(config, key_at(i)->path, key_at(i)->default_json, report);
    }
}

/* Checks the rules between keys if all values are valid by themselves, and ends the report. Frees
 * the config after an error. */
static bool config_finish(Config *config, const char *origin, Report *report) {
    report_return(report, NULL);
    report->origin = origin;
    if (!report->errors) rules_check(config, report);
    if (report_finish(report)) return true;
    config_free(config);
    return false;
}

void config_start(void) {
    cJSON_InitHooks(&(cJSON_Hooks){.malloc_fn = mem_alloc, .free_fn = mem_free});
}

bool config_load(Config *config, const char *path, const char *const *sets, size_t n_sets) {
    Report report = {0};
    apply_defaults(config, &report);
    report.origin = path;
    char *found = config_find(path, &report);
    if (found) {
        char *name = config_base(found);
        config->name = string_keep(config, name);
        mem_free(name);
        apply_file(config, found, NULL, &report);
        for (size_t i = 0; i < n_sets; i++) apply_set(config, sets[i], &report);
    }
    const bool valid = config_finish(config, found ? found : path, &report);
    mem_free(found);
    return valid;
}

bool config_parse_with(Config *config, const char *json, const char *name, const char *const *sets,
                       size_t n_sets) {
    Report report = {0};
    apply_defaults(config, &report);
    char *text = NULL;
    text_add(&text, "%s", json);
    Source *source = report_source(&report, name, text);
    cJSON *root = json_parse(&report);
    if (root) {
        source->applied = ++report.applied;
        apply_members(config, "", root, 0, &report);
        size_t extends = json_find(&source->map, text, 0, "extends");
        report_value(&report, extends);
        if (extends != JSON_NO_NODE) {
            report_error(&report, "extends needs a config file; this text is not in a file");
        }
    }
    cJSON_Delete(root);
    report_return(&report, NULL);
    for (size_t i = 0; i < n_sets; i++) apply_set(config, sets[i], &report);
    return config_finish(config, name, &report);
}

bool config_parse(Config *config, const char *json, const char *name) {
    return config_parse_with(config, json, name, NULL, 0);
}

void config_free(Config *config) {
    for (size_t i = 0; i < arrlenu(config->strings); i++) mem_free(config->strings[i]);
    arrfree(config->strings);
    arrfree(config->wire);
    *config = (Config){0};
}

/* The length of the section of a path, 0 at the top level. */
static int section_length(const char *path) {
    const char *dot = strchr(path, '.');
    return dot ? (int)(dot - path) : 0;
}

char *config_json(const Config *config, ConfigScope scope) {
    TextOut text;
    Json json = {.out = text_begin(&text)};
    char section[PATH_SIZE] = ""; /* the one that is open */
    json_open(&json, NULL);
    for (size_t i = 0; key_at(i); i++) {
        const Key *key = key_at(i);
        if (scope == CONFIG_IDENTITY && key->aside) continue;
        char name[PATH_SIZE];
        int length = section_length(key->path);
        snprintf(name, sizeof name, "%.*s", length, key->path);
        if (strcmp(name, section) != 0) {
            if (*section) json_close(&json);
            json_open(&json, name);
            strcpy(section, name);
        }
        json_key(&json, key->path + length + (length > 0));
        value_print(json.out, config, key);
    }
    json_close(&json);
    json_close(&json);
    fputc('\n', json.out);
    return text_end(&text);
}

static bool difference_counts(const Key *key, Difference which) {
    if (which == DIFFERENCE_MOVED && key->place) return false;
    if (which == DIFFERENCE_RESUME || which == DIFFERENCE_MOVED)
        return !key->aside && !key->may_grow;
    return which == DIFFERENCE_ANY || !key->machine;
}

const char *config_difference(const Config *a, const Config *b, Difference which) {
    for (size_t i = 0; key_at(i); i++) {
        const Key *key = key_at(i);
        if (difference_counts(key, which) && !value_equal(a, b, key)) return key->path;
    }
    return NULL;
}

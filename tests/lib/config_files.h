/* config_files.h - shared by the tests of the config: temporary config files, and stderr captured
 * while they are loaded. */
#ifndef TESTS_LIB_CONFIG_FILES_H
#define TESTS_LIB_CONFIG_FILES_H

#include "run/config/config.h"
#include "run/config/config_value.h"
#include "tests/lib/test.h"

#include <unistd.h>

#define SETS(...) ((const char *const[]){__VA_ARGS__, NULL})
#define NO_SETS ((const char *const[]){NULL})

static char printed[1 << 16]; /* stderr of the last load */
static char folder[64];

static inline void remove_folder(void) {
    char command[128];
    snprintf(command, sizeof command, "rm -r %s", folder);
    if (system(command) != 0) fprintf(stderr, "%s is left\n", folder);
}

/* The path of `name` in the temporary folder, valid until the fourth call after this one. */
static inline const char *in_folder(const char *name) {
    static char paths[4][256];
    static int next;
    char *path = paths[next++ % 4];
    if (!folder[0]) {
        strcpy(folder, "/tmp/test_config_XXXXXX");
        if (!mkdtemp(folder) || atexit(remove_folder) != 0) abort();
    }
    snprintf(path, sizeof paths[0], "%s/%s", folder, name);
    return path;
}

static inline const char *put_bytes(const char *name, const char *bytes, size_t length) {
    const char *path = in_folder(name);
    FILE *file = fopen(path, "wb");
    if (!file || fwrite(bytes, 1, length, file) != length || fclose(file) != 0) abort();
    return path;
}

static inline const char *put(const char *name, const char *text) {
    return put_bytes(name, text, strlen(text));
}

static inline FILE *catch_stderr(int *saved) {
    FILE *caught = tmpfile();
    fflush(stderr);
    *saved = dup(STDERR_FILENO);
    dup2(fileno(caught), STDERR_FILENO);
    return caught;
}

static inline void release_stderr(FILE *caught, int saved) {
    fflush(stderr);
    dup2(saved, STDERR_FILENO);
    close(saved);
    rewind(caught);
    size_t length = fread(printed, 1, sizeof printed - 1, caught);
    printed[length] = '\0';
    fclose(caught);
}

static inline bool load(Config *config, const char *path, const char *const *sets) {
    size_t count = 0;
    while (sets[count]) count++;
    int saved;
    FILE *caught = catch_stderr(&saved);
    bool loaded = config_load(config, path, sets, count);
    if (loaded) config_warn(config);
    release_stderr(caught, saved);
    return loaded;
}

static inline bool load_text(Config *config, const char *json, const char *const *sets) {
    return load(config, put("x.json", json), sets);
}

/* Loads a config; exits if it is refused, because the test cannot continue without it. */
static inline void must_load(Config *config, const char *json, const char *const *sets) {
    if (load_text(config, json, sets)) return;
    printf("FAIL          %s was refused:\n%s", json, printed);
    exit(1);
}

static inline bool parse(Config *config, const char *json) {
    int saved;
    FILE *caught = catch_stderr(&saved);
    bool parsed = config_parse(config, json, "memory");
    release_stderr(caught, saved);
    return parsed;
}

static inline size_t occurrences(const char *text, const char *part) {
    size_t count = 0;
    for (const char *at = text; (at = strstr(at, part)); at += strlen(part)) count++;
    return count;
}

/* Loads `json` (or `set` over an empty file), and expects an error that contains `message`. */
static inline void check_error(const char *json, const char *set, const char *message) {
    Config config;
    bool loaded = load_text(&config, json ? json : "{}", set ? SETS(set) : NO_SETS);
    CHECK(!loaded, "%s%s was accepted", json ? json : "--set ", set ? set : "");
    CHECK(strstr(printed, message), "wanted <%s>, got <%s>", message, printed);
    CHECK(occurrences(printed, "nothing was written. ./train --list keys shows every key.\n") == 1,
          "%s", printed);
    CHECK(loaded || (!config.strings && !config.wire), "memory is left");
    if (loaded) config_free(&config);
}

/* {"section": {"word": value}} */
static inline void nest(char *text, size_t size, const char *path, const char *json) {
    const char *dot = strchr(path, '.');
    if (dot) {
        snprintf(text, size, "{\"%.*s\": {\"%s\": %s}}", (int)(dot - path), path, dot + 1, json);
    } else {
        snprintf(text, size, "{\"%s\": %s}", path, json);
    }
}

static inline void check_value(const Config *config, const char *path, const char *want) {
    char *text = value_text(config, key_find(path));
    CHECK(strcmp(text, want) == 0, "%s is %s, want %s", path, text, want);
    mem_free(text);
}

#endif

/* find.c - see find.h. */
#include "data/find.h"

#include "base/words.h"
#include "base/stb_ds.h"

#include <dirent.h>
#include <errno.h>
#include <glob.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

_Noreturn void find_failed(const char *key, const char *name) {
    bool missing = errno == ENOENT || errno == ENOTDIR;
    die(missing ? EXIT_DATA : EXIT_IO, "%s = \"%s\": %s%s", key, name, strerror(errno),
        missing ? "; give a file, a folder or a pattern, or \"builtin:stories\", which needs none"
                : "");
}

static char *text_copy(const char *text) {
    return strcpy(mem_alloc(strlen(text) + 1), text);
}

/* Whether the file `name` of a folder is data: by its suffix, and unless it is hidden. */
static bool is_shard(const char *name, DataFormat format) {
    bool text = format == FORMAT_AUTO || format == FORMAT_TEXT;
    bool numbers = format != FORMAT_TEXT;
    return name[0] != '.' &&
           ((text && name_ends_with(name, ".txt")) || (numbers && name_ends_with(name, ".bin")));
}

static char **list_folder(const char *key, const char *folder, DataFormat format) {
    DIR *stream = opendir(folder);
    if (!stream) find_failed(key, folder);
    char **names = NULL;
    const char *slash = name_ends_with(folder, "/") ? "" : "/";
    for (struct dirent *entry; (entry = readdir(stream));) {
        if (!is_shard(entry->d_name, format)) continue;
        size_t size = strlen(folder) + strlen(entry->d_name) + 2;
        char *name = mem_alloc(size);
        snprintf(name, size, "%s%s%s", folder, slash, entry->d_name);
        struct stat status;
        if (stat(name, &status) != 0) find_failed(key, name);
        if (S_ISREG(status.st_mode)) {
            arrput(names, name);
        } else {
            mem_free(name);
        }
    }
    closedir(stream);
    if (!names) {
        die(EXIT_DATA,
            "%s = \"%s\": this folder has no .txt or .bin file for data.format = %s; use a "
            "pattern such as \"%s%s*.tok\" for other suffixes",
            key, folder, data_format_name((int)format), folder, slash);
    }
    return names;
}

size_t find_skipped(const char *spec, DataFormat format, char **first) {
    size_t skipped = 0;
    DIR *stream = opendir(spec);
    *first = NULL;
    if (!stream) return 0;
    for (struct dirent *entry; (entry = readdir(stream));) {
        struct stat status;
        const char *name = entry->d_name;
        if (name[0] == '.') continue;
        if (is_shard(name, format) && fstatat(dirfd(stream), name, &status, 0) == 0 &&
            S_ISREG(status.st_mode)) {
            continue;
        }
        skipped++;
        if (*first && strcmp(name, *first) >= 0) continue;
        mem_free(*first);
        *first = text_copy(name);
    }
    closedir(stream);
    return skipped;
}

static char **list_pattern(const char *key, const char *pattern) {
    glob_t found;
    int result = glob(pattern, GLOB_ERR, NULL, &found);
    if (result == GLOB_NOMATCH) {
        die(EXIT_DATA, "%s = \"%s\": no file matches this pattern", key, pattern);
    }
    if (result != 0) find_failed(key, pattern);
    char **names = NULL;
    for (size_t i = 0; i < found.gl_pathc; i++) arrput(names, text_copy(found.gl_pathv[i]));
    globfree(&found);
    return names;
}

static int by_name(const void *a, const void *b) {
    return strcmp(*(char *const *)a, *(char *const *)b);
}

/* An existing file takes precedence over a pattern: its name may contain *, ? or [. */
char **find_files(const char *key, const char *spec, DataFormat format) {
    struct stat status;
    char **names = NULL;
    if (stat(spec, &status) != 0) {
        if (!strpbrk(spec, "*?[")) find_failed(key, spec);
        names = list_pattern(key, spec);
    } else if (S_ISDIR(status.st_mode)) {
        names = list_folder(key, spec, format);
    } else {
        arrput(names, text_copy(spec));
    }
    qsort(names, arrlenu(names), sizeof *names, by_name);
    return names;
}

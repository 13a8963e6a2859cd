/* config_files.c - see config_files.h. */
#include "run/config/config_files.h"

#include "base/base.h"
#include "base/program.h"
#include "base/stb_ds.h"
#include "base/text_out.h"
#include "base/words.h"
#include "run/io/files.h"

#include <dirent.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

static const char ENDING[] = ".json", SCHEMA[] = "schema.json";

static bool is_file(const char *path) {
    struct stat status;
    return stat(path, &status) == 0 && !S_ISDIR(status.st_mode);
}

static bool is_folder(const char *path) {
    struct stat status;
    return stat(path, &status) == 0 && S_ISDIR(status.st_mode);
}

bool config_has_ending(const char *name) {
    const size_t length = strlen(name), ending = strlen(ENDING);
    return length > ending && strcmp(name + length - ending, ENDING) == 0;
}

static const char *after_folders(const char *path) {
    const char *slash = strrchr(path, '/');
    return slash ? slash + 1 : path;
}

char *config_base(const char *path) {
    const char *base = after_folders(path);
    const size_t ending = config_has_ending(base) ? strlen(ENDING) : 0;
    return text_format("%.*s", (int)(strlen(base) - ending), base);
}

/* Where `make install` puts the files of PREFIX/bin/peri-train, with a / at the end; "" if it is not
 * installed. For mem_free. */
static char *installed_folder(const char *kind) {
    const char *program = program_path();
    size_t length = strlen(program);
    for (int parts = 0; length && parts < 2; length--) parts += program[length - 1] == '/';
    char *folder = text_format("%.*s/share/peri/%s/", (int)length, program, kind);
    if (!is_folder(folder)) *folder = '\0';
    return folder;
}

/* --- lists --- */

/* Adds the configs of a folder ("" = the current one), except those whose file name is in `files`
 * already. */
static void add_folder(char ***files, const char *folder) {
    DIR *stream = opendir(*folder ? folder : ".");
    if (!stream) return;
    for (struct dirent *entry; (entry = readdir(stream));) {
        const char *name = entry->d_name;
        bool other = name[0] == '.' || !config_has_ending(name) || strcmp(name, SCHEMA) == 0;
        for (size_t i = 0; i < arrlenu(*files) && !other; i++)
            other = strcmp(after_folders((*files)[i]), name) == 0;
        if (other) continue;
        char *path = text_format("%s%s", folder, name);
        if (is_file(path)) {
            arrput(*files, path);
        } else {
            mem_free(path);
        }
    }
    closedir(stream);
}

static int by_name(const void *a, const void *b) {
    return strcmp(after_folders(*(char *const *)a), after_folders(*(char *const *)b));
}

static void sort(char **files) {
    if (files) qsort(files, arrlenu(files), sizeof *files, by_name);
}

char **config_files(const char *kind) {
    char **files = NULL, *folder = text_format("%s/", kind), *installed = installed_folder(kind);
    add_folder(&files, folder);
    if (*installed) add_folder(&files, installed);
    sort(files);
    mem_free(folder);
    mem_free(installed);
    return files;
}

void config_files_free(char **files) {
    for (size_t i = 0; i < arrlenu(files); i++) mem_free(files[i]);
    arrfree(files);
}

char *config_about(const char *path) {
    size_t size;
    char *text = file_contents(path, JSON_LENGTH_MAX, &size);
    const bool comment = text && strncmp(text, "//", 2) == 0;
    const char *line = comment ? text + 2 + strspn(text + 2, " ") : "";
    char *about = text_format("%.*s", (int)strcspn(line, "\r\n"), line);
    mem_free(text);
    return about;
}

/* --- search --- */

/* The config with the name nearest to `name` in the folders that were searched, for mem_free; NULL if
 * none is near. */
static char *nearest(const char *name, const char *installed) {
    const char **bases = NULL;
    char **files = NULL, *wanted = config_base(name), *near = NULL;
    char *own = text_format("%.*s", (int)(after_folders(name) - name), name);
    add_folder(&files, own);
    add_folder(&files, "configs/");
    if (*installed) add_folder(&files, installed);
    sort(files);
    for (size_t i = 0; i < arrlenu(files); i++) arrput(bases, config_base(files[i]));
    arrput(bases, NULL);
    const char *base = name_nearest(wanted, bases);
    for (size_t i = 0; i < arrlenu(files); i++) {
        if (bases[i] == base) near = text_format("%s", files[i]);
        mem_free((char *)bases[i]);
    }
    arrfree(bases);
    config_files_free(files);
    mem_free(wanted);
    mem_free(own);
    return near;
}

static void report_missing(const char *name, const char *tried, const char *installed,
                           Report *report) {
    char *inside = text_format("%s/config.json", name);
    char *near = is_folder(name) ? NULL : nearest(name, installed);
    if (is_file(inside))
        report_error(report, "%s is the folder of a run; --resume %s continues it", name, name);
    else
        report_error(report, "no such config file; tried %s; %s%s%s", tried,
                     near ? "did you mean " : program_name(), near ? near : " --list configs",
                     near ? "?" : " lists those that come with it");
    mem_free(inside);
    mem_free(near);
}

char *config_find(const char *name, Report *report) {
    char *installed = installed_folder("configs"), *found = NULL, *tried = NULL;
    const char *const folders[] = {"", "configs/", installed};
    for (size_t i = 0; i < 6 && !found; i++) { /* 3 folders, then the same with .json */
        const char *folder = folders[i % 3], *ending = i < 3 ? "" : ENDING;
        bool useless = (i % 3 > 0 && (!*folder || name[0] == '/')) ||
                       (i >= 3 && (config_has_ending(name) || !*name));
        if (useless) continue;
        char *path = text_format("%s%s%s", folder, name, ending);
        text_add(&tried, "%s%s", i ? ", " : "", path);
        if (is_file(path))
            found = path;
        else
            mem_free(path);
    }
    if (!found) report_missing(name, tried, installed, report);
    arrfree(tried);
    mem_free(installed);
    return found;
}

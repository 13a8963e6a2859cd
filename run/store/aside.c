/* aside.c - see aside.h. */
#include "run/store/aside.h"

#include "base/base.h"
#include "base/stb_ds.h"
#include "base/text_out.h"
#include "run/io/files.h"
#include "run/io/move.h"
#include "run/store/checkpoint.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static const char FOLDER[] = ".old-run", COMPLETE[] = "complete", COMPLETE_TMP[] = "complete.tmp";

/* What belongs to a run, by folder; `many` = all names that begin so. LOCK stays. */
static const struct {
    const char *folder, *name;
    bool many;
} OWN[] = {
    {".", "log.csv", false},        {".", "spikes.csv", false},
    {".", "layers.csv", false},     {".", "tensors.csv", false},
    {".", "run.json", false},       {".", "config.json", false},
    {"checkpoints", "step_", true}, {"checkpoints", "latest", false},
    {"replay", "step_", true},      {"checkpoints", "tokenizer.json", false},
};
enum { OWN_COUNT = sizeof OWN / sizeof *OWN };

/* Files inside a folder of `replay`, and what crashes leave. */
static const char *const REPLAYED[] = {"layers.csv", "tensors.csv", "log.csv", "spikes.csv",
                                       "rows.csv"};
static const char *const LEFTOVERS[] = {"run.json.tmp", "config.json.tmp", "checkpoints/latest.tmp",
                                        "replay/LOCK"};

static char *pending; /* the folder whose replacement this process has not settled */

/* --- lists and errors --- */

/* The first error is kept; a file that does not exist is none. */
static void note(int *error, int failed) {
    if (failed && errno != ENOENT && errno != ENOTDIR && !*error) *error = errno;
}

/* The names of entry `i` of OWN that are in `dir` (stb_ds array of texts for mem_free). */
static char **names_of(const char *dir, size_t i, int *error) {
    char **names = NULL, *path = text_format("%s/%s", dir, OWN[i].folder);
    size_t length = strlen(OWN[i].name);
    DIR *folder = opendir(path);
    if (!folder) note(error, 1);
    for (const struct dirent *entry; folder && (entry = readdir(folder));) {
        bool same = OWN[i].many ? strncmp(entry->d_name, OWN[i].name, length) == 0
                                : strcmp(entry->d_name, OWN[i].name) == 0;
        if (same) arrput(names, text_format("%s", entry->d_name));
    }
    if (folder) closedir(folder);
    mem_free(path);
    return names;
}

static void free_names(char **names) {
    for (size_t i = 0; i < arrlenu(names); i++) mem_free(names[i]);
    arrfree(names);
}

static void unlink_in(const char *dir, const char *name, int *error) {
    char *path = text_format("%s/%s", dir, name);
    note(error, path_unlink(path));
    mem_free(path);
}

/* Removes a folder if it is empty. */
static void drop_folder(const char *dir, const char *name) {
    char *path = text_format("%s/%s", dir, name);
    path_rmdir(path);
    mem_free(path);
}

/* --- moving and removing --- */

static void move_path(const char *old, const char *new, int *error);

/* Moves the entries of a folder one by one: layered file systems cannot rename some folders. */
static void move_entries(const char *old, const char *new, int *error) {
    int failed = folder_create(new);
    DIR *folder = failed ? NULL : opendir(old);
    if (!folder && !*error) *error = failed ? failed : errno;
    for (const struct dirent *entry; folder && !*error && (entry = readdir(folder));) {
        if (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0) continue;
        char *from = text_format("%s/%s", old, entry->d_name),
             *to = text_format("%s/%s", new, entry->d_name);
        move_path(from, to, error);
        mem_free(from);
        mem_free(to);
    }
    if (folder) closedir(folder);
    if (!*error) *error = folder_sync(new);
    path_rmdir(old);
}

/* A file that is in both places stays in both. */
static void move_path(const char *old, const char *new, int *error) {
    struct stat from, to;
    if (*error) return;
    bool taken = lstat(new, &to) == 0, folder = lstat(old, &from) == 0 && S_ISDIR(from.st_mode);
    if (taken && !(folder && S_ISDIR(to.st_mode))) {
        fprintf(stderr, "train: warning: %s is there already, so %s stays\n", new, old);
    } else if (taken) {
        move_entries(old, new, error);
    } else if (!folder) {
        *error = file_move(old, new);
    } else if (rename(old, new)) {
        if (errno == EXDEV)
            move_entries(old, new, error);
        else
            *error = errno;
    }
}

static void move_one(const char *from, const char *to, const char *folder, const char *name,
                     int *error) {
    char *old = text_format("%s/%s/%s", from, folder, name),
         *new = text_format("%s/%s/%s", to, folder, name);
    move_path(old, new, error);
    mem_free(old);
    mem_free(new);
}

/* Moves every file of a run; all names are then on disk. Returns 0 or the first errno. */
static int move_own(const char *from, const char *to) {
    int error = 0;
    for (size_t i = 0; i < OWN_COUNT; i++) {
        char **names = names_of(from, i, &error);
        char *source = text_format("%s/%s", from, OWN[i].folder),
             *target = text_format("%s/%s", to, OWN[i].folder);
        if (names && !error) error = folder_add(target);
        for (size_t k = 0; !error && k < arrlenu(names); k++)
            move_one(from, to, OWN[i].folder, names[k], &error);
        if (names && !error) error = folder_sync(target);
        if (names && !error) error = folder_sync(source);
        mem_free(source);
        mem_free(target);
        free_names(names);
    }
    return error;
}

static void remove_replay(const char *dir, const char *name, int *error) {
    char *folder = text_format("%s/replay/%s", dir, name);
    for (size_t i = 0; i < sizeof REPLAYED / sizeof *REPLAYED; i++)
        unlink_in(folder, REPLAYED[i], error);
    path_rmdir(folder);
    mem_free(folder);
}

/* Removes every file of a run. Returns 0 or the first errno. */
static int remove_own(const char *dir) {
    int error = 0;
    checkpoint_clean(dir);
    checkpoint_prune(dir, SIZE_MAX, &(CheckpointKeep){.newest = 0});
    for (size_t i = 0; i < OWN_COUNT; i++) {
        char **names = names_of(dir, i, &error);
        for (size_t k = 0; k < arrlenu(names); k++) {
            char *name = text_format("%s/%s", OWN[i].folder, names[k]);
            if (!OWN[i].many)
                unlink_in(dir, name, &error);
            else if (strcmp(OWN[i].folder, "replay") == 0)
                remove_replay(dir, names[k], &error);
            mem_free(name);
        }
        free_names(names);
    }
    for (size_t i = 0; i < sizeof LEFTOVERS / sizeof *LEFTOVERS; i++)
        unlink_in(dir, LEFTOVERS[i], &error);
    drop_folder(dir, "checkpoints");
    drop_folder(dir, "replay");
    return error ? error : folder_sync(dir);
}

/* --- settling --- */

/* Moves the files of the run that did not become one to a folder of its own. */
static int keep_own(const char *dir) {
    char *folder = NULL;
    for (int n = 1; !folder; n++) {
        folder = text_format("%s/replaced-%d", dir, n);
        if (access(folder, F_OK) == 0) {
            mem_free(folder);
            folder = NULL;
        }
    }
    int error = folder_add(folder);
    if (!error) error = move_own(dir, folder);
    if (!error) fprintf(stderr, "train: note: the logs of the new run are in %s\n", folder);
    mem_free(folder);
    return error;
}

static int put_back(const char *dir, const char *old, bool complete, bool keep) {
    int error = 0;
    if (complete) {
        if (keep) error = keep_own(dir);
        if (!error) error = remove_own(dir);
        if (!error) unlink_in(old, COMPLETE, &error);
        if (!error) error = folder_sync(old);
    }
    if (!error) error = move_own(old, dir);
    if (!error) fprintf(stderr, "train: note: the old run in %s is back\n", dir);
    return error;
}

static int settle(const char *dir, bool keep) {
    char *old = text_format("%s/%s", dir, FOLDER), *mark = text_format("%s/%s", old, COMPLETE);
    int error = 0;
    bool complete = access(mark, F_OK) == 0;
    bool replaced = checkpoint_exists(dir, &error) && complete;
    if (!error && replaced) {
        error = remove_own(old);
        if (!error && checkpoint_exists(old, &error)) error = EBUSY; /* removing one has failed */
        if (!error) unlink_in(old, COMPLETE, &error);
    } else if (!error) {
        error = put_back(dir, old, complete, keep);
    }
    if (!error) {
        unlink_in(old, COMPLETE_TMP, &error);
        drop_folder(old, "checkpoints");
        drop_folder(old, "replay");
        path_rmdir(old);
    }
    mem_free(mark);
    mem_free(old);
    return error;
}

void aside_settle(bool keep) {
    char *dir = pending;
    if (!dir) return;
    pending = NULL;
    int error = settle(dir, keep);
    if (error) {
        fprintf(
            stderr,
            "train: warning: cannot settle the replacement of the run in %s: %s; the next start "
            "there does, and its files are in %s/%s\n",
            dir, strerror(error), dir, FOLDER);
    }
    mem_free(dir);
}

static void settle_at_exit(void) {
    aside_settle(false);
}

bool aside_pending(const char *dir) {
    char *old = text_format("%s/%s", dir, FOLDER);
    bool there = access(old, F_OK) == 0;
    mem_free(old);
    return there;
}

void aside_recover(const char *dir) {
    int error = settle(dir, false);
    if (error)
        die(EXIT_IO, "cannot put back the old run in %s/%s: %s", dir, FOLDER, strerror(error));
}

static bool has_own(const char *dir) {
    bool any = false;
    int error = 0;
    for (size_t i = 0; !any && i < OWN_COUNT; i++) {
        char **names = names_of(dir, i, &error);
        any = names != NULL;
        free_names(names);
    }
    return any;
}

void aside_move(const char *dir) {
    static bool registered;
    if (!has_own(dir)) return;
    char *old = text_format("%s/%s", dir, FOLDER), *mark = text_format("%s/%s", old, COMPLETE);
    if (!registered && atexit(settle_at_exit)) die(EXIT_INTERNAL, "atexit failed");
    registered = true;
    pending = text_format("%s", dir);
    checkpoint_clean(dir);
    int error = folder_add(old);
    if (!error) error = move_own(dir, old);
    if (!error) error = file_replace(mark, "", 0);
    for (size_t i = 0; i < sizeof LEFTOVERS / sizeof *LEFTOVERS; i++)
        if (!error) unlink_in(dir, LEFTOVERS[i], &error);
    drop_folder(dir, "replay");
    if (error) die(EXIT_IO, "cannot move the old run in %s to %s: %s", dir, old, strerror(error));
    mem_free(mark);
    mem_free(old);
}

/* rundir.c - see rundir.h. */
#include "run/store/rundir.h"

#include "base/text_out.h"
#include "run/io/files.h"
#include "run/io/lock.h"
#include "run/log/manifest.h"
#include "run/store/checkpoint.h"

#include <errno.h>
#include <fcntl.h>
#include <glob.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

char *rundir_path(const Config *config, const char *override) {
    return override ? text_format("%s", override)
                    : text_format("%s/%s", config->log.dir, config->name);
}

void rundir_config(Config *config, const char *dir, const char *const *sets, size_t n_sets) {
    char *path = text_format("%s/config.json", dir);
    if (access(path, F_OK) != 0)
        die(EXIT_DATA, "%s has no config.json: is it a run directory?", dir);
    if (!config_load(config, path, sets, n_sets)) exit(EXIT_USAGE);
    mem_free(path);
}

bool rundir_may_set(const char *set, const char *const *keys) {
    const char *equals = strchr(set, '=');
    size_t length = equals ? (size_t)(equals - set) : strlen(set);
    for (; *keys; keys++) {
        size_t own = strlen(*keys);
        bool section = (*keys)[own - 1] == '.';
        if (strncmp(set, *keys, own) == 0 && (section || own == length)) return true;
    }
    return false;
}

/* --- checking an existing folder --- */

/* Whether the run in `dir` is finished. A run that `mode` does not allow ends the program. */
static bool run_is_finished(const char *dir, const char *config_path, const Config *config,
                            RundirMode mode) {
    Config old;
    size_t step = 0, steps = config->train.steps;
    if (!config_load(&old, config_path, NULL, 0)) {
        die(EXIT_USAGE, "%s exists, but its config.json cannot be read; --overwrite replaces it",
            dir);
    }
    const char *key =
        config_difference(&old, config, mode == RUNDIR_RESUME ? DIFFERENCE_RESUME : DIFFERENCE_RUN);
    if (key) {
        die(EXIT_USAGE,
            "%s contains a run with another config: %s differs; choose another name or --run-dir, "
            "or replace the run with --overwrite",
            dir, key);
    }
    config_free(&old);
    bool any = checkpoint_latest(dir, &step);
    if (any && step > steps) {
        die(EXIT_USAGE, "%s is already at step %zu, more than train.steps = %zu", dir, step, steps);
    }
    if (any && step == steps && manifest_ended(dir)) return true;
    if (mode != RUNDIR_RESUME) {
        die(EXIT_USAGE,
            "%s contains an unfinished run; --resume continues it, --overwrite replaces it", dir);
    }
    return false;
}

bool rundir_check(const char *dir, const Config *config, RundirMode mode) {
    char *path = text_format("%s/config.json", dir);
    bool exists = access(path, F_OK) == 0 || (errno != ENOENT && errno != ENOTDIR);
    bool wanted = mode == RUNDIR_OVERWRITE || !exists || !run_is_finished(dir, path, config, mode);
    mem_free(path);
    return wanted;
}

/* --- writing --- */

void rundir_lock(const char *dir, const char *advice) {
    char *path = text_format("%s/LOCK", dir), owner[32] = "";
    int fd = fd_open(path, O_RDWR | O_CREAT);
    if (fd < 0) die(EXIT_IO, "cannot open %s: %s", path, strerror(errno));
    int error = lock_take(fd, path, owner, sizeof owner);
    if (error == EWOULDBLOCK)
        die(EXIT_USAGE, "%s is being written by process %s; %s", dir, owner, advice);
    if (error) die(EXIT_IO, "cannot lock %s: %s", path, strerror(error));
    mem_free(path);
}

/* Files of a run besides its logs and checkpoints. --overwrite removes nothing else. */
static const char *const FILES[] = {
    "run.json",       "config.json",   "*.tmp",         "checkpoints/latest*", "checkpoints",
    "replay/*/*.csv", "replay/step_*", "replay/.tmp-*", "replay/LOCK",         "replay"};

static void remove_matching(const char *dir, const char *name) {
    char *pattern = text_format("%s/%s", dir, name);
    glob_t found;
    if (glob(pattern, 0, NULL, &found) == 0) {
        for (size_t i = 0; i < found.gl_pathc; i++) {
            if (remove(found.gl_pathv[i]) && errno != ENOTEMPTY && errno != EEXIST) {
                die(EXIT_IO, "cannot remove %s: %s", found.gl_pathv[i], strerror(errno));
            }
        }
        globfree(&found);
    }
    mem_free(pattern);
}

static void remove_run(const char *dir) {
    checkpoint_clean(dir);
    checkpoint_prune(dir, SIZE_MAX, 0, 0);
    for (int i = 0; runlog_name(i); i++) remove_matching(dir, runlog_name(i));
    for (size_t i = 0; i < sizeof FILES / sizeof *FILES; i++) remove_matching(dir, FILES[i]);
}

static void write_config(const char *dir, const Config *config) {
    char *path = text_format("%s/config.json", dir), *json = config_json(config, CONFIG_FULL);
    int error = file_replace(path, json, strlen(json));
    if (error) die(EXIT_IO, "cannot write %s: %s", path, strerror(error));
    mem_free(json);
    mem_free(path);
}

bool rundir_make(const char *dir, const Config *config, RundirMode mode) {
    folder_make(dir);
    rundir_lock(dir, "wait for it or choose another --run-dir");
    if (!rundir_check(dir, config, mode)) return false;
    if (mode == RUNDIR_OVERWRITE)
        remove_run(dir);
    else
        checkpoint_clean(dir);
    write_config(dir, config);
    return true;
}

/* rundir.c - see rundir.h. */
#include "run/rundir.h"

#include "run/checkpoint.h"
#include "run/files.h"

#include <errno.h>
#include <glob.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

char *rundir_path(const Config *config, const char *override) {
    return override ? path_format("%s", override)
                    : path_format("%s/%s", config->log.dir, config->name);
}

/* Files that a run writes; nothing else in the folder is touched. Folders come after their files.
 */
static const char *const FILES[] = {
    "log.csv",
    "spikes.csv",
    "run.json",
    "config.json",
    "*.tmp",
    "checkpoints/latest",
    "checkpoints/*.tmp",
    "checkpoints/step_*/model.safetensors*",
    "checkpoints/step_*",
    "checkpoints",
};

static void remove_run(const char *dir) {
    for (size_t i = 0; i < sizeof FILES / sizeof *FILES; i++) {
        char *pattern = path_format("%s/%s", dir, FILES[i]);
        glob_t found;
        if (glob(pattern, 0, NULL, &found) == 0) {
            for (size_t k = 0; k < found.gl_pathc; k++) {
                if (remove(found.gl_pathv[k]) && errno != ENOTEMPTY && errno != EEXIST) {
                    die(EXIT_IO, "cannot remove %s: %s", found.gl_pathv[k], strerror(errno));
                }
            }
            globfree(&found);
        }
        mem_free(pattern);
    }
}

/* Whether the folder holds the finished run of this config; dies where it holds another one. */
static bool finished_before(const char *dir, const char *config_path, const Config *config) {
    Config old;
    size_t step;
    if (!config_load(&old, config_path, NULL, 0)) {
        die(EXIT_USAGE, "%s exists, but its config.json cannot be read; --overwrite starts anew",
            dir);
    }
    old.train.threads = config->train.threads; /* never changes a number */
    const char *key = config_difference(&old, config);
    if (key) {
        die(EXIT_USAGE,
            "%s holds a run with another config: %s differs; choose another name or --run-dir, or "
            "--overwrite it",
            dir, key);
    }
    if (!checkpoint_latest(dir, &step) || step != config->train.steps) {
        die(EXIT_USAGE,
            "%s holds an unfinished run; --resume comes with a later version, --overwrite starts "
            "anew",
            dir);
    }
    config_free(&old);
    return true;
}

bool rundir_check(const char *dir, const Config *config, bool overwrite) {
    char *path = path_format("%s/config.json", dir);
    bool exists = access(path, F_OK) == 0;
    bool wanted = overwrite || !exists || !finished_before(dir, path, config);
    mem_free(path);
    return wanted;
}

void rundir_make(const char *dir, const Config *config, bool overwrite) {
    char *path = path_format("%s/config.json", dir), *temporary = path_format("%s.tmp", path);
    char *json = config_json(config, CONFIG_FULL);
    if (overwrite) remove_run(dir);
    folder_make(dir);
    FILE *out = file_create(temporary);
    fputs(json, out);
    file_finish(out, temporary, path);
    mem_free(json);
    mem_free(temporary);
    mem_free(path);
}

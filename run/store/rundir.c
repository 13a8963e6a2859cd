/* rundir.c - see rundir.h. */
#include "run/store/rundir.h"

#include "base/stb_ds.h"
#include "base/text_out.h"
#include "run/io/files.h"
#include "run/io/lock.h"
#include "run/log/manifest.h"
#include "run/store/aside.h"
#include "run/store/checkpoint.h"
#include "run/store/owned.h"
#include "run/store/stored_model.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* --- which folder --- */

static bool has_checkpoint(const char *dir) {
    int error;
    bool any = checkpoint_exists(dir, &error);
    if (error) die(EXIT_IO, "cannot list %s/checkpoints: %s", dir, strerror(error));
    return any;
}

static bool same_folder(const char *a, const char *b) {
    char real_a[PATH_MAX], real_b[PATH_MAX];
    return realpath(a, real_a) && realpath(b, real_b) && strcmp(real_a, real_b) == 0;
}

/* The folder of a run whose own config.json is the file `path`, for mem_free; NULL if it is not one,
 * or if one of `sets` names another folder. */
static char *folder_of_config(const char *path, const char *const *sets, size_t n_sets) {
    static const char *const keys[] = {"name", "log.dir", NULL};
    for (size_t i = 0; i < n_sets; i++) {
        if (rundir_may_set(sets[i], keys)) return NULL;
    }
    char *folder = text_format("%s", path), *slash = strrchr(folder, '/');
    bool is_config = strcmp(slash ? slash + 1 : folder, "config.json") == 0;
    if (slash)
        slash[slash == folder] = '\0';
    else
        strcpy(folder, ".");
    char *run = text_format("%s/run.json", folder);
    if (is_config && access(path, F_OK) == 0 && owned_run(folder) &&
        (access(run, F_OK) == 0 || has_checkpoint(folder)))
        path = NULL;
    mem_free(run);
    if (!path) return folder;
    mem_free(folder);
    return NULL;
}

char *rundir_path(const Config *config, const char *override, const char *config_path,
                  const char *const *sets, size_t n_sets) {
    if (override) return text_format("%s", override);
    char *named = text_format("%s/%s", config->log.dir, config->name);
    char *own = folder_of_config(config_path, sets, n_sets);
    if (!own || same_folder(own, named)) {
        mem_free(own);
        return named;
    }
    fprintf(stderr,
            "train: note: %s is the config of the run in %s, so this is that run, not %s; --set "
            "name=NAME trains another one\n",
            config_path, own, named);
    mem_free(named);
    return own;
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

/* The config of the run in `dir`; false if there is no run. A run without a readable config.json has
 * that of its newest checkpoint, without the keys that do not affect results. */
static bool stored_config(const char *dir, bool saved, Config *stored, bool *whole) {
    char *path = text_format("%s/config.json", dir);
    bool exists = access(path, F_OK) == 0 || (errno != ENOENT && errno != ENOTDIR);
    *whole = exists && config_load(stored, path, NULL, 0);
    bool found = *whole;
    size_t *steps, vocab;
    checkpoint_steps(dir, &steps);
    for (size_t i = 0; saved && !found && i < arrlenu(steps); i++) {
        Snapshot snapshot = {0};
        CheckpointFiles files;
        char *folder = checkpoint_folder(dir, steps[i]);
        checkpoint_open(&files, dir, steps[i]);
        found = !checkpoint_metadata(&files, &snapshot, &vocab) &&
                !stored_model_config(&snapshot, folder, stored);
        snapshot_free(&snapshot);
        checkpoint_close(&files);
        mem_free(folder);
    }
    arrfree(steps);
    mem_free(path);
    if (!found && (exists || saved)) {
        die(saved ? EXIT_DATA : EXIT_USAGE,
            "%s exists, but its config.json cannot be read; restore it, or choose another --set "
            "name=NAME or --run-dir",
            dir);
    }
    return found;
}

/* Other steps are another schedule, and the most frequent difference. */
static _Noreturn void refuse_steps(const char *dir, size_t stored, size_t steps) {
    die(EXIT_USAGE,
        "%s contains a run with another config: train.steps differs, %zu there and %zu here; train "
        "it under another --set name=NAME or --run-dir DIR%s",
        dir, stored, steps,
        steps > stored ? ", or continue that run beyond the end of its schedule with --resume "
                         "--extend"
                       : "");
}

static _Noreturn void refuse_key(const char *dir, const char *key, bool saved) {
    die(EXIT_USAGE,
        "%s contains a run with another config: %s differs; choose another --set name=NAME or "
        "--run-dir%s",
        dir, key, saved ? "" : ", or replace the run with --overwrite");
}

static bool are_files(const char *data) {
    return *data && strncmp(data, "builtin:", strlen("builtin:")) != 0;
}

/* Whether the paths of the data differ. Ends the program if the contents are known to differ. */
static bool data_moved(const char *dir, const Config *stored, const Config *config,
                       const DataSums *data) {
    bool train = strcmp(stored->data.train, config->data.train) != 0,
         val = strcmp(stored->data.val, config->data.val) != 0;
    if (val && !(are_files(stored->data.val) && are_files(config->data.val)))
        refuse_key(dir, "data.val", true);
    if (!(train || val) || !data) return train || val;
    size_t *steps;
    CheckpointMeta meta;
    bool valid = false;
    checkpoint_steps(dir, &steps);
    for (size_t i = 0; !valid && i < arrlenu(steps); i++)
        valid = !checkpoint_verify(dir, steps[i], &meta);
    arrfree(steps);
    if (valid && !meta.data_hash) return true; /* an imported run has not read any */
    if (valid && train && meta.data_hash != data->train) refuse_key(dir, "data.train", true);
    if (valid && val && (!meta.val_hash || meta.val_hash != data->val))
        refuse_key(dir, "data.val", true);
    return true;
}

/* Ends the program if `mode` does not allow this config in the folder of the run. */
static void compare(const char *dir, const Config *stored, const Config *config, RundirMode mode,
                    bool saved) {
    bool resumes = mode == RUNDIR_RESUME || mode == RUNDIR_EXTEND;
    Difference which = !resumes ? DIFFERENCE_RUN : saved ? DIFFERENCE_MOVED : DIFFERENCE_RESUME;
    const char *key = config_difference(stored, config, which);
    if (key && strcmp(key, "train.steps") == 0)
        refuse_steps(dir, stored->train.steps, config->train.steps);
    if (key) refuse_key(dir, key, saved);
    bool longer = config->train.steps > stored->train.steps;
    if (mode == RUNDIR_RESUME && longer && (saved || manifest_ended(dir)))
        refuse_steps(dir, stored->train.steps, config->train.steps);
    if (mode == RUNDIR_EXTEND && longer && !saved && manifest_ended(dir)) {
        die(EXIT_DATA,
            "%s has finished, but it has no checkpoint to continue from; train it under "
            "another --set name=NAME or --run-dir",
            dir);
    }
}

/* Whether the run in `dir` is finished. A run that `mode` does not allow ends the program. `data` is
 * NULL before the data are open; a run whose data have moved is then not finished. */
static bool run_is_finished(const char *dir, const Config *config, RundirMode mode,
                            const DataSums *data) {
    Config stored;
    size_t step = 0, steps = config->train.steps;
    bool saved = has_checkpoint(dir), whole, resumes = mode != RUNDIR_NEW;
    if (!stored_config(dir, saved, &stored, &whole)) return false;
    if (!resumes && !whole) {
        die(EXIT_USAGE,
            "%s contains a run without a valid config.json; --resume continues it, another --set "
            "name=NAME or --run-dir trains beside it",
            dir);
    }
    compare(dir, &stored, config, mode, saved);
    bool moved = resumes && saved && data_moved(dir, &stored, config, data);
    bool planned = steps == stored.train.steps;
    config_free(&stored);
    bool any = checkpoint_latest(dir, &step);
    if (any && step > steps) {
        die(EXIT_USAGE, "%s is already at step %zu, more than train.steps = %zu", dir, step, steps);
    }
    if (manifest_ended(dir) && planned && (!saved || (any && step == steps))) return !moved || data;
    if (!resumes) {
        die(EXIT_USAGE, "%s contains an unfinished run; --resume continues it, %s", dir,
            saved ? "another --set name=NAME or --run-dir trains beside it"
                  : "--overwrite replaces it");
    }
    return false;
}

bool rundir_check(const char *dir, const Config *config, RundirMode mode, const DataSums *data) {
    /* Logs do not decide whether a run resumes: they are repaired, or kept under another name. */
    bool resumes = mode == RUNDIR_RESUME || mode == RUNDIR_EXTEND;
    char *foreign = owned_conflict(dir, !(resumes && has_checkpoint(dir)));
    if (mode != RUNDIR_OVERWRITE) stored_model_refuse_folded(dir);
    bool config_is_foreign = foreign && strcmp(foreign + strlen(dir), "/config.json") == 0;
    bool finished =
        mode != RUNDIR_OVERWRITE && !config_is_foreign && run_is_finished(dir, config, mode, data);
    if (foreign && !finished) {
        die(EXIT_USAGE,
            "%s is not a file of this program, and a run there would replace it; choose another "
            "--run-dir, or move the file",
            foreign);
    }
    mem_free(foreign);
    return !finished;
}

static bool is_empty_folder(const char *path) {
    DIR *folder = opendir(path);
    size_t entries = 0;
    while (folder && readdir(folder)) entries++;
    if (folder) closedir(folder);
    return folder && entries == 2; /* . and .. */
}

void rundir_check_new(const char *dir) {
    struct stat status;
    if (lstat(dir, &status) != 0 || is_empty_folder(dir)) return;
    die(EXIT_USAGE, "%s exists; choose another folder, or remove it", dir);
}

/* --- writing --- */

static const char BUSY[] = "wait for it or choose another --run-dir";
static char *held_folder; /* the folder that this process has locked last */

void rundir_lock(const char *dir, const char *advice) {
    if (held_folder && strcmp(held_folder, dir) == 0) return;
    char *path = text_format("%s/LOCK", dir), owner[32] = "";
    int fd = fd_open(path, O_RDWR | O_CREAT);
    if (fd < 0) die(EXIT_IO, "cannot open %s: %s", path, strerror(errno));
    int error = lock_take(fd, path, owner, sizeof owner);
    if (error == EWOULDBLOCK)
        die(EXIT_USAGE, "%s is being written by process %s; %s", dir, owner, advice);
    if (error) die(EXIT_IO, "cannot lock %s: %s", path, strerror(error));
    mem_free(path);
    mem_free(held_folder);
    held_folder = text_format("%s", dir);
}

static void write_config(const char *dir, const Config *config) {
    char *path = text_format("%s/config.json", dir), *json = config_json(config, CONFIG_FULL);
    int error = file_replace(path, json, strlen(json));
    if (error) die(EXIT_IO, "cannot write %s: %s", path, strerror(error));
    mem_free(json);
    mem_free(path);
}

void rundir_recover(const char *dir) {
    if (!aside_pending(dir)) return;
    rundir_lock(dir, BUSY);
    aside_recover(dir);
}

bool rundir_make(const char *dir, const Config *config, RundirMode mode, const DataSums *data) {
    folder_make(dir);
    rundir_lock(dir, BUSY);
    if (!rundir_check(dir, config, mode, data)) return false;
    if (mode == RUNDIR_OVERWRITE)
        aside_move(dir);
    else
        checkpoint_clean(dir);
    write_config(dir, config);
    return true;
}

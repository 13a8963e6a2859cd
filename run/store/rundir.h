/* rundir.h - the folder of a run: whether it may be written, its lock, and config.json.
 *
 * One idea: nothing is overwritten unless the user asks for it, and one process writes at a time. A
 * finished run with the same config is a result: training it again does nothing. An unfinished run
 * is resumed with --resume, and continued beyond its train.steps only with --extend. Any other
 * existing run is an error that names the flag to use, the harmless one first. Files of others are
 * never replaced (owned.h). Read next: aside.h. */
#ifndef RUN_STORE_RUNDIR_H
#define RUN_STORE_RUNDIR_H

#include "run/config/config.h"

/* The path of the folder, for mem_free: `override` (--run-dir) if not NULL; else the folder of
 * `config_path` if that is the config.json of a run and no set changes name or log.dir, so that a
 * renamed or copied run stays the same run; else log.dir/name. */
char *rundir_path(const Config *config, const char *override, const char *config_path,
                  const char *const *sets, size_t n_sets);

/* The config of the run in `dir`, overridden by `sets`. Ends the program if there is no config
 * (EXIT_DATA) or if a set is wrong (EXIT_USAGE). */
void rundir_config(Config *config, const char *dir, const char *const *sets, size_t n_sets);
/* Whether "key=value" sets one of `keys` (NULL-terminated). A key that ends in "." stands for its
 * whole section. */
bool rundir_may_set(const char *set, const char *const *keys);

/* Ends the program (EXIT_USAGE) unless `dir` is an empty folder or does not exist. */
void rundir_check_new(const char *dir);

/* What to do with an existing run: refuse it, --resume, --resume --extend, --overwrite. */
typedef enum { RUNDIR_NEW, RUNDIR_RESUME, RUNDIR_EXTEND, RUNDIR_OVERWRITE } RundirMode;

/* The hashes of the data, as a checkpoint records them. */
typedef struct {
    uint64_t train, val;
} DataSums;

/* Settles what an --overwrite that was killed has left (aside.h). Call before rundir_check. */
void rundir_recover(const char *dir);

/* Checks the folder and writes nothing. Returns false if it contains a finished run with the same
 * config. Any other state that `mode` does not allow ends the program (EXIT_USAGE). When resuming,
 * the same data may have other paths; `data` decides, and may be NULL before the data are open. */
bool rundir_check(const char *dir, const Config *config, RundirMode mode, const DataSums *data);

/* Makes the folder, locks it until the process ends, checks it again as above (and returns false in
 * the same case), moves an old run aside if `mode` is RUNDIR_OVERWRITE, and writes config.json. A
 * folder that another process is writing ends the program (EXIT_USAGE). */
bool rundir_make(const char *dir, const Config *config, RundirMode mode, const DataSums *data);

/* Holds DIR/LOCK until the process ends. If another process holds it, the program ends (EXIT_USAGE)
 * with a message that contains its process id and `advice`. */
void rundir_lock(const char *dir, const char *advice);

#endif

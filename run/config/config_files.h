/* config_files.h - the shipped configs and sweeps: where they are, what they are called and about.
 *
 * One idea: a name is searched in the current folder, then in configs/, then where `make install` puts
 * the configs. A name that is not found there is compared with all that are. The caller owns the lists
 * and strings.
 * Read next: config_files.c. */
#ifndef RUN_CONFIG_CONFIG_FILES_H
#define RUN_CONFIG_CONFIG_FILES_H

#include "run/config/report.h"

/* Whether a name ends in .json. */
bool config_has_ending(const char *name);
/* The file name of `path` without folders and .json, for mem_free. */
char *config_base(const char *path);

/* The path of an existing config: `name` as given, in configs/ or in the installed folder, then
 * the same with .json appended. For mem_free; NULL after an error, which suggests the nearest. */
char *config_find(const char *name, Report *report);

/* The paths of the files of `kind`, "configs" or "sweeps": those in the folder of that name, then the
 * installed ones whose name is not among them. An stb_ds array of strings for mem_free, sorted by
 * name. */
char **config_files(const char *kind);
void config_files_free(char **files);
/* The first line of a file without the // if it is a comment, else ""; for mem_free. */
char *config_about(const char *path);

#endif

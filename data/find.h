/* find.h - the data files that a value of data.train or data.val names.
 *
 * One idea: a value is a file, a folder or a glob pattern, and all of them become a sorted list of
 * names. The caller owns the list. Errors end the program: exit code 3 where nothing is found, 4
 * where the system refuses.
 * Read next: find.c, then tokens.h. */
#ifndef DATA_FIND_H
#define DATA_FIND_H

#include "data/tokens.h"

/* The names, an stb_ds array of strings for mem_free, sorted. `key` is the config key, for errors;
 * `format` decides which files of a folder are data. */
char **find_files(const char *key, const char *spec, DataFormat format);

/* The number of entries of a folder that are no data, and the first of them by name, for mem_free; 0
 * and NULL if `spec` is no folder. Hidden entries do not count. */
size_t find_skipped(const char *spec, DataFormat format, char **first);

/* Ends the program with the reason, in errno, why `name` cannot be used. */
_Noreturn void find_failed(const char *key, const char *name);

#endif

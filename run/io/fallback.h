/* fallback.h - file systems that lack a call: the next best guarantee, and one warning for each.
 *
 * One idea: a network, container or user-space file system without locks, syncs of folders or
 * exchanges of names is no reason not to train. The caller continues with less and says so once.
 * State is static: one process, one warning of each kind. Read next: lock.h, move.h, files.h. */
#ifndef RUN_IO_FALLBACK_H
#define RUN_IO_FALLBACK_H

#include <stdbool.h>

/* Whether the errno means that there is no such call here, and not that the call failed. */
bool call_is_missing(int error);

typedef enum {
    FALLBACK_LOCK,  /* a process with the file open, as /proc shows it, counts as its owner */
    FALLBACK_SYNC,  /* the whole file system is synced, if that is possible */
    FALLBACK_SWAP,  /* a folder is renamed aside before another one takes its name */
    FALLBACK_MOVE,  /* files are renamed or copied one by one */
    FALLBACK_SPACE, /* a full disk is noticed when a write fails */
} Fallback;
/* Prints the warning about `path`, at the first call for each kind. */
void fallback_warn(Fallback kind, const char *path, int error);

#endif

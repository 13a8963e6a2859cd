/* lock.h - a file that one process holds.
 *
 * One idea: the kernel releases a lock when its process ends, however it ends. Where the file system
 * has no locks, the file names its owner instead, which counts as long as it has the file open.
 * Read next: fallback.h. */
#ifndef RUN_IO_LOCK_H
#define RUN_IO_LOCK_H

#include <stdbool.h>
#include <stddef.h>

/* Locks the open file `fd` and writes the id of this process into it, until the process ends.
 * Returns 0, EWOULDBLOCK if another process holds it, whose id is then in `owner` (size), or the
 * errno of another failure. `path` is for the warning. */
int lock_take(int fd, const char *path, char *owner, size_t size);

/* Whether a process holds the lock of the file `path`, as far as this machine knows; takes no lock,
 * so that it is in nobody's way. `owner` receives its id, "" = unknown. */
bool lock_is_held(const char *path, char *owner, size_t size);

#endif

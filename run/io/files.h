/* files.h - files and folders that survive crashes.
 *
 * One idea: a file appears complete or not at all. It is written under a temporary name, synced and
 * renamed, and then its folder is synced. Functions that return an int return 0 or the errno of the
 * first failure, for callers that can continue without the file; the others end the program
 * (EXIT_IO). Text returned here is the caller's (mem_free).
 * Read next: move.h, fallback.h, csv.h, safetensors.h. */
#ifndef RUN_IO_FILES_H
#define RUN_IO_FILES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Creates a folder, which may exist already; folder_add also syncs its name to disk. */
int folder_create(const char *path);
int folder_add(const char *path);
/* The same, with missing parent folders; a failure ends the program. */
void folder_make(const char *path);
/* Syncs renames and new files in the folder to disk. */
int folder_sync(const char *path);
/* unlink and rmdir, repeated after a signal: 0, or -1 with errno. */
int path_unlink(const char *path);
int path_rmdir(const char *path);
/* Removes a folder that contains only files. `first` (NULL = none) is removed before the others. */
int folder_remove(const char *path, const char *first);
/* The free bytes of the file system of `path`; NAN if it does not say. *error is the errno if it could
 * not be asked, else 0. */
double folder_room(const char *path, int *error);

/* open with mode 0666, ftruncate and fsync, repeated if a signal interrupts them. fd_open returns -1
 * and sets errno; the others return 0 or the errno. If a single file or folder cannot be synced here,
 * fd_sync syncs the whole file system. Any other failure of a sync is final: the kernel may have
 * dropped the pages that could not be written, and a second sync would succeed. */
int fd_open(const char *path, int flags);
int fd_cut(int fd, uint64_t size);
int fd_sync(int fd);
/* Reads up to `size` bytes, fewer only at the end of the file. Returns their number, or -1 and sets
 * errno. */
int64_t fd_read(int fd, void *data, size_t size);
/* Writes all bytes, repeating interrupted and partial writes. */
int write_all(int fd, const void *data, size_t size);

/* A new file that is written sequentially, with the 64-bit FNV-1a hash of its contents. After a
 * failure further calls do nothing, and file_end returns the error. */
typedef struct {
    int fd, error;
    uint64_t bytes, hash;
} FileOut;
/* A link is not followed: in a folder from elsewhere it could lead to any file of the user. */
FileOut file_begin(const char *path);
void file_put(FileOut *file, const void *data, size_t size);
/* Syncs and closes. */
int file_end(FileOut *file);

/* Gives the synced file `temporary` the name `path` in the same folder, and syncs that; on failure it
 * is removed. */
int file_settle(const char *temporary, const char *path);

/* Size and hash of a file, read from its start. */
int fd_sum(int fd, uint64_t *bytes, uint64_t *hash);

/* Atomically replaces the contents of `path`, even if the power fails. */
int file_replace(const char *path, const char *text, size_t size);
/* The contents of a file of at most `max` bytes, NUL-terminated; free with mem_free. NULL with errno
 * set if the file is missing, longer or unreadable. */
char *file_contents(const char *path, size_t max, size_t *size);

#endif

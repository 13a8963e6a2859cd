/* files.h - folders, files and JSON text on their way to the disk: every failure has a sentence.
 *
 * One idea: a file appears whole or not at all - written under a temporary name, synced, renamed,
 * its folder synced. Functions that return an int return 0 or the errno of what failed first, for
 * callers that can go on without the file; the others end the program (EXIT_IO).
 * Paths made here are the caller's (mem_free). Read next: csv.h, safetensors.h. */
#ifndef RUN_IO_FILES_H
#define RUN_IO_FILES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Once, before any file is opened: a file must not get the number of a standard stream that is
 * closed, or messages would be written into it. */
void streams_hold(void);

/* Makes a folder that may be there already, and its name last. */
int folder_add(const char *path);
/* The same with the ones above it; ends the program where it cannot. */
void folder_make(const char *path);
/* Makes renames and new files in the folder last. */
int folder_sync(const char *path);
/* Gives two folders each other's name. */
int folder_swap(const char *a, const char *b);
/* Removes a folder of files, temporary ones and all, first the file `first` (NULL = any). */
int folder_remove(const char *path, const char *first);
/* Removes the folders in `path` that a killed process left half written: their names begin with
 * ".tmp-". */
void folder_clean(const char *path);

/* open with mode 0666, ftruncate and fsync, tried again where a signal interrupts them; -1 with
 * errno, or the errno. Any other failure of a sync is final: pages that could not be written may be
 * gone, and a second sync would call that a success. */
int fd_open(const char *path, int flags);
int fd_cut(int fd, uint64_t size);
int fd_sync(int fd);
/* Reads until there are `size` bytes or the file ends; how many, or -1 with errno. */
int64_t fd_read(int fd, void *data, size_t size);
/* Writes all of it, however often the system interrupts or writes less than asked. */
int write_all(int fd, const void *data, size_t size);

/* A new file that is written from front to back, with the hash of what went in (64-bit FNV-1a).
 * After a failure the rest of the calls do nothing and file_end says what it was. */
typedef struct {
    int fd, error;
    uint64_t bytes, hash;
} FileOut;
FileOut file_begin(const char *path);
void file_put(FileOut *file, const void *data, size_t size);
/* Syncs and closes. */
int file_end(FileOut *file);

/* Size and hash of an existing file. */
int file_sum(const char *path, uint64_t *bytes, uint64_t *hash);

/* Gives `path` these contents, whole or not at all, also through a power cut. */
int file_replace(const char *path, const char *text, size_t size);
/* The contents of a file of at most `max` bytes, closed by a NUL, for mem_free; NULL where it is
 * missing, longer or unreadable, errno saying why. */
char *file_contents(const char *path, size_t max, size_t *size);

#endif

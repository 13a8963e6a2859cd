/* disk.h - a disk that promises no more than POSIX does.
 *
 * One idea: only what was synced is sure. Bytes are sure after a sync of their file, names after a
 * sync of their folder. All else may, at a power loss, be there, be missing, be there in part, or
 * in another order than it was done: each unsynced change is decided by dice.
 *
 * Nothing is ever freed: a disk lives as long as the program that plays with it.
 * Read next: powerloss.c. */
#ifndef TESTS_FAULT_DISK_H
#define TESTS_FAULT_DISK_H
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef struct Node Node; /* a file or a folder, whatever its names are */

/* Everything below the real folder, all of it sure. */
Node *disk_load(const char *folder);

/* Changes by path relative to the root. Paths that do not exist (any more) change nothing. */
void disk_create(Node *root, const char *path, bool folder);
void disk_remove(Node *root, const char *path);
void disk_rename(Node *root, const char *path, const char *target, bool swaps);
void disk_write(Node *root, const char *path, size_t offset, const char *bytes, size_t length);
void disk_truncate(Node *root, const char *path, size_t length);
void disk_sync(Node *root, const char *path);

/* The dice of a power loss; every file and folder throws for itself how much it keeps. */
typedef struct {
    uint64_t dice;
    size_t lost, torn; /* changes, counted by disk_crash */
} Weather;

/* Writes one state that a power loss may leave to the folder `to`, which is made. */
void disk_crash(const Node *root, Weather *weather, const char *to);

#endif

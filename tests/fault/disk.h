/* disk.h - a model of a disk that guarantees only what POSIX guarantees.
 *
 * One idea: only synced data is durable. Bytes are durable after a sync of their file, names after
 * a sync of their folder. After a power loss, any other change may be present, missing, partly
 * present, or applied out of order; a random number decides for each unsynced change.
 *
 * Nothing is freed: a disk lives until the program ends.
 * Read next: powerloss.c. */
#ifndef TESTS_FAULT_DISK_H
#define TESTS_FAULT_DISK_H
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef struct Node Node; /* a file or a folder, independent of its names */

/* Loads the contents of a real folder; all of it is durable. */
Node *disk_load(const char *folder);

/* Changes, by path relative to the root. A path that does not exist is ignored. */
void disk_create(Node *root, const char *path, bool folder);
void disk_remove(Node *root, const char *path);
void disk_rename(Node *root, const char *path, const char *target, bool swaps);
void disk_write(Node *root, const char *path, size_t offset, const char *bytes, size_t length);
void disk_truncate(Node *root, const char *path, size_t length);
void disk_sync(Node *root, const char *path);

/* The random state of a power loss; each file and folder draws how much of it survives. */
typedef struct {
    uint64_t random;
    size_t lost, torn; /* numbers of changes, counted by disk_crash */
} Outage;

/* Writes a possible state after a power loss to the new folder `to`. */
void disk_crash(const Node *root, Outage *outage, const char *to);

#endif

/* move.h - names that change at once, or in the next best way that the file system has.
 *
 * One idea: rename replaces a name atomically. Across devices, on layered file systems and without
 * renameat2 it is refused. Then smaller steps are taken, in an order in which a reader, or a run that
 * was killed in between, finds the old folder, the new one or none, but never a mixture.
 * Functions return 0 or an errno. Read next: fallback.h. */
#ifndef RUN_IO_MOVE_H
#define RUN_IO_MOVE_H

#include <stdbool.h>

/* Gives a file the name `to`, which may be taken. If it must be, its contents are copied. */
int file_move(const char *from, const char *to);
/* Gives a folder that contains only files the name `to` in the same parent. If a folder with files
 * has that name, the names are exchanged, and *taken is set: `from` may be removed. A folder is
 * complete if it has the file `last` (NULL = none), which is the last one to be moved. */
int folder_move(const char *from, const char *to, const char *last, bool *taken);
/* Removes the unfinished folders in `path` that a killed process left: their names begin with
 * ".tmp-". A complete folder that such a process had renamed aside gets its name back; one into which
 * it was moving files is removed. */
void folder_clean(const char *path);

#endif

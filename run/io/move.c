/* move.c - see move.h. */
#define _GNU_SOURCE /* renameat2 */
#include "run/io/move.h"

#include "base/text_out.h"
#include "base/base.h"
#include "run/io/fallback.h"
#include "run/io/files.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

/* A folder NAME is renamed aside to .tmp-old-NAME. While files are moved into it one by one, there is
 * an empty folder .tmp-new-NAME next to it. */
static const char UNFINISHED[] = ".tmp-", ASIDE[] = ".tmp-old-", FILLED[] = ".tmp-new-";

/* The path of folder `path` with `prefix` before its name. */
static char *prefixed(const char *path, const char *prefix) {
    const char *slash = strrchr(path, '/'), *name = slash ? slash + 1 : path;
    return text_format("%.*s%s%s", (int)(name - path), path, prefix, name);
}

/* renameat2, repeated if a signal interrupts it. An interrupted call may have been carried out by
 * the server of a network file system; the next one then does not find `from`. */
static int change_name(const char *from, const char *to, unsigned flags) {
    bool again = false;
    for (;;) {
        int failed = flags ? renameat2(AT_FDCWD, from, AT_FDCWD, to, flags) : rename(from, to);
        if (!failed || (again && !flags && errno == ENOENT)) return 0;
        if (errno != EINTR) return errno;
        again = true;
    }
}

/* --- files --- */

static int copy_file(const char *from, const char *to) {
    enum { BLOCK = 1 << 16 };
    char block[BLOCK];
    int in = fd_open(from, O_RDONLY);
    if (in < 0) return errno;
    FileOut out = file_begin(to);
    int64_t count;
    while ((count = fd_read(in, block, BLOCK)) > 0) file_put(&out, block, (size_t)count);
    int error = count < 0 ? errno : 0, written = file_end(&out);
    close(in);
    return error ? error : written;
}

int file_move(const char *from, const char *to) {
    int error = change_name(from, to, 0);
    if (error != EXDEV && error != EBUSY) return error; /* EBUSY: `to` is mounted by itself */
    fallback_warn(FALLBACK_MOVE, to, error);
    error = copy_file(from, to);
    if (!error) path_unlink(from);
    return error;
}

/* --- folders --- */

static int move_in(const char *from, const char *to, const char *name) {
    char *old = text_format("%s/%s", from, name), *new = text_format("%s/%s", to, name);
    int error = file_move(old, new);
    mem_free(old);
    mem_free(new);
    return error;
}

static int move_all(const char *from, const char *to, const char *last) {
    char *mark = text_format("%s/%s", to, last ? last : "");
    int error = last && path_unlink(mark) && errno != ENOENT ? errno : 0;
    mem_free(mark);
    DIR *folder = error ? NULL : opendir(from);
    if (!error && !folder) error = errno;
    for (const struct dirent *entry; !error && (entry = readdir(folder));) {
        bool dots = strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0;
        if (!dots && !(last && strcmp(entry->d_name, last) == 0))
            error = move_in(from, to, entry->d_name);
    }
    if (folder) closedir(folder);
    if (!error) error = folder_sync(to);
    if (!error && last) error = move_in(from, to, last);
    return error ? error : folder_sync(to);
}

/* Moves the files of a folder into the folder `to`. */
static int move_files(const char *from, const char *to, const char *last) {
    char *filled = prefixed(to, FILLED);
    int error = folder_create(filled);
    if (!error) error = folder_create(to);
    if (!error) error = move_all(from, to, last);
    if (!error && path_rmdir(filled)) error = errno;
    if (!error && path_rmdir(from)) error = errno;
    mem_free(filled);
    return error;
}

/* Renames `b` aside, `a` to `b` and the old `b` to `a`. For a moment there is no `b`. */
static int swap_in_steps(const char *a, const char *b, const char *last) {
    char *aside = prefixed(b, ASIDE);
    int error = change_name(b, aside, 0);
    if (error == EXDEV) {
        error = move_files(a, b, last);
    } else if (!error) {
        error = change_name(a, b, 0);
        int back = error ? change_name(aside, b, 0) : change_name(aside, a, 0);
        if (!error) error = back;
    }
    mem_free(aside);
    return error;
}

/* A system call filter that does not know renameat2 answers with EPERM. */
static int swap(const char *a, const char *b, const char *last) {
    int error = change_name(a, b, RENAME_EXCHANGE);
    if (!call_is_missing(error) && error != EPERM && error != EXDEV) return error;
    fallback_warn(FALLBACK_SWAP, b, error);
    return swap_in_steps(a, b, last);
}

int folder_move(const char *from, const char *to, const char *last, bool *taken) {
    int error = change_name(from, to, 0);
    *taken = error == ENOTEMPTY || error == EEXIST;
    if (*taken) return swap(from, to, last);
    if (error != EXDEV) return error;
    fallback_warn(FALLBACK_MOVE, to, error);
    return move_files(from, to, last);
}

_Static_assert(sizeof ASIDE == sizeof FILLED, "the name begins at the same place");

/* Restores the folder to which the leftover `name` refers; whether `name` may then be removed. */
static bool settle(const char *path, const char *name) {
    const size_t prefix = sizeof ASIDE - 1;
    bool aside = strncmp(name, ASIDE, prefix) == 0, filled = strncmp(name, FILLED, prefix) == 0;
    if (!aside && !filled) return true;
    char *rest = text_format("%s/%s", path, name), *own = text_format("%s/%s", path, name + prefix);
    int error = aside ? change_name(rest, own, 0) : folder_remove(own, NULL);
    mem_free(rest);
    mem_free(own);
    /* A folder that could not get its name back is kept, unless the name is taken. */
    return filled ? !error || error == ENOENT : error == ENOTEMPTY || error == EEXIST;
}

void folder_clean(const char *path) {
    /* A folder that was renamed into place must be on disk before the one it replaced is removed. */
    DIR *folder = folder_sync(path) ? NULL : opendir(path);
    for (const struct dirent *entry; folder && (entry = readdir(folder));) {
        if (strncmp(entry->d_name, UNFINISHED, sizeof UNFINISHED - 1) != 0) continue;
        char *rest = text_format("%s/%s", path, entry->d_name);
        if (settle(path, entry->d_name)) folder_remove(rest, NULL);
        mem_free(rest);
    }
    if (folder) closedir(folder);
}

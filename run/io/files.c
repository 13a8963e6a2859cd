/* files.c - see files.h. */
#define _GNU_SOURCE /* syncfs */
#include "run/io/files.h"

#include "base/text_out.h"
#include "base/base.h"
#include "base/utf8.h"
#include "run/io/fallback.h"
#include "run/io/move.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

/* --- descriptors --- */

/* Warns that `fd` cannot be synced alone, and syncs all of its file system. */
static int sync_all(int fd, int error) {
    char link[32], path[512];
    snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
    ssize_t length = readlink(link, path, sizeof path - 1);
    path[length < 0 ? 0 : length] = '\0';
    utf8_cut(path, sizeof path);
    fallback_warn(FALLBACK_SYNC, path, error);
    bool failed = syncfs(fd) != 0;
    return failed && !call_is_missing(errno) && errno != EBADF ? errno : 0;
}

/* The descriptor is open: EBADF comes from a file system that syncs no folders. */
int fd_sync(int fd) {
    int failed;
    while ((failed = fsync(fd)) != 0 && errno == EINTR) {}
    if (!failed) return 0;
    bool missing = call_is_missing(errno) || errno == EBADF;
    return missing ? sync_all(fd, errno) : errno;
}

int fd_open(const char *path, int flags) {
    int fd;
    while ((fd = open(path, flags | O_CLOEXEC, 0666)) < 0 && errno == EINTR) {}
    return fd;
}

int fd_cut(int fd, uint64_t size) {
    int failed;
    while ((failed = ftruncate(fd, (off_t)size)) != 0 && errno == EINTR) {}
    return failed ? errno : 0;
}

/* After an interrupted close the descriptor is closed nevertheless. */
static int close_fd(int fd) {
    return close(fd) && errno != EINTR ? errno : 0;
}

/* --- folders --- */

int folder_sync(const char *path) {
    int fd = fd_open(path, O_RDONLY | O_DIRECTORY);
    if (fd < 0) return errno;
    int error = fd_sync(fd), closed = close_fd(fd);
    return error ? error : closed;
}

/* Syncs the name `path` to disk: syncs the folder that contains it. */
static int sync_parent(const char *path) {
    char *folder = text_format("%s", path), *slash = strrchr(folder, '/');
    if (slash) slash[slash == folder] = '\0';
    int error = folder_sync(slash ? folder : ".");
    mem_free(folder);
    return error;
}

int folder_create(const char *path) {
    int failed;
    while ((failed = mkdir(path, 0777)) != 0 && errno == EINTR) {}
    return failed && errno != EEXIST ? errno : 0;
}

int folder_add(const char *path) {
    int error = folder_create(path);
    if (!error) error = sync_parent(path);
    return error == EACCES ? 0 : error; /* the parent may be unreadable */
}

void folder_make(const char *path) {
    char *copy = text_format("%s", path);
    for (char *slash = copy;; slash++) {
        slash = strchr(slash, '/');
        if (slash == copy) continue;
        if (slash) *slash = '\0';
        bool above = slash && access(copy, F_OK) == 0;
        int error = above ? 0 : folder_add(copy);
        if (error) die(EXIT_IO, "cannot create the folder %s: %s", copy, strerror(error));
        if (!slash) break;
        *slash = '/';
    }
    mem_free(copy);
}

int path_unlink(const char *path) {
    int failed;
    while ((failed = unlink(path)) != 0 && errno == EINTR) {}
    return failed;
}

int path_rmdir(const char *path) {
    int failed;
    while ((failed = rmdir(path)) != 0 && errno == EINTR) {}
    return failed;
}

static int remove_in(const char *folder, const char *name) {
    char *path = text_format("%s/%s", folder, name);
    int failed = path_unlink(path);
    mem_free(path);
    return failed && errno != ENOENT ? errno : 0;
}

int folder_remove(const char *path, const char *first) {
    int error = first ? remove_in(path, first) : 0;
    DIR *folder = opendir(path);
    if (!folder) return errno;
    for (const struct dirent *entry; !error && (entry = readdir(folder));) {
        bool dots = strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0;
        if (!dots) error = remove_in(path, entry->d_name);
    }
    closedir(folder);
    if (error) return error;
    return path_rmdir(path) ? errno : 0;
}

double folder_room(const char *path, int *error) {
    struct statvfs disk;
    int failed;
    while ((failed = statvfs(path, &disk)) != 0 && errno == EINTR) {}
    *error = failed && !call_is_missing(errno) ? errno : 0;
    if (failed || !disk.f_blocks) return (double)NAN;
    return (double)disk.f_bavail * (double)(disk.f_frsize ? disk.f_frsize : disk.f_bsize);
}

/* --- files --- */

int write_all(int fd, const void *data, size_t size) {
    const char *bytes = data;
    while (size > 0) {
        ssize_t written = write(fd, bytes, size);
        if (written < 0 && errno == EINTR) continue;
        if (written <= 0) return written < 0 ? errno : ENOSPC;
        bytes += written;
        size -= (size_t)written;
    }
    return 0;
}

FileOut file_begin(const char *path) {
    FileOut file = {.hash = HASH_START};
    file.fd = fd_open(path, O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW);
    if (file.fd < 0) file.error = errno;
    return file;
}

void file_put(FileOut *file, const void *data, size_t size) {
    if (file->error) return;
    file->error = write_all(file->fd, data, size);
    file->hash = hash_bytes(file->hash, data, size);
    file->bytes += size;
}

int file_end(FileOut *file) {
    if (file->fd < 0) return file->error;
    if (!file->error) file->error = fd_sync(file->fd);
    int closed = close_fd(file->fd);
    if (!file->error) file->error = closed;
    file->fd = -1;
    return file->error;
}

int64_t fd_read(int fd, void *data, size_t size) {
    size_t done = 0;
    while (done < size) {
        ssize_t count = read(fd, (char *)data + done, size - done);
        if (count < 0 && errno == EINTR) continue;
        if (count < 0) return -1;
        if (count == 0) break;
        done += (size_t)count;
    }
    return (int64_t)done;
}

int fd_sum(int fd, uint64_t *bytes, uint64_t *hash) {
    enum { BLOCK = 1 << 16 };
    unsigned char block[BLOCK];
    int64_t count;
    *bytes = 0;
    *hash = HASH_START;
    if (lseek(fd, 0, SEEK_SET) < 0) return errno;
    while ((count = fd_read(fd, block, BLOCK)) > 0) {
        *hash = hash_bytes(*hash, block, (size_t)count);
        *bytes += (uint64_t)count;
    }
    return count < 0 ? errno : 0;
}

int file_settle(const char *temporary, const char *path) {
    int error = file_move(temporary, path);
    if (!error) error = sync_parent(path);
    if (error) path_unlink(temporary);
    return error;
}

int file_replace(const char *path, const char *text, size_t size) {
    char *temporary = text_format("%s.tmp", path);
    FileOut file = file_begin(temporary);
    file_put(&file, text, size);
    int error = file_end(&file);
    if (error)
        path_unlink(temporary);
    else
        error = file_settle(temporary, path);
    mem_free(temporary);
    return error;
}

char *file_contents(const char *path, size_t max, size_t *size) {
    int fd = fd_open(path, O_RDONLY);
    if (fd < 0) return NULL;
    struct stat status;
    char *text = NULL;
    int error = EFBIG;
    if (fstat(fd, &status) == 0 && S_ISREG(status.st_mode) && (size_t)status.st_size <= max) {
        text = mem_alloc((size_t)status.st_size + 1);
        int64_t count = fd_read(fd, text, (size_t)status.st_size);
        error = count < 0 ? errno : 0;
        *size = count < 0 ? 0 : (size_t)count;
    }
    close(fd);
    if (!error) return text;
    mem_free(text);
    errno = error;
    return NULL;
}

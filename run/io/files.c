/* files.c - see files.h. */
#define _GNU_SOURCE /* renameat2 */
#include "run/io/files.h"

#include "base/text_out.h"
#include "base/base.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

void streams_hold(void) {
    int fd;
    do {
        fd = open("/dev/null", O_RDWR);
    } while (fd >= 0 && fd <= STDERR_FILENO);
    if (fd >= 0) close(fd);
}

/* --- descriptors --- */

int fd_sync(int fd) {
    int failed;
    while ((failed = fsync(fd)) != 0 && errno == EINTR) {}
    return failed ? errno : 0;
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

int folder_add(const char *path) {
    if (mkdir(path, 0777) && errno != EEXIST) return errno;
    int error = sync_parent(path);
    /* The parent may be unreadable, or on a file system without fsync for folders. */
    return error == EACCES || error == EINVAL ? 0 : error;
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

static int remove_in(const char *folder, const char *name) {
    char *path = text_format("%s/%s", folder, name);
    int error = unlink(path) && errno != ENOENT ? errno : 0;
    mem_free(path);
    return error;
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
    return rmdir(path) ? errno : 0;
}

void folder_clean(const char *path) {
    /* A folder that was renamed into place must be on disk before the one it replaced is removed. */
    DIR *folder = folder_sync(path) ? NULL : opendir(path);
    for (const struct dirent *entry; folder && (entry = readdir(folder));) {
        if (strncmp(entry->d_name, ".tmp-", 5) != 0) continue;
        char *rest = text_format("%s/%s", path, entry->d_name);
        folder_remove(rest, NULL);
        mem_free(rest);
    }
    if (folder) closedir(folder);
}

/* On a file system that cannot exchange names, `b` does not exist for a moment. */
int folder_swap(const char *a, const char *b) {
    if (renameat2(AT_FDCWD, a, AT_FDCWD, b, RENAME_EXCHANGE) == 0) return 0;
    if (errno != EINVAL && errno != ENOSYS) return errno;
    char *aside = text_format("%s-old", a);
    int error = rename(b, aside) ? errno : 0;
    if (!error && rename(a, b)) {
        error = errno;
        rename(aside, b);
    }
    if (!error && rename(aside, a)) error = errno;
    mem_free(aside);
    return error;
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
    file.fd = fd_open(path, O_WRONLY | O_CREAT | O_TRUNC);
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

int file_sum(const char *path, uint64_t *bytes, uint64_t *hash) {
    enum { BLOCK = 1 << 16 };
    unsigned char block[BLOCK];
    int fd = fd_open(path, O_RDONLY);
    if (fd < 0) return errno;
    int64_t count;
    *bytes = 0;
    *hash = HASH_START;
    while ((count = fd_read(fd, block, BLOCK)) > 0) {
        *hash = hash_bytes(*hash, block, (size_t)count);
        *bytes += (uint64_t)count;
    }
    int error = count < 0 ? errno : 0;
    close(fd);
    return error;
}

int file_replace(const char *path, const char *text, size_t size) {
    char *temporary = text_format("%s.tmp", path);
    FileOut file = file_begin(temporary);
    file_put(&file, text, size);
    int error = file_end(&file);
    if (!error && rename(temporary, path)) error = errno;
    if (!error) error = sync_parent(path);
    if (error) unlink(temporary);
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

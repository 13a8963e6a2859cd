/* lock.c - see lock.h. */
#include "run/io/lock.h"

#include "base/text_out.h"
#include "base/base.h"
#include "run/io/fallback.h"
#include "run/io/files.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

/* The process id that the file contains, "" for none. */
static void read_owner(int fd, char *owner, size_t size) {
    ssize_t length = pread(fd, owner, size - 1, 0);
    owner[length > 0 ? (size_t)length : 0] = '\0';
    owner[strspn(owner, "0123456789")] = '\0';
}

/* Whether process `owner` of this machine has the file of `fd` open. */
static bool has_open(const char *owner, int fd) {
    struct stat own, other;
    bool found = false;
    char *path = text_format("/proc/%s/fd", owner);
    DIR *folder = *owner && fstat(fd, &own) == 0 ? opendir(path) : NULL;
    for (const struct dirent *entry; folder && !found && (entry = readdir(folder));) {
        found = fstatat(dirfd(folder), entry->d_name, &other, 0) == 0 &&
                other.st_dev == own.st_dev && other.st_ino == own.st_ino;
    }
    if (folder) closedir(folder);
    mem_free(path);
    return found;
}

int lock_take(int fd, const char *path, char *owner, size_t size) {
    int failed;
    while ((failed = flock(fd, LOCK_EX | LOCK_NB)) != 0 && errno == EINTR) {}
    int error = failed ? errno : 0;
    if (error && error != EWOULDBLOCK && error != ENOLCK && !call_is_missing(error)) return error;
    read_owner(fd, owner, size);
    if (error == EWOULDBLOCK) return error;
    if (error) {
        bool own = strtol(owner, NULL, 10) == (long)getpid();
        if (!own && has_open(owner, fd)) return EWOULDBLOCK;
        fallback_warn(FALLBACK_LOCK, path, error);
    }
    int length = snprintf(owner, size, "%ld\n", (long)getpid());
    error = fd_cut(fd, 0);
    return error ? error : write_all(fd, owner, (size_t)length);
}

/* Whether the kernel lists an exclusive flock of the file by `owner`, who may be another user's
 * process. The device is not compared: layered file systems list another one than stat. */
static bool is_listed(const char *owner, int fd) {
    struct stat status;
    char line[256], kind[16], mode[16], pid[16];
    unsigned long inode;
    bool found = false;
    FILE *list = fstat(fd, &status) == 0 ? fopen("/proc/locks", "re") : NULL;
    while (list && !found && fgets(line, sizeof line, list)) {
        found = sscanf(line, "%*s %15s %*s %15s %15s %*x:%*x:%lu", kind, mode, pid, &inode) == 4 &&
                strcmp(kind, "FLOCK") == 0 && strcmp(mode, "WRITE") == 0 &&
                strcmp(pid, owner) == 0 && inode == (unsigned long)status.st_ino;
    }
    if (list) fclose(list);
    return found;
}

bool lock_is_held(const char *path, char *owner, size_t size) {
    const int fd = fd_open(path, O_RDONLY | O_NONBLOCK);
    *owner = '\0';
    if (fd < 0) return false;
    read_owner(fd, owner, size);
    const bool held = has_open(owner, fd) || is_listed(owner, fd);
    close(fd);
    return held;
}

/* owned.c - see owned.h. */
#include "run/store/owned.h"

#include "base/base.h"
#include "base/stb_ds.h"
#include "base/text_out.h"
#include "run/io/files.h"
#include "run/store/checkpoint.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { HEAD = 1 << 18 }; /* bytes that are looked at */

/* Stands for a NUL in them: a power loss leaves NULs where bytes were not on disk yet. */
#define HOLE "\x01"

/* Texts that every file of a run under this name contains, whatever version wrote it. */
static const struct {
    const char *name;
    bool log;
    const char *marks[3];
} FILES[] = {
    {"config.json", false, {"\"gamma_warmup\"", "\"optim\"", "\"spike\""}},
    {"run.json", false, {"\"format_version\"", "\"equations_hash\""}},
    {"checkpoints/latest", false, {"step_"}},
    {"log.csv", true, {"step,tokens,train_loss,val_loss,"}},
    {"spikes.csv", true, {"step,kind,value,z,"}},
    {"layers.csv", true, {"step,layer,sublayer,"}},
    {"tensors.csv", true, {"step,tensor,rms,"}},
};
enum { FILE_COUNT = sizeof FILES / sizeof *FILES };

typedef enum { HEAD_READ, HEAD_ABSENT, HEAD_FOLDER, HEAD_SPECIAL } HeadState;

/* Reads the beginning of a file, NUL-terminated. Only regular files have contents to lose. */
static HeadState head_of(const char *path, char *head) {
    struct stat status;
    if (stat(path, &status)) {
        if (errno == ENOENT || errno == ENOTDIR) return HEAD_ABSENT;
        die(EXIT_IO, "cannot read %s: %s", path, strerror(errno));
    }
    if (S_ISDIR(status.st_mode)) return HEAD_FOLDER;
    if (!S_ISREG(status.st_mode)) return HEAD_SPECIAL;
    int fd = fd_open(path, O_RDONLY);
    int64_t size = fd < 0 ? -1 : fd_read(fd, head, HEAD - 1);
    if (size < 0) die(EXIT_IO, "cannot read %s: %s", path, strerror(errno));
    close(fd);
    for (int64_t i = 0; i < size; i++) {
        if (!head[i]) head[i] = *HOLE; /* the search must not end there */
    }
    head[size] = '\0';
    return HEAD_READ;
}

static bool has_marks(size_t i, const char *head) {
    for (size_t k = 0; k < 3 && FILES[i].marks[k]; k++) {
        if (!strstr(head, FILES[i].marks[k])) return false;
    }
    return true;
}

/* Whether a log breaks off within its first line, as one does that a power loss has torn. The other
 * files appear by a rename and are never torn. */
static bool is_torn(size_t i, const char *head) {
    const char *line = FILES[i].marks[0];
    if (!FILES[i].log) return false;
    while (*head && *head == *line) head++, line++;
    return !*head || *head == *HOLE;
}

static bool is_foreign(const char *dir, size_t i, char *head) {
    char *path = text_format("%s/%s", dir, FILES[i].name);
    HeadState state = head_of(path, head);
    mem_free(path);
    return state == HEAD_FOLDER ||
           (state == HEAD_READ && *head && !has_marks(i, head) && !is_torn(i, head));
}

/* LOCK contains the id of a process, and nothing before that is written. */
static bool lock_is_foreign(const char *dir, char *head) {
    char *path = text_format("%s/LOCK", dir);
    HeadState state = head_of(path, head);
    mem_free(path);
    return state == HEAD_FOLDER || (state == HEAD_READ && head[strspn(head, "0123456789\n" HOLE)]);
}

/* A checkpoint has only our three files, or a meta.json of ours beside others. */
static bool checkpoint_is_foreign(const char *folder, char *head) {
    bool others = false;
    DIR *entries = opendir(folder);
    if (!entries) return errno == ENOTDIR;
    for (const struct dirent *entry; (entry = readdir(entries));) {
        bool dots = strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0;
        others |= !dots && !checkpoint_has_file(entry->d_name);
    }
    closedir(entries);
    if (!others) return false;
    char *meta = text_format("%s/meta.json", folder);
    bool ours = head_of(meta, head) == HEAD_READ && strstr(head, "\"fnv1a64\"");
    mem_free(meta);
    return !ours;
}

/* The first checkpoint, or checkpoints itself, that is not ours; for mem_free, NULL = none. */
static char *foreign_checkpoint(const char *dir, char *head) {
    char *parent = text_format("%s/checkpoints", dir);
    struct stat status;
    if (stat(parent, &status) == 0 && !S_ISDIR(status.st_mode)) return parent;
    mem_free(parent);
    size_t *steps;
    if (checkpoint_steps(dir, &steps)) arrsetlen(steps, 0); /* reported by who reads them */
    char *found = NULL;
    for (size_t i = 0; !found && i < arrlenu(steps); i++) {
        char *folder = checkpoint_folder(dir, steps[i]);
        if (checkpoint_is_foreign(folder, head))
            found = folder;
        else
            mem_free(folder);
    }
    arrfree(steps);
    return found;
}

char *owned_conflict(const char *dir, bool logs) {
    char *head = mem_alloc(HEAD), *found = NULL;
    for (size_t i = 0; !found && i < FILE_COUNT; i++) {
        if (FILES[i].log && !logs) continue;
        if (is_foreign(dir, i, head)) found = text_format("%s/%s", dir, FILES[i].name);
    }
    if (!found && lock_is_foreign(dir, head)) found = text_format("%s/LOCK", dir);
    if (!found) found = foreign_checkpoint(dir, head);
    mem_free(head);
    return found;
}

bool owned_run(const char *dir) {
    char *head = mem_alloc(HEAD);
    bool found = false;
    for (size_t i = 0; !found && i < 2; i++) {
        char *path = text_format("%s/%s", dir, FILES[i].name);
        found = head_of(path, head) == HEAD_READ && *head && has_marks(i, head);
        mem_free(path);
    }
    mem_free(head);
    return found;
}

/* log_repair.c - see log_repair.h. */
#include "run/log/log_repair.h"

#include "base/text_out.h"
#include "run/io/files.h"
#include "run/io/move.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* Every log begins so; a spreadsheet may have written other separators. */
static const char START[] = "step,";
enum { START_LENGTH = sizeof START - 1 };

static bool is_missing(int error) {
    return error == ENOENT || error == ENOTDIR;
}

static _Noreturn void cannot(const char *what, const char *path) {
    die(EXIT_IO, "cannot %s %s: %s", what, path, strerror(errno));
}

/* Whether the first `bytes` bytes are there, begin as a log, end a line and have no carriage return, which the
 * program never writes. */
static bool is_intact(const char *path, uint64_t bytes) {
    enum { BLOCK = 1 << 16 };
    char block[BLOCK], last = 0;
    int fd = fd_open(path, O_RDONLY);
    if (fd < 0 && !is_missing(errno)) cannot("open", path);
    bool plain = fd >= 0 && bytes >= START_LENGTH;
    for (uint64_t done = 0; plain && done < bytes;) {
        uint64_t left = bytes - done;
        int64_t count = fd_read(fd, block, left < BLOCK ? (size_t)left : BLOCK);
        if (count < 0) cannot("read", path);
        plain = count > 0 && !memchr(block, '\r', (size_t)count);
        if (done == 0 && plain)
            plain = count >= START_LENGTH && memcmp(block, START, START_LENGTH) == 0;
        if (count > 0) last = block[count - 1];
        done += (uint64_t)count;
    }
    if (fd >= 0) close(fd);
    return plain && last == '\n';
}

/* The contents with LF line ends, NUL-terminated, for mem_free; NULL if it is missing or not a regular
 * file. */
static char *converted(const char *path, size_t *size) {
    static const char BOM[] = "\xEF\xBB\xBF";
    char *text = file_contents(path, INT64_MAX - 1, size);
    if (!text && !is_missing(errno) && errno != EFBIG) cannot("read", path);
    if (!text) return NULL;
    char *lines = mem_alloc(*size + 2);
    size_t kept = 0, first = *size >= 3 && memcmp(text, BOM, 3) == 0 ? 3 : 0;
    for (size_t i = first; i < *size; i++) {
        if (text[i] == '\r' && (i + 1 == *size || text[i + 1] == '\n')) continue;
        lines[kept++] = text[i];
    }
    /* An editor may have removed the last line end. */
    if (kept && lines[kept - 1] != '\n') lines[kept++] = '\n';
    lines[kept] = '\0';
    mem_free(text);
    *size = kept;
    return lines;
}

LogState log_state(const char *dir, const char *name, uint64_t bytes) {
    char *path = text_format("%s/%s", dir, name);
    LogState state = LOG_INTACT;
    if (!is_intact(path, bytes)) {
        size_t size;
        char *text = converted(path, &size);
        bool fits = text && bytes > 0 && size >= bytes && text[bytes - 1] == '\n' &&
                    strncmp(text, START, START_LENGTH) == 0;
        state = fits ? LOG_CONVERTED : LOG_LOST;
        mem_free(text);
    }
    mem_free(path);
    return state;
}

void log_convert(const char *dir, const char *name) {
    size_t size;
    char *path = text_format("%s/%s", dir, name), *text = converted(path, &size);
    int error = text ? file_replace(path, text, size) : ENOENT;
    if (error) die(EXIT_IO, "cannot write %s: %s", path, strerror(error));
    mem_free(text);
    mem_free(path);
}

/* Whether all of a log is its header and records from step `first` on, which will be repeated. */
static bool is_repeated(const char *text, size_t first) {
    if (!*text) return true;
    if (strncmp(text, START, START_LENGTH) != 0) return false;
    for (const char *line = strchr(text, '\n'); line && line[1]; line = strchr(line + 1, '\n')) {
        char *end;
        unsigned long long step = strtoull(line + 1, &end, 10);
        if (*end != ',' || step < first) return false;
    }
    return true;
}

char *log_keep(const char *dir, const char *name, size_t first) {
    size_t size;
    char *path = text_format("%s/%s", dir, name), *kept = NULL;
    char *text = converted(path, &size);
    bool keep = text && size && !is_repeated(text, first);
    for (int n = 1; keep && !kept; n++) {
        kept = text_format("%s.old-%d", path, n);
        if (access(kept, F_OK) != 0) break;
        mem_free(kept);
        kept = NULL;
    }
    int error = kept ? file_move(path, kept) : 0;
    if (error) die(EXIT_IO, "cannot rename %s: %s", path, strerror(error));
    mem_free(text);
    mem_free(path);
    return kept;
}

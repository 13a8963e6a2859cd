/* fallback.c - see fallback.h. */
#include "run/io/fallback.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

enum { ENOTSUPP_OF_KERNEL = 524 }; /* some file systems return it; <errno.h> has no name for it */

static const struct {
    const char *lacks, *then;
} KINDS[] = {
    [FALLBACK_LOCK] = {"cannot lock files",
                       "a second process on another machine would not be noticed"},
    [FALLBACK_SYNC] = {"cannot sync", "a power loss may cost the last checkpoint, a kill does not"},
    [FALLBACK_SWAP] = {"cannot exchange folders", "the old one is renamed first"},
    [FALLBACK_MOVE] = {"cannot rename", "its contents are moved or rewritten in place"},
    [FALLBACK_SPACE] = {"does not report its free space",
                        "a full disk is noticed when a write fails"},
};
enum { KIND_COUNT = sizeof KINDS / sizeof *KINDS };

bool call_is_missing(int error) {
    return error == ENOSYS || error == EINVAL || error == EOPNOTSUPP || error == ENOTSUPP_OF_KERNEL;
}

void fallback_warn(Fallback kind, const char *path, int error) {
    static bool said[KIND_COUNT];
    if (said[kind]) return;
    said[kind] = true;
    fprintf(stderr, "train: warning: the file system of %s %s", path, KINDS[kind].lacks);
    if (error) fprintf(stderr, " (%s)", strerror(error));
    fprintf(stderr, ": %s\n", KINDS[kind].then);
}

/* streams.c - see streams.h. */
#include "run/io/streams.h"

#include "base/base.h"
#include "run/io/stop.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

static int lost; /* the errno of the first failure of standard output, 0 = none */

void streams_hold(void) {
    int fd;
    do {
        fd = open("/dev/null", O_RDWR);
    } while (fd >= 0 && fd <= STDERR_FILENO);
    if (fd >= 0) close(fd);
    signal(SIGPIPE, SIG_IGN);
    signal(SIGXFSZ, SIG_IGN);
}

/* Text that is longer than the buffer fails before it is flushed, and errno is gone by then. Another
 * byte usually fails for the same reason. */
bool stdout_flush(void) {
    bool before = ferror(stdout) != 0;
    if (before) {
        clearerr(stdout);
        putchar('\n');
    }
    if (fflush(stdout) != 0 && !lost) lost = errno;
    if (before && !lost) lost = EIO;
    return !lost;
}

/* Some file systems report a full disk only when the file is closed. */
static void close_copy(void) {
    int copy = dup(STDOUT_FILENO);
    if (copy >= 0 && close(copy) && errno != EINTR && !lost) lost = errno;
}

int streams_end(int code, bool training) {
    if (stdout_flush()) close_copy();
    if (!lost) return code;
    if (lost == EPIPE) {
        if (!training) die_of_signal(SIGPIPE);
        return code;
    }
    fprintf(stderr, "train: error: cannot write to standard output: %s%s\n", strerror(lost),
            training && code == EXIT_DONE ? "; the files of the run are complete" : "");
    return code == EXIT_DONE ? (int)EXIT_IO : code;
}

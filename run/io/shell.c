/* shell.c - see shell.h. */
#include "run/io/shell.h"

#include "base/base.h"
#include "base/text_out.h"
#include "run/io/stop.h"

#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <signal.h>
#include <spawn.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

/* How long a command may take; and when this process has been asked to stop, which may be followed
 * by SIGKILL. */
static const double LIMIT_SECONDS = 60, STOP_SECONDS = 5;

/* posix_spawn, because fork copies the page tables of the whole model, and between fork and exec the
 * child of a process with threads may call almost nothing. A process group of its own keeps Ctrl-C
 * from it, and can be killed whole. Signals with a handler get their default action by exec; those
 * that streams_hold ignores do not. */
static int start(pid_t *child, const char *command, char **environment) {
    char *arguments[] = {"sh", "-c", (char *)command, NULL};
    posix_spawn_file_actions_t files;
    posix_spawnattr_t attributes;
    sigset_t defaults;
    sigemptyset(&defaults);
    sigaddset(&defaults, SIGPIPE);
    sigaddset(&defaults, SIGXFSZ);
    posix_spawn_file_actions_init(&files);
    posix_spawnattr_init(&attributes);
    int error = posix_spawn_file_actions_addopen(&files, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
    if (!error) error = posix_spawn_file_actions_adddup2(&files, STDERR_FILENO, STDOUT_FILENO);
    if (!error) error = posix_spawnattr_setsigdefault(&attributes, &defaults);
    if (!error) error = posix_spawnattr_setpgroup(&attributes, 0);
    if (!error)
        error =
            posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSIGDEF | POSIX_SPAWN_SETPGROUP);
    if (!error) error = posix_spawn(child, "/bin/sh", &files, &attributes, arguments, environment);
    posix_spawnattr_destroy(&attributes);
    posix_spawn_file_actions_destroy(&files);
    return error;
}

/* Waits until the child has ended or `limit` has passed; true with its status in the first case. It
 * polls, because a signal to this process must shorten the limit. */
static bool wait_for(pid_t child, int *status) {
    const double started = clock_seconds();
    long pause = 1000000;
    double stopped = INFINITY;
    *status = 0;
    for (;;) {
        const pid_t ended = waitpid(child, status, WNOHANG);
        /* Without a status if the caller of this program has it ignore SIGCHLD. */
        if (ended == child || (ended < 0 && errno == ECHILD)) return true;
        const double now = clock_seconds();
        if (stop_requested() && isinf(stopped)) stopped = now;
        if (now - started > LIMIT_SECONDS || now - stopped > STOP_SECONDS) return false;
        nanosleep(&(struct timespec){.tv_nsec = pause}, NULL);
        if (pause < 50000000) pause += pause / 2;
    }
}

char *shell_run(const char *command, char **environment, bool *hung) {
    pid_t child;
    int status;
    const int error = start(&child, command, environment);
    *hung = !error && !wait_for(child, &status);
    if (error) return text_format("cannot start /bin/sh: %s", strerror(error));
    if (*hung) {
        kill(-child, SIGKILL);
        while (waitpid(child, &status, 0) < 0 && errno == EINTR) {}
        return text_format("took longer than %.0f s, was killed and will not run again",
                           stop_requested() ? STOP_SECONDS : LIMIT_SECONDS);
    }
    if (WIFEXITED(status) && WEXITSTATUS(status) == 0) return NULL;
    if (WIFEXITED(status)) return text_format("failed with exit code %d", WEXITSTATUS(status));
    return text_format("died of signal %d", WTERMSIG(status));
}

/* child.h - runs a function in a child process: its exit status and its messages on stderr.
 *
 * One idea: an error ends the program, so a test provokes each error in a child process. An alarm
 * ends a child that hangs. */
#ifndef TESTS_LIB_CHILD_H
#define TESTS_LIB_CHILD_H

#include "tests/lib/test.h"

#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

static char said[4096]; /* stderr of the last child */

void __gcov_dump(void) __attribute__((weak)); /* defined in builds of scripts/coverage.sh only */

/* Runs before the exit handlers inherited from the parent, whose files are still needed, and before
 * LeakSanitizer, which would report allocations of threads that the child does not have. */
static inline void child_leave(int status, void *unused) {
    (void)unused;
    if (__gcov_dump) __gcov_dump();
    _exit(status);
}

/* The exit code of a child that calls `function`; the negative signal number if one ended it. */
static inline int run_child(void (*function)(const void *), const void *argument) {
    int ends[2], status;
    fflush(stdout);
    if (pipe(ends) != 0) abort();
    pid_t child = fork();
    if (child == 0) {
        on_exit(child_leave, NULL);
        alarm(5);
        dup2(ends[1], STDERR_FILENO);
        function(argument);
        exit(EXIT_DONE);
    }
    close(ends[1]);
    size_t length = 0;
    for (ssize_t got = 1; got > 0 && length < sizeof said - 1; length += (size_t)got) {
        got = read(ends[0], said + length, sizeof said - 1 - length);
        if (got < 0) abort();
    }
    said[length] = '\0';
    close(ends[0]);
    if (child < 0 || waitpid(child, &status, 0) != child) abort();
    return WIFEXITED(status) ? WEXITSTATUS(status) : -WTERMSIG(status);
}

#endif

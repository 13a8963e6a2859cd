/* strike.c - runs a program, sends it signals at given times and prints how it ended.
 *
 *     strike [--ignore SIGNAL] MS,SIGNAL[,MS,SIGNAL]... PROGRAM [ARGUMENT]...
 *
 * After MS milliseconds (fractions allowed) the program gets SIGNAL, after MS more the next one.
 * --ignore starts it with that signal ignored, like nohup. The last line is "exit CODE MS" or
 * "signal NUMBER MS"; the milliseconds count from the last signal sent, or from the start if none
 * was sent. Unlike a shell, this distinguishes exit code 130 from death by SIGINT. */
#include "tests/fault/tracee.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static double now_ms(void) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec * 1e3 + (double)now.tv_nsec * 1e-6;
}

/* Waits until the child ends (true) or until time `moment` (false). SIGCHLD is blocked, so that
 * sigtimedwait() also returns if it arrived before the call. */
static bool ended_before(pid_t program, double moment, int *status) {
    sigset_t child;
    sigemptyset(&child);
    sigaddset(&child, SIGCHLD);
    for (;;) {
        if (waitpid(program, status, WNOHANG) == program) return true;
        double left = moment - now_ms();
        if (left <= 0) return false;
        time_t seconds = (time_t)(left / 1e3);
        struct timespec pause = {seconds, (long)((left - (double)seconds * 1e3) * 1e6)};
        sigtimedwait(&child, NULL, &pause);
    }
}

static pid_t start(char **argv, int ignored) {
    pid_t program = fork();
    if (program < 0) give_up("cannot fork: %s", strerror(errno));
    if (program > 0) return program;
    sigset_t none;
    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, NULL);
    signal(SIGINT, SIG_DFL);
    if (ignored) signal(ignored, SIG_IGN);
    execvp(argv[0], argv);
    give_up("cannot run %s: %s", argv[0], strerror(errno));
}

int main(int argc, char **argv) {
    int first = 1, ignored = 0, status;
    if (argc > 3 && strcmp(argv[1], "--ignore") == 0) {
        ignored = atoi(argv[2]);
        first = 3;
    }
    if (argc < first + 2) give_up("usage: strike [--ignore SIGNAL] MS,SIGNAL... PROGRAM...");
    sigset_t child;
    sigemptyset(&child);
    sigaddset(&child, SIGCHLD);
    sigprocmask(SIG_BLOCK, &child, NULL);
    pid_t program = start(argv + first + 1, ignored);
    double since = now_ms();
    bool ended = false;
    for (char *plan = argv[first], *word; !ended && (word = strsep(&plan, ","));) {
        const char *number = strsep(&plan, ",");
        if (!number) give_up("a time without a signal");
        ended = ended_before(program, since + atof(word), &status);
        if (!ended) kill(program, atoi(number));
        if (!ended) since = now_ms();
    }
    if (!ended) ended_before(program, since + 1e9, &status);
    bool killed = WIFSIGNALED(status);
    printf("\n%s %d %.0f\n", killed ? "signal" : "exit",
           killed ? WTERMSIG(status) : WEXITSTATUS(status), now_ms() - since);
    return 0;
}

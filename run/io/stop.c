/* stop.c - see stop.h. */
#include "run/io/stop.h"

#include "base/base.h"

#include <errno.h>
#include <signal.h>
#include <stddef.h>
#include <string.h>
#include <unistd.h>

enum { BY_FLAG = -1 }; /* instead of a signal */

static const struct {
    int number;
    const char *name;
    bool kills; /* the program dies of it after the checkpoint */
} SIGNALS[] = {
    {SIGINT, "SIGINT", true},      {SIGTERM, "SIGTERM", true},  {SIGHUP, "SIGHUP", true},
    {SIGUSR1, "SIGUSR1", false},   {SIGUSR2, "SIGUSR2", false}, {SIGXCPU, "SIGXCPU", false},
    {BY_FLAG, "--stop-at", false},
};
enum { SIGNAL_COUNT = sizeof SIGNALS / sizeof *SIGNALS };

/* Wrappers such as timeout(1) signal the process and then its group, so that the same signal arrives
 * twice. A second SIGINT within this time is not taken as impatience. */
static const double SAME_SIGNAL_SECONDS = 0.1;

static volatile sig_atomic_t requested; /* the signal, 0 = none yet */
static double requested_at;             /* clock_seconds, which is safe in a handler */
static const char *first_message;       /* printed at the first signal */

void die_of_signal(int number) {
    sigset_t only;
    signal(number, SIG_DFL);
    sigemptyset(&only);
    sigaddset(&only, number);
    raise(number);
    sigprocmask(SIG_UNBLOCK, &only, NULL); /* a signal is blocked in its own handler */
    _exit(128 + number);
}

static void record_signal(int number) {
    int error = errno; /* restored below, for the interrupted code */
    bool again = requested && clock_seconds() - requested_at > SAME_SIGNAL_SECONDS;
    if (again && number == SIGINT) die_of_signal(number);
    if (!requested && write(STDERR_FILENO, first_message, strlen(first_message)) < 0) {
        /* a closed stderr is no reason not to stop */
    }
    if (!requested) requested_at = clock_seconds();
    requested = number;
    errno = error;
}

void stop_install(const char *message) {
    struct sigaction action = {.sa_handler = record_signal, .sa_flags = SA_RESTART}, before;
    first_message = message;
    sigemptyset(&action.sa_mask);
    for (int i = 0; i < SIGNAL_COUNT; i++) {
        if (SIGNALS[i].number == BY_FLAG) continue;
        sigaction(SIGNALS[i].number, NULL, &before);
        if (before.sa_handler != SIG_IGN) sigaction(SIGNALS[i].number, &action, NULL);
    }
}

void stop_request(void) {
    if (!requested) requested = BY_FLAG;
}

bool stop_requested(void) {
    return requested != 0;
}

static int index_of_request(void) {
    int i = 0;
    while (i + 1 < SIGNAL_COUNT && SIGNALS[i].number != requested) i++;
    return i;
}

const char *stop_signal_name(void) {
    return SIGNALS[index_of_request()].name;
}

int stop_code(void) {
    int i = index_of_request();
    return SIGNALS[i].kills ? 128 + SIGNALS[i].number : EXIT_STOPPED;
}

void stop_die(void) {
    int i = index_of_request();
    if (SIGNALS[i].kills) die_of_signal(SIGNALS[i].number);
}

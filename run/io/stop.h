/* stop.h - signals: a run stops between two steps, with a checkpoint.
 *
 * One idea: the handler only records the signal, and the training loop stops at the next step. The
 * program then kills itself with the same signal, so that the sender sees what ended it: one Ctrl-C
 * also ends a shell loop around runs, which exit code 130 would not.
 *
 *     SIGINT, SIGTERM, SIGHUP   checkpoint, then die of the signal; a second SIGINT, at least
 *                               0.1 s after the first, kills immediately
 *     SIGUSR1, SIGUSR2, SIGXCPU checkpoint, then exit code 75: queues send them before they kill
 *
 * --stop-at requests a stop like SIGUSR1, after the update it names.
 *
 * A signal that was ignored when the program started (nohup) stays ignored.
 * State is static: one process, one run. Read next: train.c. */
#ifndef RUN_IO_STOP_H
#define RUN_IO_STOP_H

#include <stdbool.h>

/* Installs the handlers. The first signal prints `message`, a constant. */
void stop_install(const char *message);
/* Requests a stop without a signal, for --stop-at. */
void stop_request(void);
/* Whether a stop was requested. */
bool stop_requested(void);
/* What requested it, "SIGINT" ..., for messages. */
const char *stop_signal_name(void);
/* The exit code of the stopped run: 75, or 128 plus the signal number, as shells show it. */
int stop_code(void);
/* Dies of the signal; returns if it is one of those that end with 75. Everything must have been
 * written before. */
void stop_die(void);
/* Dies of signal `number`, or exits with the code that shells show for it: process 1 of a container
 * does not die of a signal with its default action. */
_Noreturn void die_of_signal(int number);

#endif

/* stop.h - signals: a run that is asked to stop ends between two updates, with a checkpoint.
 *
 * One idea: the handler only notes the signal; the loop looks when it can stop cleanly. Whoever
 * sent the signal must see that it worked, so the program then dies of that signal: a shell loop
 * around a sweep ends at one Ctrl-C, which an exit code of 130 would not achieve.
 *
 *     SIGINT, SIGTERM, SIGHUP   checkpoint, then die of the signal (a second SIGINT, not
 *                               the echo of the first: at once)
 *     SIGUSR2                   checkpoint, exit code 75: can be resumed
 *     SIGPIPE, SIGXFSZ          ignored: the failing write is dealt with where it happens
 *
 * A signal that was ignored when the program began (nohup) stays ignored.
 * State is static: one process, one run. Read next: train.c. */
#ifndef RUN_IO_STOP_H
#define RUN_IO_STOP_H

#include <stdbool.h>

/* From now on the signals ask for a stop instead of killing. The first one prints `promise`, a
 * constant: what will be done about it. */
void stop_install(const char *promise);
/* Whether one has. */
bool stop_requested(void);
/* Its name, "SIGINT" ..., for messages. */
const char *stop_signal_name(void);
/* The exit code of a run that was stopped: 75, or what a shell shows for the signal. */
int stop_code(void);
/* Dies of the signal; returns where that is not asked for (SIGUSR2). Nothing may be left to write.
 */
void stop_die(void);

#endif

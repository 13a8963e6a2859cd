/* shell.h - runs a command of the user, and waits for it.
 *
 * One idea: the command gets nothing of this process but its environment, and it cannot hold it up:
 * standard input is /dev/null, standard output is standard error, all other files are closed
 * (O_CLOEXEC), signals have their default actions, and after a time limit it is killed with its
 * children. The caller decides where a command may come from. Read next: run/train/events.h. */
#ifndef RUN_IO_SHELL_H
#define RUN_IO_SHELL_H

#include <stdbool.h>

/* Runs `command` by /bin/sh -c. `environment` lists NAME=VALUE, NULL-terminated. Returns NULL if it
 * succeeded, else a message for mem_free; *hung: it was killed after the time limit. */
char *shell_run(const char *command, char **environment, bool *hung);

#endif

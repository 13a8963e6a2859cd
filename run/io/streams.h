/* streams.h - standard input, output and error: held open, and checked at the end.
 *
 * One idea: what a command prints is its result, so output that is lost is an error, like a file
 * that could not be written. A reader that has gone wanted no more: then the program ends as if
 * SIGPIPE had killed it, without a message. Training does not need its output and outlives both.
 * State is static: one process, one standard output. Read next: stop.h. */
#ifndef RUN_IO_STREAMS_H
#define RUN_IO_STREAMS_H

#include <stdbool.h>

/* Call once, before any file is opened: opens /dev/null for each standard stream that is closed.
 * Otherwise a file could get its descriptor, and messages would be written into the file. Ignores
 * SIGPIPE and SIGXFSZ, so that the failing write can report them. */
void streams_hold(void);
/* Flushes standard output; false if it cannot be written, now or before. */
bool stdout_flush(void);
/* Call at the end. Returns `code`; if standard output could not be written, prints the reason and
 * returns EXIT_IO in place of EXIT_DONE. If its reader has gone, dies of SIGPIPE, or only returns
 * `code` if the program was `training`. */
int streams_end(int code, bool training);

#endif

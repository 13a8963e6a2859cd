/* aside.h - an old run while --overwrite replaces it.
 *
 * One idea: the files of the old run are moved to DIR/.old-run, and removed only when the new run
 * has a checkpoint. If it fails before that, they are moved back. A file is always in one of the two
 * places, and DIR/.old-run/complete is there exactly while all of them are in .old-run, so that a
 * process that finds the folder after a crash knows what to do:
 *
 *     no `complete`                      a move was interrupted: move everything back
 *     `complete`, and DIR has no         the new run never had a checkpoint: remove its files, then
 *     checkpoint                         `complete`, and move everything back
 *     `complete`, and DIR has one        the new run has replaced the old one: remove the old one
 *
 * Files of others are never moved. The folder must be locked (rundir.h).
 * Nothing here owns memory. Read next: rundir.h. */
#ifndef RUN_STORE_ASIDE_H
#define RUN_STORE_ASIDE_H

#include <stdbool.h>

/* Moves the files of the run in `dir` to DIR/.old-run. Until the replacement is settled, the end of
 * the process settles it. A failure ends the program (EXIT_IO). */
void aside_move(const char *dir);

/* Settles the replacement that this process began, if there is one: removes the old run if the new
 * one has a checkpoint, or else moves it back, with a message. `keep`: the files of the new run are
 * a result, and are then kept in DIR/replaced-N. */
void aside_settle(bool keep);
/* The same after a crash, if DIR/.old-run exists. */
void aside_recover(const char *dir);
/* Whether it exists. */
bool aside_pending(const char *dir);

#endif

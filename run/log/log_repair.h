/* log_repair.h - logs that were changed after a checkpoint recorded their lengths.
 *
 * One idea: whether a run continues is decided by its checkpoint, never by its logs. A log that a
 * spreadsheet saved with CRLF is converted back. One that is missing or too short is started again,
 * and what it has of earlier steps is kept under another name.
 * A failing read or write ends the program (EXIT_IO). Read next: runlog.h. */
#ifndef RUN_LOG_LOG_REPAIR_H
#define RUN_LOG_LOG_REPAIR_H

#include "base/base.h"

typedef enum {
    LOG_INTACT,    /* has at least the recorded bytes, a record ends there */
    LOG_CONVERTED, /* would be, with LF instead of CRLF and without a byte order mark */
    LOG_LOST       /* missing, shorter, or changed in another way */
} LogState;

/* The state of DIR/NAME, of which a checkpoint recorded `bytes` bytes. */
LogState log_state(const char *dir, const char *name, uint64_t bytes);
/* Converts a LOG_CONVERTED file, atomically. */
void log_convert(const char *dir, const char *name);
/* Renames a LOG_LOST file to NAME.old-N if it has records of steps before `first`, or anything else
 * than records. Returns the new path for mem_free, NULL if there is nothing to keep. */
char *log_keep(const char *dir, const char *name, size_t first);

#endif

/* progress.h - the output of a run: a banner, progress lines, a summary.
 *
 * One idea: results go to standard output and progress goes to standard error, in plain lines that
 * can be redirected to a file. On a terminal there is also a status line that is redrawn in place,
 * and columns that do not fit are omitted. --quiet leaves the summary and errors. Read next: run/io/live.h, manifest.h. */
#ifndef RUN_LOG_PROGRESS_H
#define RUN_LOG_PROGRESS_H

#include "run/io/live.h"
#include "run/log/manifest.h"
#include "run/log/runlog.h"

typedef struct {
    const Manifest *manifest;
    const char *dir;
    bool quiet;                  /* prints only errors and the last line */
    size_t steps, first, spikes; /* first: the first step of this process */
    double started, printed;     /* clock_seconds of the start and of the last line */
    Live live;
    Sparkline losses;
} Progress;

/* Prints the banner, unless `quiet`: model, equations, data, entropy floor, schedules, and the step at which a
 * resumed run continues. */
Progress progress_start(const Manifest *manifest, const char *dir, size_t first, bool quiet);
/* Prints a line if the record has a validation loss, if it is the last, or if there is no status
 * line and the last line is old. */
void progress_row(Progress *progress, const LogRow *row, bool last);
/* Erases the status line. Call before anything else is printed during a run. */
void progress_pause(Progress *progress);
void progress_checkpoint(Progress *progress, size_t step);
void progress_spike(Progress *progress, size_t step, const SpikeReport *report, const char *tensor,
                    const char *action);
/* Prints how the run ended, and a command to use next. */
void progress_end(Progress *progress, const Summary *summary);

#endif

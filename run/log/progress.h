/* progress.h - what a run says while it goes on: a banner, a line now and then, a summary.
 *
 * One idea: results go to standard output, everything a person only watches goes to standard error,
 * in plain lines that read the same in a file; a terminal gets one more line, which moves, and as
 * many columns as it has room for. Read next: run/io/live.h, manifest.h. */
#ifndef RUN_LOG_PROGRESS_H
#define RUN_LOG_PROGRESS_H

#include "run/io/live.h"
#include "run/log/manifest.h"
#include "run/log/runlog.h"

typedef struct {
    const Manifest *manifest;
    const char *dir;
    size_t steps, first, spikes; /* first: the step that this process began with */
    double started, said;        /* clock_seconds of the start and of the last line */
    Live live;
    History losses;
} Progress;

/* Prints the banner: model, equations, data, entropy floor, the RMSNorm factor, and from which step
 * on a resumed run goes on. */
Progress progress_start(const Manifest *manifest, const char *dir, size_t first);
/* Prints a line where the row holds a validation loss, is the last, or (where nothing moves) the
 * last line is old. */
void progress_row(Progress *progress, const LogRow *row, bool last);
/* Before anything else is printed while a run goes on. */
void progress_pause(Progress *progress);
void progress_checkpoint(Progress *progress, size_t step);
void progress_spike(Progress *progress, size_t step, const SpikeReport *report, const char *tensor,
                    const char *action);
/* Prints how the run ended and what to do next. */
void progress_end(Progress *progress, const Summary *summary);

#endif

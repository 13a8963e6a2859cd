/* replay_report.h - what a replay says of the update that is looked at, on standard output.
 *
 * One idea: a file has every number, a terminal the three that matter most of each kind: tensors,
 * activations, rows. Read next: replay.c. */
#ifndef RUN_COMMANDS_REPLAY_REPORT_H
#define RUN_COMMANDS_REPLAY_REPORT_H

#include "run/commands/worst_rows.h"

/* The tensors whose gradient grew most: by the detector's report where the update was flagged, else
 * against the update before, whose norms are `before` (NULL = unknown). `now` are its own. */
void report_tensors_grown(size_t step, const SpikeReport *report, const Params *params,
                          const double *before, const double *now);
/* The sites whose rms or absmax changed most against the update before. */
void report_activations(size_t step, const Probe *before, const Probe *now);
/* The worst rows of `count`. */
void report_rows(size_t step, const RowLoss *rows, size_t count, const Run *run);

#endif

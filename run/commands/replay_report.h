/* replay_report.h - prints the update that --replay examines.
 *
 * One idea: the files have all numbers, the terminal shows the three most important ones of each
 * kind: tensors, activations, sequences. Read next: replay.c. */
#ifndef RUN_COMMANDS_REPLAY_REPORT_H
#define RUN_COMMANDS_REPLAY_REPORT_H

#include "run/commands/worst_rows.h"

/* The tensors whose gradient norm grew most: relative to the detector's window if the update was
 * flagged, else relative to the update before, whose norms are `before` (NULL = unknown). `now`:
 * the norms of the update itself. An update that is not finite has `nonfinite` instead. */
void print_tensors_grown(size_t step, const SpikeReport *spike, const Params *params,
                         const NonFinite *nonfinite, const double *before, const double *now);
/* The activations whose rms or absmax changed most since the update before. */
void print_activations(size_t step, const Probe *before, const Probe *now);
/* The worst of `count` sequences, which are sorted. */
void print_sequences(size_t step, const SequenceLoss *losses, size_t count, const Run *run);

#endif

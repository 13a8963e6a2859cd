/* tensors.h - tensors.csv: the size of every tensor, of its gradient and of its change over training.
 *
 * One idea: one record per tensor of the registry, in its order, at the steps of layers.csv. All
 * sizes are root mean squares per element, so that tensors of any shape are comparable.
 * Read next: docs/layers.md. */
#ifndef RUN_LOG_TENSORS_H
#define RUN_LOG_TENSORS_H

#include "model/params.h"
#include "run/io/csv.h"

/* The header line of the file. */
extern const char TENSORS_HEADER[];

/* Writes the records of step `step` from the L2 norms of the gradients, before clipping, and of the
 * changes of the weights in this step (params_count each); `changes` NULL = the step was skipped. */
void tensors_write(Csv *csv, size_t step, const Params *params, const double *gradients,
                   const double *changes);

#endif

/* layers.h - the rows of layers.csv: what the activations of every sublayer look like, and their
 * gradients.
 *
 * One idea: a long table, one row per site and group of tokens, so that a plot is a filter: all
 * rows with site `stream` over `layer` are the residual stream over depth. What is measured, and
 * when, stands in model/probe.h. Read next: docs/layers.md. */
#ifndef RUN_LOG_LAYERS_H
#define RUN_LOG_LAYERS_H

#include "model/probe.h"
#include "run/io/csv.h"

/* The first line of the file. */
extern const char LAYERS_HEADER[];

/* The word of column `position` for a group of tokens: first, rest. */
const char *layers_position(size_t group);
/* The rows of update `step`: two for every site that the probe has measured. */
void layers_write(Csv *csv, size_t step, const Probe *probe);

#endif

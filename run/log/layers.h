/* layers.h - layers.csv: statistics of the activations of every sublayer and of their gradients.
 *
 * One idea: long format, one record per site and group of tokens, so that plotting is filtering: the
 * records with site `stream` over `layer` are the residual stream over depth. model/probe.h defines
 * what is measured, and when. Read next: docs/layers.md. */
#ifndef RUN_LOG_LAYERS_H
#define RUN_LOG_LAYERS_H

#include "model/probe.h"
#include "run/io/csv.h"

/* The header line of the file. */
extern const char LAYERS_HEADER[];

/* The value of column `position` for a group of tokens: "first" or "rest". */
const char *layers_position(size_t group);
/* Writes the records of step `step`: two for every site that the probe has measured. `peaks`
 * (L,TOKEN_GROUPS) are the largest attention logits of the blocks, for the site `scores`; NULL = they
 * were not measured. */
void layers_write(Csv *csv, size_t step, const Probe *probe, const real *peaks);

#endif

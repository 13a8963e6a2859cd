/* findings.h - a measurement in words, tables and charts.
 *
 * One idea: every number is said with what it is a mean or a maximum of, and what is not finite is
 * said in a sentence. Names of norms, sublayers and blocks are those of tensors: they count from 0.
 * Nothing is kept. Read next: measurement.h, page.h, docs/measuring.md. */
#ifndef RUN_MEASURE_FINDINGS_H
#define RUN_MEASURE_FINDINGS_H

#include "run/measure/measurement.h"
#include "run/measure/page.h"

/* The page about a stored model; `run` is its name and `source` what was measured. */
Page findings_page(const Measurement *measurement, const StoredModel *stored, const char *run,
                   const char *source);

/* The section about the losses, in findings_loss.c. */
void findings_losses(Page *page, const Measurement *measurement);

/* For names such as blocks.3.attn.norm_in: the part behind the block, and the block; NULL without a
 * block. */
const char *findings_in_block(const char *name, size_t *block);

#endif

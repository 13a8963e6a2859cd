/* measure.h - --measure: a page about the norms of a stored model.
 *
 * One idea: the page is written when everything is measured, so a run that is interrupted leaves no
 * file. Read next: run/measure/measurement.h, run/measure/findings.h. */
#ifndef RUN_COMMANDS_MEASURE_H
#define RUN_COMMANDS_MEASURE_H

#include "run/commands/cli.h"

/* --measure RUN [TEXT]: prints the page as Markdown, or writes --out FILE.md or FILE.html. The keys that
 * can be set are those of --eval; --set train.eval_rows=N measures N sequences. With --dry-run it
 * prints memory and time only. Returns EXIT_DIVERGED if the loss of the model as it is is not
 * finite. */
int measure(const Cli *cli);

#endif

/* bench.h - --bench N: how fast a run trains, beside how fast this machine multiplies.
 *
 * One idea: a machine's speed moves while one watches, so every step is compared with products that
 * were measured right before and right after it; the ratio is what a program can be proud of, the
 * milliseconds are what a user pays. Nothing is logged, validated or written.
 * Read next: bench.c. */
#ifndef RUN_COMMANDS_BENCH_H
#define RUN_COMMANDS_BENCH_H

#include "run/config/config.h"

/* Trains `steps` steps after a few that do not count. The last line on stdout is
 * ms_per_step=.. tokens_per_s=.. model_gflops=.. sgemm_gflops=.. ratio=.. peak_rss_mb=..
 * all but the last medians over the steps, the ratio of the pairs; the line before it gives the
 * share of each phase (base/phase.h) in the time of all steps. */
int bench(const Config *config, size_t steps, int argc, char **argv);

#endif

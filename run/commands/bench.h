/* bench.h - --bench N: training speed, relative to the GEMM speed of this machine.
 *
 * One idea: the speed of a machine changes while it is measured, so every block of steps is
 * compared with GEMMs timed right before and right after it. The ratio measures the program;
 * milliseconds depend on the machine. Nothing is logged, validated or written.
 * Read next: bench.c. */
#ifndef RUN_COMMANDS_BENCH_H
#define RUN_COMMANDS_BENCH_H

#include "run/config/config.h"

/* Trains `steps` steps after a few warm-up steps. The last line on stdout is
 * ms_per_step=.. tokens_per_s=.. model_gflops=.. sgemm_gflops=.. ratio=.. peak_rss_mb=..
 * All values but the last are medians over blocks of steps; the ratio is the median of the ratios.
 * The line before it has the percentage of each phase (base/phase.h) in the time of all steps. */
int bench(const Config *config, size_t steps, int argc, char **argv);

#endif

/* bench.c - see bench.h. */
#include "run/commands/bench.h"

#include "base/machine.h"
#include "base/phase.h"
#include "ops/ops.h"
#include "run/train/memory.h"
#include "run/train/trainer.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Warm-up steps touch all pages, start the threads and fill the moments of AdamW. */
enum { WARM_STEPS = 3, SAMPLES_MIN = 20, SIDE = 2048 };
static const double ENGINE_SECONDS = 0.5; /* for the speed of the engine */

typedef struct {
    double seconds, rate; /* of a step; FLOP/s of the GEMMs before and after it */
} Pair;

static int compare(const void *a, const void *b) {
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static double median(double *values, size_t n) {
    qsort(values, n, sizeof *values, compare);
    return n % 2 ? values[n / 2] : 0.5 * (values[n / 2 - 1] + values[n / 2]);
}

/* FLOP/s of one GEMM of SIDE x SIDE matrices. */
static double gemm_rate(void) {
    return ops_probe_library(SIDE, 0).mean;
}

/* The mean rate of `count` GEMMs. */
static double sample(size_t count) {
    double sum = 0;
    for (size_t i = 0; i < count; i++) sum += gemm_rate();
    return sum / (double)count;
}

/* Runs one step; adds the seconds of each phase to `phases`. */
static double step_seconds(Run *run, size_t step, double phases[PHASES]) {
    LogRow row = {0};
    double seconds[PHASES];
    phase_start();
    run_update(run, step, &row);
    phase_stop(seconds);
    for (int i = 0; i < PHASES; i++) phases[i] += seconds[i];
    return 1e-3 * row.value[LOG_STEP_MS];
}

/* Splits the steps into `blocks` blocks with GEMM samples before, between and after them. Each pair
 * gets the median step of a block and the mean rate of the samples around it. */
static void measure(Run *run, Pair *pairs, size_t blocks, size_t steps, size_t samples,
                    double phases[PHASES]) {
    double *seconds = mem_alloc(size_mul(steps, sizeof *seconds)), before = sample(samples);
    size_t done = 0;
    for (size_t b = 0; b < blocks; b++) {
        size_t first = done, end = steps * (b + 1) / blocks;
        for (; done < end; done++) seconds[done] = step_seconds(run, WARM_STEPS + done + 1, phases);
        double after = sample(samples);
        pairs[b] = (Pair){median(seconds + first, end - first), 0.5 * (before + after)};
        before = after;
    }
    mem_free(seconds);
}

/* Percentage of the time of all steps; PHASE_OTHER last. */
static void print_phases(const double phases[PHASES]) {
    double total = 0;
    for (int i = 0; i < PHASES; i++) total += phases[i];
    for (int i = 1; i <= PHASES; i++) {
        int phase = i % PHASES;
        printf("%s=%.1f%%%s", phase_name(phase), 100 * phases[phase] / total,
               phase == PHASE_OTHER ? "\n" : " ");
    }
}

static void print_figures(const Run *run, const Pair *pairs, size_t blocks, double peak_mb) {
    const TrainOptions *train = &run->config->train;
    double tokens = (double)(train->batch * train->accum * run->model->shape.T);
    MemoryPlan plan;
    if (!memory_plan(&plan, run->config, run->model->shape.V))
        die(EXIT_INTERNAL, "a model that was built cannot be measured");
    double flops = tokens * model_flops_per_token(&plan.model);
    double *column[3];
    for (size_t k = 0; k < 3; k++) column[k] = mem_alloc(blocks * sizeof(double));
    for (size_t b = 0; b < blocks; b++) {
        column[0][b] = pairs[b].seconds;
        column[1][b] = pairs[b].rate;
        column[2][b] = flops / pairs[b].seconds / pairs[b].rate;
    }
    double seconds = median(column[0], blocks), rate = median(column[1], blocks);
    printf("ms_per_step=%.6g tokens_per_s=%.6g model_gflops=%.6g sgemm_gflops=%.6g ratio=%.4f "
           "peak_rss_mb=%.6g precision=%s engine=%s engine_gflops=%.6g\n",
           1e3 * seconds, tokens / seconds, 1e-9 * flops / seconds, 1e-9 * rate,
           median(column[2], blocks), peak_mb, precision_name(run->config->model.precision),
           ops_engine((Precision)run->config->model.precision),
           1e-9 * ops_probe_gemm(SIDE, SIDE, SIDE, ENGINE_SECONDS).best);
    for (size_t k = 0; k < 3; k++) mem_free(column[k]);
}

int bench(const Config *config, size_t steps, int argc, char **argv) {
    Run run;
    Config longer = *config; /* its schedule covers all steps that will run */
    longer.train.steps = WARM_STEPS + steps;
    ops_start(config->train.threads);
    run_open(&run, &longer, argc, argv);
    run.progress.manifest = &run.manifest;
    double phases[PHASES] = {0};
    for (size_t step = 1; step <= WARM_STEPS; step++) step_seconds(&run, step, phases);
    memset(phases, 0, sizeof phases);
    double peak_mb = machine_resident_peak() / (1 << 20); /* before the GEMM samples allocate */
    size_t blocks = steps < SAMPLES_MIN ? steps : SAMPLES_MIN;
    size_t samples = (SAMPLES_MIN + blocks) / (blocks + 1); /* in each gap */
    Pair *pairs = mem_alloc(size_mul(blocks, sizeof *pairs));
    measure(&run, pairs, blocks, steps, samples, phases);
    print_phases(phases);
    print_figures(&run, pairs, blocks, peak_mb);
    mem_free(pairs);
    run_close(&run);
    return EXIT_DONE;
}

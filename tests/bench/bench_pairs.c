/* bench_pairs.c - the ratio of the step times of two configs: `make bench` runs it.
 *
 *   bench_pairs CONFIG PAIRS KEY=VALUE KEY=VALUE
 *
 * Two runs of CONFIG in one process, A with the first setting and B with the second, alternate
 * their steps, A B B A, so that other load on the machine affects both. Prints the geometric mean
 * of the ratio of B's step time to A's and its 95 % confidence interval over the pairs. */
#include "ops/ops.h"
#include "run/train/trainer.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

enum { WARM = 3, PAIRS_MAX = 1000 };

static void open_run(Run *run, Config *config, const char *path, const char *set, size_t steps) {
    if (!config_load(config, path, &set, 1)) exit(EXIT_USAGE);
    config->train.steps = steps;
    run_open(run, config, 0, NULL);
    run->progress.manifest = &run->manifest;
}

static double step_seconds(Run *run, size_t step) {
    LogRow row = {0};
    run_update(run, step, &row);
    return 1e-3 * row.value[LOG_STEP_MS];
}

int main(int argc, char **argv) {
    if (argc != 5) {
        fprintf(stderr, "usage: bench_pairs CONFIG PAIRS KEY=VALUE KEY=VALUE\n");
        return EXIT_USAGE;
    }
    size_t pairs = (size_t)atoi(argv[2]);
    if (pairs < 2 || pairs > PAIRS_MAX) die(EXIT_USAGE, "PAIRS is 2 to %d", PAIRS_MAX);
    ops_exec_tuned(argv);
    config_start();
    ops_start(0);
    Config configs[2];
    Run runs[2];
    for (int i = 0; i < 2; i++) open_run(&runs[i], &configs[i], argv[1], argv[3 + i], WARM + pairs);
    for (size_t step = 1; step <= WARM; step++) {
        for (int i = 0; i < 2; i++) step_seconds(&runs[i], step);
    }
    double sum = 0, squares = 0, total[2] = {0};
    for (size_t pair = 0; pair < pairs; pair++) {
        double seconds[2];
        for (size_t turn = 0; turn < 2; turn++) {
            size_t i = (turn + pair) % 2;
            seconds[i] = step_seconds(&runs[i], WARM + pair + 1);
            total[i] += seconds[i];
        }
        double ratio = log(seconds[1] / seconds[0]);
        sum += ratio;
        squares += ratio * ratio;
    }
    double n = (double)pairs, mean = sum / n;
    double error = sqrt((squares - n * mean * mean) / (n - 1) / n) *
                   2; /* Student's t is about 2.0 from 30 pairs on */
    printf("| %s | %s | %.2f | %.2f | %.4f | %.4f .. %.4f |\n", argv[3], argv[4],
           1e3 * total[0] / n, 1e3 * total[1] / n, exp(mean), exp(mean - error), exp(mean + error));
    for (int i = 0; i < 2; i++) {
        run_close(&runs[i]);
        config_free(&configs[i]);
    }
    return 0;
}

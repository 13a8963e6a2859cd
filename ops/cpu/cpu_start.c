/* cpu_start.c - threads and libraries, checked before anything is computed.
 *
 * One idea: what silently costs a factor - the wrong flavour of OpenBLAS, threads that spin against
 * each other - or silently breaks the NaN checks is found at the first line of the program.
 * Read next: cpu_gemm.c. */
#include "ops/cpu/cpu.h"
#include "ops/ops.h"

#include <cblas.h>
#include <omp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* libgomp's threads spin for milliseconds at the end of every loop, which is fine until another
 * process wants the cores: two runs side by side on two cores made 1,000 tokens/s each, 8,500 with
 * this count, and a run alone lost nothing. */
static bool spins_for_long(void) {
    return !getenv("GOMP_SPINCOUNT") && !getenv("OMP_WAIT_POLICY");
}

/* OpenBLAS takes a processor that is newer than itself for one of 2004 (Prescott, which never had
 * what this build needs). The kernels it should have chosen, or NULL where it chose well: on a Xeon
 * of 2023 they multiply 4 to 6 times as fast (0.3.21). */
static const char *better_kernels(void) {
    if (getenv("OPENBLAS_CORETYPE") || strcmp(openblas_get_corename(), "Prescott") != 0)
        return NULL;
    bool wide = __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512vl") &&
                __builtin_cpu_supports("avx512bw") && __builtin_cpu_supports("avx512dq");
    return wide ? "SkylakeX" : "Haswell";
}

void ops_exec_tuned(char **argv) {
    bool spins = spins_for_long();
    const char *kernels = better_kernels();
    if (!spins && !kernels) return;
    if (spins && setenv("GOMP_SPINCOUNT", "3000", 1) != 0) return;
    if (kernels && setenv("OPENBLAS_CORETYPE", kernels, 1) != 0) return;
    execv("/proc/self/exe", argv);
}

static bool nan_is_seen(void) {
    volatile double nothing = 0;
    return __builtin_isnan(nothing / nothing) && !__builtin_isfinite(1 / nothing);
}

void ops_start(size_t threads) {
    if (threads) omp_set_num_threads((int)threads);
    gemm_reserve();
    if (!nan_is_seen()) {
        die(EXIT_INTERNAL,
            "this binary was built with -ffast-math: isnan() is dead, build it without");
    }
    if (openblas_get_parallel() != OPENBLAS_OPENMP) {
        fprintf(stderr,
                "train: warning: the OpenBLAS loaded is not its OpenMP flavour (up to 3.5 times "
                "slower): install libopenblas-openmp-dev and run make again\n");
    }
}

const char *ops_blas(void) {
    static char text[256];
    snprintf(text, sizeof text, "%s, kernels %s", openblas_get_config(), openblas_get_corename());
    return text;
}

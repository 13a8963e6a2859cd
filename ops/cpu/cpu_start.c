/* cpu_start.c - threads and libraries, checked before anything is computed.
 *
 * One idea: some defects of a setup are silent. The wrong build of OpenBLAS and threads that spin
 * against each other cost a multiple of the time; -ffast-math disables the NaN checks. All of them
 * are corrected or reported before the first step.
 * Read next: cpu_gemm.c. */
#include "ops/cpu/cpu.h"
#include "ops/ops.h"

#include <cblas.h>
#include <omp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* By default the threads of libgomp spin for milliseconds at the end of every parallel loop. That
 * is harmless until another process needs the cores: two runs side by side on two cores made 1,000
 * tokens/s each, and 8,500 with GOMP_SPINCOUNT=3000. A single run was not slower. */
static bool spins_by_default(void) {
    return !getenv("GOMP_SPINCOUNT") && !getenv("OMP_WAIT_POLICY");
}

/* OpenBLAS treats a processor that is newer than itself as a Prescott of 2004, which cannot run
 * this build at all, so the name is a sure sign. Returns the kernels that it should have chosen, or
 * NULL if its choice is right. On a Xeon of 2023 they are 4 to 6 times as fast (OpenBLAS
 * 0.3.21). */
static const char *better_kernels(void) {
    if (getenv("OPENBLAS_CORETYPE") || strcmp(openblas_get_corename(), "Prescott") != 0)
        return NULL;
    bool wide = __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512vl") &&
                __builtin_cpu_supports("avx512bw") && __builtin_cpu_supports("avx512dq");
    return wide ? "SkylakeX" : "Haswell";
}

/* libgomp and OpenBLAS read their environment variables in constructors, before main(). It is too
 * late to set them here, so the program executes itself again with the variables set. Invariant: it
 * does so at most once, because both checks above look at the variables and find them set in the
 * second process. A variable that the user has set is never changed. exec keeps the process id,
 * the arguments and the open files. */
void ops_exec_tuned(char **argv) {
    bool spins = spins_by_default();
    const char *kernels = better_kernels();
    if (!spins && !kernels) return;
    if (spins && setenv("GOMP_SPINCOUNT", "3000", 1) != 0) return;
    if (kernels && setenv("OPENBLAS_CORETYPE", kernels, 1) != 0) return;
    execv("/proc/self/exe", argv);
}

static bool isnan_works(void) {
    volatile double zero = 0;
    return __builtin_isnan(zero / zero) && !__builtin_isfinite(1 / zero);
}

void ops_start(size_t threads) {
    if (threads) omp_set_num_threads((int)threads);
    gemm_reserve();
    if (!isnan_works()) {
        die(EXIT_INTERNAL,
            "this binary was built with -ffast-math, which disables isnan(): build it without");
    }
    if (openblas_get_parallel() != OPENBLAS_OPENMP) {
        fprintf(stderr,
                "train: warning: the OpenBLAS that was loaded is not built for OpenMP (up to 3.5 "
                "times slower): install libopenblas-openmp-dev and run make again\n");
    }
}

const char *ops_blas(void) {
    static char text[256];
    snprintf(text, sizeof text, "%s, kernels %s", openblas_get_config(), openblas_get_corename());
    return text;
}

/* cpu_start.c - threads and libraries, checked before anything is computed.
 *
 * One idea: some defects of a setup are silent. The wrong build of OpenBLAS and threads that spin
 * against each other cost a multiple of the time; -ffast-math disables the NaN checks. All of them
 * are corrected or reported before the first step.
 * Read next: cpu_gemm.c. */
#include "ops/cpu/cpu.h"
#include "ops/ops.h"
#include "base/groups.h"
#include "base/program.h"
#include "base/requirements.h"

#include <cblas.h>
#include <math.h>
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
 * this build at all, so the name is a sure sign. On aarch64 its kernels for an unknown processor are
 * made for every ARMv8. Returns the kernels that it should have chosen, or
 * NULL if its choice is right. On a Xeon of 2023 they are 4 to 6 times as fast (OpenBLAS
 * 0.3.21). */
static const char *better_kernels(void) {
#ifdef __x86_64__
    if (getenv("OPENBLAS_CORETYPE") || strcmp(openblas_get_corename(), "Prescott") != 0)
        return NULL;
    bool wide = __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512vl") &&
                __builtin_cpu_supports("avx512bw") && __builtin_cpu_supports("avx512dq");
    return wide ? "SkylakeX" : "Haswell";
#else
    return NULL;
#endif
}

/* libgomp and OpenBLAS read their environment variables in constructors, before main(). It is too
 * late to set them here, so the program executes itself again with the variables set. Invariant: it
 * does so at most once, because both checks above look at the variables and find them set in the
 * second process. A variable that the user has set is never changed. exec keeps the process id,
 * the arguments and the open files. A program that the loader was told to run cannot do so. */
void ops_exec_tuned(char **argv) {
    if (program_by_loader()) return;
    bool spins = spins_by_default();
    const char *kernels = better_kernels();
    if (!spins && !kernels) return;
    if (spins && setenv("GOMP_SPINCOUNT", "3000", 1) != 0) return;
    if (kernels && setenv("OPENBLAS_CORETYPE", kernels, 1) != 0) return;
    requirements_unbind();
    execv("/proc/self/exe", argv);
}

static bool isnan_works(void) {
    volatile double zero = 0;
    return __builtin_isnan(zero / zero) && !__builtin_isfinite(1 / zero);
}

static double deciding_quota; /* see ops_threads_quota */

double ops_threads_quota(void) {
    return deciding_quota;
}

const char *ops_threads_text(void) {
    static char text[64];
    int length = snprintf(text, sizeof text, "%zu threads", ops_threads());
    if (deciding_quota > 0)
        snprintf(text + length, sizeof text - (size_t)length, " (CPU quota %.3g)", deciding_quota);
    return text;
}

/* More threads than the quota pays for wait for each other: as soon as the quota of a period is used
 * up, the kernel stops all of them until the next period. */
static size_t default_threads(void) {
    const double cores = fmin((double)ops_threads(), omp_get_num_procs()), quota = groups_cpus("");
    if (ceil(quota) < cores) deciding_quota = quota;
    return (size_t)fmin(ceil(quota), cores);
}

/* A team must have the size that was asked for. OpenMP may give fewer threads if OMP_DYNAMIC or
 * OMP_MAX_ACTIVE_LEVELS says so, which are overridden, or if OMP_THREAD_LIMIT does, which cannot
 * be: OpenBLAS then waits for ever for the others. */
static void start_team(size_t threads) {
    omp_set_dynamic(0);
    omp_set_max_active_levels(1);
    deciding_quota = 0;
    omp_set_num_threads((int)(threads ? threads : default_threads()));
    omp_set_num_threads((int)ops_threads());
    if (ops_threads() < threads)
        fprintf(stderr,
                "train: warning: OMP_THREAD_LIMIT allows %zu of train.threads = %zu; the results "
                "are the same\n",
                ops_threads(), threads);
}

/* Our loops call OpenBLAS on every thread, so the library must not start threads of its own. The
 * flavour for OpenMP is told by each thread (cpu_gemm.c), the others here. */
static void check_blas(void) {
    const char *kernels = better_kernels();
    if (kernels)
        fprintf(stderr,
                "train: warning: this OpenBLAS does not know the processor and uses slow kernels: "
                "set OPENBLAS_CORETYPE=%s\n",
                kernels);
    if (openblas_get_parallel() == OPENBLAS_OPENMP) return;
    openblas_set_num_threads(1);
    fprintf(stderr, "train: warning: the OpenBLAS that was loaded is not built for OpenMP (up to "
                    "3.5 times slower): install libopenblas-openmp-dev and run make again\n");
}

void ops_start(size_t threads) {
    start_team(threads);
    gemm_reserve();
    if (!isnan_works()) {
        die(EXIT_INTERNAL,
            "this binary was built with -ffast-math, which disables isnan(): build it without");
    }
    check_blas();
}

const char *ops_blas(void) {
    static char text[256];
    snprintf(text, sizeof text, "%s, kernels %s", openblas_get_config(), openblas_get_corename());
    return text;
}

/* requirements.c - see requirements.h.
 *
 * One idea: without AVX2 the program would die of an illegal instruction, and with little address
 * space OpenBLAS 0.3.21 tries for ever to allocate its buffers before main(). A function in
 * .preinit_array runs before the constructors of all libraries, so both end with a message. The
 * Makefile compiles this file for any x86-64 processor, without sanitizers, and links it into
 * every program.
 * Read next: ../ops/cpu/cpu_start.c. */
#define _GNU_SOURCE /* sched_getaffinity */
#include "base/requirements.h"

#include "base/base.h"

#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <unistd.h>

static cpu_set_t processors; /* as this process was started */
static bool processors_known;

static _Noreturn void refuse(const char *message) {
    ssize_t ignored = write(STDERR_FILENO, message, strlen(message));
    (void)ignored;
    _exit(EXIT_USAGE);
}

static void check_processor(void) {
#ifdef __x86_64__
    __builtin_cpu_init();
    if (!__builtin_cpu_supports("avx2") || !__builtin_cpu_supports("fma") ||
        !__builtin_cpu_supports("bmi2"))
        refuse("train: error: this processor has no AVX2, FMA and BMI2, which every matrix "
               "multiplication here uses; Intel has them since Haswell (2013), AMD since Zen "
               "(2017)\n");
#endif
}

/* The number in the environment variable `name`; 0 if it is missing or not a number. */
static long number_in(char **environment, const char *name) {
    size_t length = strlen(name);
    for (; *environment; environment++) {
        const char *entry = *environment;
        if (strncmp(entry, name, length) == 0 && entry[length] == '=')
            return strtol(entry + length + 1, NULL, 10);
    }
    return 0;
}

/* As OpenBLAS counts them: the processors that this process may use, or fewer by request. */
static long blas_threads(char **environment) {
    static const char *const names[] = {"OPENBLAS_NUM_THREADS", "GOTO_NUM_THREADS",
                                        "OMP_NUM_THREADS"};
    long count = 0;
    for (size_t i = 0; i < 3 && count <= 0; i++) count = number_in(environment, names[i]);
    long cores = processors_known ? CPU_COUNT(&processors) : 1;
    return count > 0 && count < cores ? count : cores;
}

/* OpenBLAS maps a buffer per thread in its constructor; the rest is for the other libraries. */
static void check_address_space(char **environment) {
    const size_t buffer = (size_t)128 << 20, rest = (size_t)4 << 20;
    struct rlimit limit;
    if (getrlimit(RLIMIT_AS, &limit) != 0 || limit.rlim_cur == RLIM_INFINITY) return;
    long threads = blas_threads(environment);
    size_t needed = (size_t)threads * buffer + rest;
    void *probe = mmap(NULL, needed, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (probe != MAP_FAILED) {
        munmap(probe, needed);
        return;
    }
    char message[320];
    snprintf(message, sizeof message,
             "train: error: ulimit -v %llu leaves too little address space for OpenBLAS, which "
             "reserves %zu MB for %ld thread%s: raise the limit%s\n",
             (unsigned long long)limit.rlim_cur / 1024, needed >> 20, threads,
             threads == 1 ? "" : "s",
             threads == 1 ? "" : ", or set OMP_NUM_THREADS to a smaller number");
    refuse(message);
}

void requirements_check(int argc, char **argv, char **environment) {
    (void)argc;
    (void)argv;
    processors_known = sched_getaffinity(0, sizeof processors, &processors) == 0;
    check_processor();
    check_address_space(environment);
}

__attribute__((section(".preinit_array"),
               used)) static void (*before_libraries)(int, char **, char **) = requirements_check;

void requirements_unbind(void) {
    if (processors_known) (void)sched_setaffinity(0, sizeof processors, &processors);
}

/* cpu_probe.c - short measurements of the speed of GEMMs and of AdamW updates on this machine.
 *
 * One idea: the time of a training step is predicted from the functions that the step will call,
 * measured on this machine at its present load. A probe frees its memory when it returns. */
#include "ops/cpu/cpu.h"
#include "ops/ops.h"

typedef struct {
    real *a, *b, *c, *d;
    size_t M, N, K;
} Probe;

/* Repeats `work`, of `units` each, for about `seconds`, at least once. */
static ProbeRate repeat(void (*work)(const Probe *), const Probe *probe, double units,
                        double seconds) {
    double first = clock_seconds(), best = 0, spent = 0;
    size_t times = 0;
    work(probe); /* warm-up: maps pages, starts threads */
    double begin = clock_seconds();
    while (times < 1 || begin - first < seconds) {
        work(probe);
        double end = clock_seconds(), rate = units / (end - begin);
        spent += end - begin;
        if (rate > best) best = rate;
        begin = end;
        times++;
    }
    return (ProbeRate){.mean = units * (double)times / spent, .best = best};
}

static void linear(const Probe *probe) {
    linear_forward(probe->c, probe->a, probe->b, NULL, probe->M, probe->N, probe->K);
}

static void openblas_gemm(const Probe *probe) {
    gemm_openblas(&(Gemm){.M = probe->M,
                          .N = probe->N,
                          .K = probe->K,
                          .alpha = 1,
                          .A = probe->a,
                          .lda = probe->K,
                          .B = probe->b,
                          .ldb = probe->N,
                          .C = probe->c,
                          .ldc = probe->N});
}

static ProbeRate probe_gemm(void (*work)(const Probe *), size_t M, size_t N, size_t K,
                            double seconds) {
    size_t a = size_mul(M, K), b = size_mul(N, K), c = size_mul(M, N);
    real *all = mem_alloc(size_mul(a + b + c, sizeof(real))); /* one block */
    Probe probe = {.M = M, .N = N, .K = K, .a = all, .b = all + a, .c = all + a + b};
    double flops = 2 * (double)M * (double)N * (double)K;
    ProbeRate rate = repeat(work, &probe, flops, seconds);
    mem_free(all);
    return rate;
}

ProbeRate ops_probe_gemm(size_t M, size_t N, size_t K, double seconds) {
    return probe_gemm(linear, M, N, K, seconds);
}

ProbeRate ops_probe_library(size_t side, double seconds) {
    return probe_gemm(openblas_gemm, side, side, side, seconds);
}

static void update(const Probe *probe) {
    const AdamW adamw = {.beta1 = 0.9,
                         .beta2 = 0.99,
                         .eps = 1e-8,
                         .correction1 = 1,
                         .correction2 = 1,
                         .grad_scale = 1};
    adamw_update(probe->a, probe->b, probe->c, probe->d, &adamw, probe->N);
}

ProbeRate ops_probe_update(size_t n, double seconds) {
    real *all = mem_alloc(size_mul(size_mul(4, n), sizeof(real)));
    Probe probe = {.N = n, .a = all, .b = all + n, .c = all + 2 * n, .d = all + 3 * n};
    ProbeRate rate = repeat(update, &probe, (double)n, seconds);
    mem_free(all);
    return rate;
}

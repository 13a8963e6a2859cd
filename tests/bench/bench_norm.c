/* bench_norm.c - the memory bandwidth of the norms relative to STREAM: `make bench` runs it.
 *
 * A norm computes little, so on arrays larger than the cache its time is that of its memory
 * traffic. Bytes are counted as in STREAM: bytes read plus bytes written, without the cache lines
 * that a write fetches first. The reference is the triad of STREAM, a = b + s*c, measured in the
 * same process in alternation with the norms. Prints one line of a table per norm and pass; there
 * is no limit that could fail. */
#include "norm/norm.h"
#include "ops/ops.h"

#include <stdio.h>
#include <stdlib.h>

enum { C = 768, ROWS = 65536, N = C * ROWS, ROUNDS = 9, CASES_MAX = 64 };

typedef struct {
    const char *kind, *pass;
    double bytes;                          /* per element */
    double rate[ROUNDS], fraction[ROUNDS]; /* GB/s; relative to the triad measured around it */
} Case;

static real *a, *b, *c;

static double triad_rate(void) {
    double begin = clock_seconds();
#pragma omp parallel for simd schedule(static)
    for (size_t i = 0; i < N; i++) a[i] = b[i] + (real)3 * c[i];
    return 3 * sizeof(real) * (double)N / (clock_seconds() - begin);
}

static int compare(const void *x, const void *y) {
    double p = *(const double *)x, q = *(const double *)y;
    return (p > q) - (p < q);
}

static double median(double *values) {
    qsort(values, ROUNDS, sizeof *values, compare);
    return values[ROUNDS / 2];
}

/* Those whose time is that of their memory traffic: no statistics over rows, no matrices. */
static bool is_measured(const NormKind *kind) {
    return kind != &norm_none && !kind->gather && !kind->n_ranks;
}

/* pass 0 is forward, 1 is backward with GRAD_SET, 2 is backward with GRAD_ADD */
static double pass_seconds(const Norm *norm, int pass) {
    double begin = clock_seconds();
    if (pass == 0)
        norm_forward(norm, a, b, 1, ROWS);
    else
        norm_backward(norm, a, c, b, 1, ROWS, pass == 1 ? GRAD_SET : GRAD_ADD);
    return clock_seconds() - begin;
}

static Norm norm_of(const NormKind *kind) {
    Norm norm = {.kind = kind, .C = C, .eps = (real)1e-5};
    for (size_t i = 0; i < norm_param_count(kind); i++) {
        real *value = mem_alloc(C * sizeof *value);
        constant_fill(value, kind->param[i].start, C);
        norm.param[i] = value;
        norm.grad[i] = mem_alloc(C * sizeof *value);
    }
    norm.stats = mem_alloc(norm_stats(kind, C) * ROWS * sizeof(real));
    norm.partials = mem_alloc(norm_partials(kind, C) * sizeof(real) + 1);
    return norm;
}

int main(void) {
    static const char *const PASSES[] = {"forward", "backward, set", "backward, add"};
    static const double ARRAYS[] = {2, 3, 4}; /* x, y; dy, x, dx; dy, x, dx twice */
    static Case cases[CASES_MAX];
    Norm norms[CASES_MAX / 3];
    size_t kinds = 0;
    ops_start(0);
    a = mem_alloc(sizeof(real) * N);
    b = mem_alloc(sizeof(real) * N);
    c = mem_alloc(sizeof(real) * N);
    normal_fill(b, 1, "x", 1, 0, N);
    normal_fill(c, 1, "dy", 1, 0, N);
    for (int i = 0; norm_kind(i); i++) {
        if (is_measured(norm_kind(i))) norms[kinds++] = norm_of(norm_kind(i));
    }
    triad_rate();
    for (size_t round = 0; round < ROUNDS; round++) {
        for (size_t i = 0; i < 3 * kinds; i++) {
            size_t pass = i % 3;
            double before = triad_rate(), seconds = pass_seconds(&norms[i / 3], (int)pass);
            double triad = 0.5 * (before + triad_rate());
            Case *now = &cases[i];
            now->kind = norms[i / 3].kind->name;
            now->pass = PASSES[pass];
            now->bytes = ARRAYS[pass] * sizeof(real);
            now->rate[round] = 1e-9 * now->bytes * (double)N / seconds;
            now->fraction[round] = 1e9 * now->rate[round] / triad;
        }
    }
    printf("| norm | pass | bytes per element | GB/s | of triad |\n|---|---|---|---|---|\n");
    for (size_t i = 0; i < 3 * kinds; i++) {
        Case *now = &cases[i];
        printf("| %s | %s | %.0f | %.1f | %.0f %% |\n", now->kind, now->pass, now->bytes,
               median(now->rate), 100 * median(now->fraction));
    }
    return 0;
}

/* cpu_linear.c - linear layers and embeddings on the CPU.
 *
 * One idea: sums over rows (biases, embedding tables) give every thread its own columns and walk
 * the rows in order, so they need neither partial sums nor atomics to be the same on any thread
 * count. Floor 0. Read next: cpu_attention.c. */
#include "ops/cpu.h"
#include "ops/ops.h"

enum { COLUMNS = 64 }; /* columns a thread owns at a time: four cache lines of float */

void linear_forward(real *y, const real *x, const real *w, const real *bias, size_t R, size_t N,
                    size_t K) {
    gemm(false, true, R, N, K, x, K, w, K, 0, y, N, bias);
}

static void column_sums(real *sums, const real *dy, size_t R, size_t N) {
    PHASE(PHASE_ELEMENTWISE);
#pragma omp parallel for schedule(static) if (R * N > PARALLEL_MIN)
    for (size_t first = 0; first < N; first += COLUMNS) {
        size_t count = N - first < COLUMNS ? N - first : COLUMNS;
        real total[COLUMNS] = {0};
        for (size_t r = 0; r < R; r++) {
            const real *row = dy + r * N + first;
            for (size_t j = 0; j < count; j++) total[j] += row[j];
        }
        for (size_t j = 0; j < count; j++) sums[first + j] += total[j];
    }
}

void linear_backward(real *dx, real *dw, real *dbias, const real *dy, const real *x, const real *w,
                     size_t R, size_t N, size_t K) {
    gemm(false, false, R, K, N, dy, N, w, K, 1, dx, K, NULL);
    gemm(true, false, N, K, R, dy, N, x, K, 1, dw, K, NULL);
    if (dbias) column_sums(dbias, dy, R, N);
}

void embedding_forward(real *x, const int *tokens, const real *tok, const real *pos, size_t B,
                       size_t T, size_t C) {
    PHASE(PHASE_ELEMENTWISE);
#pragma omp parallel for schedule(static) if (B * T * C > PARALLEL_MIN)
    for (size_t r = 0; r < B * T; r++) {
        real *out = x + r * C;
        const real *token = tok + (size_t)tokens[r] * C;
        if (pos) {
            const real *position = pos + r % T * C;
            for (size_t c = 0; c < C; c++) out[c] = token[c] + position[c];
        } else {
            for (size_t c = 0; c < C; c++) out[c] = token[c];
        }
    }
}

void embedding_backward(real *dtok, real *dpos, const real *dx, const int *tokens, size_t B,
                        size_t T, size_t C) {
    PHASE(PHASE_ELEMENTWISE);
#pragma omp parallel for schedule(static) if (B * T * C > PARALLEL_MIN)
    for (size_t first = 0; first < C; first += COLUMNS) {
        size_t count = C - first < COLUMNS ? C - first : COLUMNS;
        for (size_t r = 0; r < B * T; r++) {
            const real *row = dx + r * C + first;
            real *token = dtok + (size_t)tokens[r] * C + first;
            for (size_t c = 0; c < count; c++) token[c] += row[c];
            if (!dpos) continue;
            real *position = dpos + r % T * C + first;
            for (size_t c = 0; c < count; c++) position[c] += row[c];
        }
    }
}

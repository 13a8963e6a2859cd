/* cpu_embedding.c - token and position embeddings on the CPU.
 *
 * One idea: in the gradient of a table every thread owns some of the columns and goes through the
 * tokens in order. Several tokens may then share a row of the table without partial sums or
 * atomics.
 * Read next: cpu_linear.c. */
#include "ops/cpu/cpu.h"
#include "ops/ops.h"

enum { COLUMNS = 64 }; /* columns per task: four cache lines of float */

void embedding_forward(real *x, const int *tokens, const real *tok, const real *pos, size_t B,
                       size_t T, size_t C) {
    PHASE(PHASE_ELEMENTWISE);
#pragma omp parallel for schedule(static) if (B * T * C > PARALLEL_MIN)
    for (size_t r = 0; r < B * T; r++) {
        real *x_row = x + r * C;
        const real *token = tok + (size_t)tokens[r] * C;
        if (pos) {
            const real *position = pos + r % T * C;
            for (size_t c = 0; c < C; c++) x_row[c] = token[c] + position[c];
        } else {
            for (size_t c = 0; c < C; c++) x_row[c] = token[c];
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
            const real *dx_row = dx + r * C + first;
            real *token = dtok + (size_t)tokens[r] * C + first;
            for (size_t c = 0; c < count; c++) token[c] += dx_row[c];
            if (!dpos) continue;
            real *position = dpos + r % T * C + first;
            for (size_t c = 0; c < count; c++) position[c] += dx_row[c];
        }
    }
}

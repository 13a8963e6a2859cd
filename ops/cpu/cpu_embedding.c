/* cpu_embedding.c - token and position tables on the CPU.
 *
 * One idea: the gradient of a table gives every thread its own columns and walks the rows in order,
 * so rows that share a token need neither partial sums nor atomics. Read next:
 * cpu_linear.c. */
#include "ops/cpu/cpu.h"
#include "ops/ops.h"

enum { COLUMNS = 64 }; /* columns a thread owns at a time: four cache lines of float */

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

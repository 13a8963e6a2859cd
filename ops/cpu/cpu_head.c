/* cpu_head.c - the output head and the cross-entropy loss, fused.
 *
 * One idea: the logits (R,V) are the largest tensor of a small model and are only reduced to a
 * loss. They are computed for one chunk of tokens at a time and are replaced in place by their
 * gradient.
 * Read next: cpu_elementwise.c. */
#include "ops/cpu/cpu.h"
#include "ops/ops.h"
#include "ops/cpu/vmath.h"

#include <math.h>

/* Tokens per chunk, fixed by V: about 64 MB of float logits, a multiple of 64 tokens. */
static size_t chunk_tokens(size_t V) {
    size_t rows = ((size_t)1 << 24) / V / 64 * 64;
    return rows < 64 ? 64 : rows;
}

size_t head_scratch(size_t R, size_t V) {
    size_t rows = chunk_tokens(V);
    return size_mul(rows < R ? rows : R, V);
}

/* The loss of one token; logits become grad_scale * (softmax - onehot). */
static double token_loss(real *logits, size_t target, real grad_scale, bool backward, size_t V) {
    enum { BLOCK = 2048 }; /* summed in real within a block, in double over blocks */
    real largest = logits[0], at_target = logits[target];
#pragma omp simd reduction(max : largest)
    for (size_t i = 1; i < V; i++) largest = logits[i] > largest ? logits[i] : largest;
    double total = 0;
    for (size_t first = 0; first < V; first += BLOCK) {
        size_t last = V - first < BLOCK ? V : first + BLOCK;
        real block = 0;
#pragma omp simd reduction(+ : block)
        for (size_t i = first; i < last; i++) {
            logits[i] = real_exp(logits[i] - largest);
            block += logits[i];
        }
        total += (double)block;
    }
    if (backward) {
        real by = (real)((double)grad_scale / total);
        for (size_t i = 0; i < V; i++) logits[i] *= by;
        logits[target] -= grad_scale;
    }
    return log(total) - ((double)at_target - (double)largest);
}

void head_loss(double *losses, real *dh, real *dw, const real *h, const real *w, const int *targets,
               real *scratch, real grad_scale, size_t R, size_t C, size_t V, GradWrite write) {
    PHASE(PHASE_LOSS);
    size_t rows = chunk_tokens(V);
    for (size_t first = 0; first < R; first += rows) {
        size_t count = R - first < rows ? R - first : rows;
        const real *chunk = h + first * C;
        linear_forward(scratch, chunk, w, NULL, count, V, C);
#pragma omp parallel for schedule(static) if (count * V > PARALLEL_MIN)
        for (size_t r = 0; r < count; r++) {
            losses[first + r] =
                token_loss(scratch + r * V, (size_t)targets[first + r], grad_scale, dh != NULL, V);
        }
        if (!dh) continue;
        linear_backward_input(dh + first * C, scratch, w, count, V, C, GRAD_SET);
        linear_backward_weight(dw, NULL, scratch, chunk, count, V, C, first ? GRAD_ADD : write);
    }
}

void head_logits(real *logits, const real *h, const real *w, size_t r, size_t C, size_t V) {
    linear_forward(logits, h + r * C, w, NULL, 1, V, C);
}

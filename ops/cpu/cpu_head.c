/* cpu_head.c - the output head and the cross-entropy loss, fused.
 *
 * One idea: the logits (R,V) are the largest tensor of a small model and are only reduced to a
 * loss. They are computed for one chunk of tokens at a time and are replaced in place by their
 * gradient. With a softcap the derivatives of a token's logits are kept in a row of their own.
 * Read next: cpu_elementwise.c. */
#include "ops/cpu/cpu.h"
#include "ops/ops.h"
#include "ops/cpu/vmath.h"

#include <math.h>
#include <omp.h>

/* Tokens per chunk, fixed by V: about 64 MB of float logits, a multiple of 64 tokens. */
static size_t chunk_tokens(size_t V) {
    size_t rows = ((size_t)1 << 24) / V / 64 * 64;
    return rows < 64 ? 64 : rows;
}

static size_t logit_rows(size_t R, size_t V) {
    const size_t rows = chunk_tokens(V);
    return rows < R ? rows : R;
}

size_t head_scratch(size_t R, size_t V, bool capped) {
    return size_mul(logit_rows(R, V) + (capped ? ops_threads() : 0), V);
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

/* --- softcap --- */

/* l = c tanh(l / c). `slopes` (V) receives the derivatives 1 - tanh^2, NULL = not wanted. */
ANY_WIDTH static void cap_logits(real *logits, real *slopes, real c, size_t V) {
    for (size_t i = 0; i < V; i++) {
        const real t = real_tanh(logits[i] / c);
        logits[i] = c * t;
        if (slopes) slopes[i] = fused(-t, t, 1);
    }
}

ANY_WIDTH static void multiply(real *x, const real *by, size_t n) {
    for (size_t i = 0; i < n; i++) x[i] *= by[i];
}

/* As token_loss, of the logits before their softcap. */
static double capped_loss(real *logits, real *slopes, real c, size_t target, real grad_scale,
                          bool backward, size_t V) {
    cap_logits(logits, slopes, c, V);
    const double loss = token_loss(logits, target, grad_scale, backward, V);
    if (backward) multiply(logits, slopes, V);
    return loss;
}

/* --- the head --- */

void head_loss(double *losses, real *dh, HeadGrads grads, const real *h, HeadWeights head,
               const int *targets, real *scratch, real grad_scale, size_t R, size_t C, size_t V,
               GradWrite write) {
    PHASE(PHASE_LOSS);
    const size_t rows = chunk_tokens(V);
    real *const slopes = scratch + logit_rows(R, V) * V;
    for (size_t first = 0; first < R; first += rows) {
        size_t count = R - first < rows ? R - first : rows;
        const real *chunk = h + first * C;
        linear_forward(scratch, chunk, head.w, head.bias, count, V, C);
#pragma omp parallel for schedule(static) if (count * V > PARALLEL_MIN)
        for (size_t r = 0; r < count; r++) {
            const size_t target = (size_t)targets[first + r];
            real *logits = scratch + r * V, *mine = slopes + (size_t)omp_get_thread_num() * V;
            losses[first + r] =
                head.softcap > 0
                    ? capped_loss(logits, mine, head.softcap, target, grad_scale, dh != NULL, V)
                    : token_loss(logits, target, grad_scale, dh != NULL, V);
        }
        if (!dh) continue;
        linear_backward_input(dh + first * C, scratch, head.w, count, V, C, GRAD_SET);
        linear_backward_weight(grads.w, grads.bias, scratch, chunk, count, V, C,
                               first ? GRAD_ADD : write);
    }
}

void head_logits(real *logits, const real *h, HeadWeights head, size_t r, size_t C, size_t V) {
    linear_forward(logits, h + r * C, head.w, head.bias, 1, V, C);
    if (head.softcap > 0) cap_logits(logits, NULL, head.softcap, V);
}

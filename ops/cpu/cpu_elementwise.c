/* cpu_elementwise.c - elementwise operations, and the parallel loop over chunks of rows.
 *
 * One idea: plain loops that the compiler vectorizes; only long ones run on several threads.
 * Read next: cpu_update.c. */
#include "ops/cpu/cpu.h"
#include "ops/cpu/half.h"
#include "ops/cpu/vmath.h"

#include <string.h>

#define FOR_EACH(i, n)                                                                             \
    _Pragma("omp parallel for simd schedule(static) if (n > PARALLEL_MIN)") for (size_t i = 0;     \
                                                                                 i < (n); i++)

void zero(real *x, size_t n) {
    PHASE(PHASE_ELEMENTWISE);
    FOR_EACH(i, n) x[i] = 0;
}

void copy(real *y, const real *x, size_t n) {
    PHASE(PHASE_ELEMENTWISE);
    FOR_EACH(i, n) y[i] = x[i];
}

void scale(real *x, real a, size_t n) {
    PHASE(PHASE_ELEMENTWISE);
    if (a == 1) return;
    FOR_EACH(i, n) x[i] *= a;
}

void add_scaled(real *y, const real *x, real a, size_t n) {
    PHASE(PHASE_ELEMENTWISE);
    if (a == 0) return;
    FOR_EACH(i, n) y[i] = fused(a, x[i], y[i]);
}

void copy_columns(real *y, size_t y_stride, const real *x, size_t x_stride, size_t R, size_t N) {
    PHASE(PHASE_ELEMENTWISE);
#pragma omp parallel for schedule(static) if (R * N > PARALLEL_MIN)
    for (size_t r = 0; r < R; r++) memcpy(y + r * y_stride, x + r * x_stride, N * sizeof *y);
}

/* --- rounding --- */

static inline void round_scaled_piece(real *x, Precision precision, real a, size_t n) {
    const real inverse = 1 / a;
    if (precision == PRECISION_BFLOAT16) {
        for (size_t i = 0; i < n; i++) x[i] = inverse * bfloat16_round(a * x[i]);
    } else if (precision == PRECISION_FLOAT16) {
        for (size_t i = 0; i < n; i++) x[i] = inverse * float16_round(a * x[i]);
    }
}

void round_piece(real *x, Precision precision, size_t n) {
    round_scaled_piece(x, precision, 1, n);
}

void round_scaled(real *x, Precision precision, real a, size_t n) {
    PHASE(PHASE_ELEMENTWISE);
    enum { BLOCK = 4096 };
    if (precision == PRECISION_FLOAT32) return;
#pragma omp parallel for schedule(static) if (n > PARALLEL_MIN)
    for (size_t first = 0; first < n; first += BLOCK)
        round_scaled_piece(x + first, precision, a, n - first < BLOCK ? n - first : BLOCK);
}

/* --- chains of row-wise operations --- */

void rows_share(RowWork *work, void *context, size_t R, size_t C) {
    PHASE(PHASE_NORM);
#pragma omp parallel for schedule(static) if (R * C > PARALLEL_MIN)
    for (size_t chunk = 0; chunk < ROW_CHUNKS; chunk++) {
        work(context, chunk, row_chunk_begin(chunk, R), row_chunk_begin(chunk + 1, R));
    }
}

void residual_piece(real *s, const real *x, const real *o, const real *x_block, real skip,
                    real branch, real block_skip, size_t n) {
    if (block_skip != 0) {
        for (size_t i = 0; i < n; i++)
            s[i] = fused(block_skip, x_block[i], fused(skip, x[i], branch * o[i]));
    } else {
        for (size_t i = 0; i < n; i++) s[i] = fused(skip, x[i], branch * o[i]);
    }
}

void scaled_piece(real *y, const real *x, real a, size_t n, GradWrite write) {
    if (write == GRAD_ADD) {
        if (a == 0) return;
        for (size_t i = 0; i < n; i++) y[i] = fused(a, x[i], y[i]);
    } else if (a == 0) {
        memset(y, 0, n * sizeof *y);
    } else {
        for (size_t i = 0; i < n; i++) y[i] = a * x[i];
    }
}

/* --- whole tensors --- */

double sum_of_squares(const real *x, size_t n) {
    PHASE(PHASE_OPTIMIZER);
    enum { CHUNKS = 16, BLOCK = 2048 }; /* summed in real within a block, in double over blocks */
    double partial[CHUNKS] = {0};
#pragma omp parallel for schedule(static) if (n > PARALLEL_MIN)
    for (size_t chunk = 0; chunk < CHUNKS; chunk++) {
        size_t begin = chunk_begin(chunk, CHUNKS, n), end = chunk_begin(chunk + 1, CHUNKS, n);
        double total = 0;
        for (size_t first = begin; first < end; first += BLOCK) {
            size_t last = end - first < BLOCK ? end : first + BLOCK;
            real block = 0;
#pragma omp simd reduction(+ : block)
            for (size_t i = first; i < last; i++) block += x[i] * x[i];
            total += (double)block;
        }
        partial[chunk] = total;
    }
    double sum = 0;
    for (size_t chunk = 0; chunk < CHUNKS; chunk++) sum += partial[chunk];
    return sum;
}

/* --- dropout --- */

void dropout_apply(real *x, const Dropout *dropout, size_t n) {
    PHASE(PHASE_ELEMENTWISE);
    enum { BLOCK = 4096 };
    if (dropout->p == 0) return;
#pragma omp parallel for schedule(static) if (n > PARALLEL_MIN)
    for (size_t first = 0; first < n; first += BLOCK) {
        dropout_mask(x + first, dropout, first / 4, n - first < BLOCK ? n - first : BLOCK);
    }
}

/* cpu_elementwise.c - operations that treat every element alike.
 *
 * One idea: plain loops that vectorise; threads share them only when they are long.
 * Floor 0. Read next: cpu_update.c. */
#include "ops/cpu.h"
#include "ops/vmath.h"

#include <string.h>

#define FOR_EACH(i, n)                                                                             \
    _Pragma("omp parallel for simd schedule(static) if (n > PARALLEL_MIN)") for (size_t i = 0;     \
                                                                                 i < (n); i++)

void zero(real *x, size_t n) {
    PHASE(PHASE_ELEMENTWISE);
    memset(x, 0, n * sizeof *x);
}

void copy(real *y, const real *x, size_t n) {
    PHASE(PHASE_ELEMENTWISE);
    memcpy(y, x, n * sizeof *y);
}

void scale(real *x, real a, size_t n) {
    PHASE(PHASE_ELEMENTWISE);
    if (a == 1) return;
    FOR_EACH(i, n) x[i] *= a;
}

void add_scaled(real *y, const real *x, real a, size_t n) {
    PHASE(PHASE_ELEMENTWISE);
    if (a == 0) return;
    FOR_EACH(i, n) y[i] += a * x[i];
}

void residual(real *s, const real *x, const real *o, const real *x_block, real skip, real branch,
              real block_skip, size_t n) {
    PHASE(PHASE_ELEMENTWISE);
    if (block_skip == 0) {
        FOR_EACH(i, n) s[i] = skip * x[i] + branch * o[i];
    } else {
        FOR_EACH(i, n) s[i] = skip * x[i] + branch * o[i] + block_skip * x_block[i];
    }
}

double sum_of_squares(const real *x, size_t n) {
    PHASE(PHASE_OPTIMIZER);
    enum { CHUNKS = 16, BLOCK = 2048 }; /* float lanes within a block, double from there on */
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

/* --- activations: value and derivative of each, then the loops over them -------------------------
 */

static const real GELU_SLOPE = (real)0.7978845608028654; /* sqrt(2/pi) */
static const real GELU_CUBIC = (real)0.044715;

static inline real gelu(real x) {
    return (real)0.5 * x * (1 + real_tanh(GELU_SLOPE * (x + GELU_CUBIC * x * x * x)));
}
static inline real gelu_slope(real x) {
    real t = real_tanh(GELU_SLOPE * (x + GELU_CUBIC * x * x * x));
    real inner = GELU_SLOPE * (1 + 3 * GELU_CUBIC * x * x);
    return (real)0.5 * (1 + t) + (real)0.5 * x * (1 - t * t) * inner;
}
static inline real silu(real x) {
    return x * real_sigmoid(x);
}
static inline real silu_slope(real x) {
    real s = real_sigmoid(x);
    return s * (1 + x * (1 - s));
}
/* Comparisons that let a NaN through: max(0, NaN) must not hide it. */
static inline real relu(real x) {
    return x < 0 ? 0 : x;
}
static inline real relu_slope(real x) {
    return x > 0 ? 1 : 0;
}
static inline real relu2(real x) {
    return relu(x) * relu(x);
}
static inline real relu2_slope(real x) {
    return 2 * relu(x);
}

/* One line per activation; BODY(f, df) is the loop. */
#define FOR_ACTIVATION(act, BODY)                                                                  \
    switch (act) {                                                                                 \
    case ACT_GELU:                                                                                 \
        BODY(gelu, gelu_slope);                                                                    \
        break;                                                                                     \
    case ACT_SILU:                                                                                 \
        BODY(silu, silu_slope);                                                                    \
        break;                                                                                     \
    case ACT_RELU:                                                                                 \
        BODY(relu, relu_slope);                                                                    \
        break;                                                                                     \
    case ACT_RELU2:                                                                                \
        BODY(relu2, relu2_slope);                                                                  \
        break;                                                                                     \
    }

void activation_forward(real *h, const real *x, Activation act, size_t n) {
    PHASE(PHASE_ELEMENTWISE);
#define BODY(f, df) FOR_EACH(i, n) h[i] = f(x[i])
    FOR_ACTIVATION(act, BODY)
#undef BODY
}

void activation_backward(real *dx, const real *dh, const real *x, Activation act, size_t n) {
    PHASE(PHASE_ELEMENTWISE);
#define BODY(f, df) FOR_EACH(i, n) dx[i] += dh[i] * df(x[i])
    FOR_ACTIVATION(act, BODY)
#undef BODY
}

void gated_forward(real *h, const real *gate, const real *up, Activation act, size_t n) {
    PHASE(PHASE_ELEMENTWISE);
#define BODY(f, df) FOR_EACH(i, n) h[i] = f(gate[i]) * up[i]
    FOR_ACTIVATION(act, BODY)
#undef BODY
}

void gated_backward(real *dgate, real *dup, const real *dh, const real *gate, const real *up,
                    Activation act, size_t n) {
    PHASE(PHASE_ELEMENTWISE);
#define BODY(f, df)                                                                                \
    FOR_EACH(i, n) {                                                                               \
        dgate[i] += dh[i] * up[i] * df(gate[i]);                                                   \
        dup[i] += dh[i] * f(gate[i]);                                                              \
    }
    FOR_ACTIVATION(act, BODY)
#undef BODY
}

/* --- dropout -------------------------------------------------------------------------------------
 */

void dropout_apply(real *x, const Dropout *dropout, size_t n) {
    PHASE(PHASE_ELEMENTWISE);
    enum { BLOCK = 4096 };
    if (dropout->p == 0) return;
#pragma omp parallel for schedule(static) if (n > PARALLEL_MIN)
    for (size_t first = 0; first < n; first += BLOCK) {
        drop_calls(x + first, dropout, first / 4, n - first < BLOCK ? n - first : BLOCK);
    }
}

/* cpu_linear.c - linear layers, alone and followed by an activation, on the CPU.
 *
 * One idea: what follows a GEMM is its epilogue: the bias, an activation or its derivative, the
 * sums of a bias gradient. It runs tile by tile while the tile is in the cache, not in a pass of
 * its own. Sums over rows: every tile owns some columns and goes through the rows in order, so the
 * result is the same for any number of threads, without partial sums or atomics.
 * Read next: cpu_attention.c. */
#include "ops/cpu/cpu.h"
#include "ops/ops.h"
#include "ops/cpu/vmath.h"

/* --- activations and their derivatives --- */

static const real GELU_SCALE = (real)0.7978845608028654; /* sqrt(2/pi) */
static const real GELU_CUBIC = (real)0.044715;

/* (1 + tanh(u))/2, computed as sigmoid(2u), which is faster and does not cancel near 0. */
static inline real gelu_gate(real x) {
    return real_sigmoid(2 * GELU_SCALE * fused(GELU_CUBIC * x * x, x, x));
}
static inline real gelu(real x) {
    return x * gelu_gate(x);
}
static inline real gelu_derivative(real x) {
    real gate = gelu_gate(x);
    real inner = 2 * GELU_SCALE * fused(3 * GELU_CUBIC * x, x, 1);
    return gate * fused(x * (1 - gate), inner, 1);
}
/* x Phi(x), with the cumulative distribution and the density of the standard normal distribution. */
static inline real gelu_erf(real x) {
    return (real)0.5 * x * (1 + real_erf(x * (real)0.70710678118654752));
}
static inline real gelu_erf_derivative(real x) {
    const real density = (real)0.39894228040143268 * real_exp((real)-0.5 * x * x);
    return fused(x, density, (real)0.5 * (1 + real_erf(x * (real)0.70710678118654752)));
}
static inline real silu(real x) {
    return x * real_sigmoid(x);
}
static inline real silu_derivative(real x) {
    real s = real_sigmoid(x), slope = fused(x, 1 - s, 0); /* a product that cannot be fused */
    return s * (1 + slope);
}
/* Written so that NaN stays NaN: max(0, NaN) would be 0. */
static inline real relu(real x) {
    return x < 0 ? 0 : x;
}
static inline real relu_derivative(real x) {
    return x > 0 ? 1 : 0;
}
static inline real relu2(real x) {
    return relu(x) * relu(x);
}
static inline real relu2_derivative(real x) {
    return 2 * relu(x);
}

/* One case per activation; BODY(f, df) is the loop. */
#define FOR_ACTIVATION(act, BODY)                                                                  \
    switch (act) {                                                                                 \
    case ACT_GELU:                                                                                 \
        BODY(gelu, gelu_derivative);                                                               \
        break;                                                                                     \
    case ACT_SILU:                                                                                 \
        BODY(silu, silu_derivative);                                                               \
        break;                                                                                     \
    case ACT_RELU:                                                                                 \
        BODY(relu, relu_derivative);                                                               \
        break;                                                                                     \
    case ACT_RELU2:                                                                                \
        BODY(relu2, relu2_derivative);                                                             \
        break;                                                                                     \
    case ACT_GELU_ERF:                                                                             \
        BODY(gelu_erf, gelu_erf_derivative);                                                       \
        break;                                                                                     \
    }

/* --- linear --- */

typedef struct {
    real *y;
    const real *bias; /* (N) or NULL */
    size_t N;
} BiasWork;

static void add_bias(const Tile *tile, const void *context) {
    const BiasWork *work = context;
    if (!work->bias) return;
    const real *bias = work->bias + tile->col;
    for (size_t i = 0; i < tile->rows; i++) {
        real *row = work->y + (tile->row + i) * work->N + tile->col;
        for (size_t j = 0; j < tile->cols; j++) row[j] += bias[j];
    }
}

static Gemm gemm_of_forward(real *y, const real *x, const real *w, size_t R, size_t N, size_t K) {
    return (Gemm){.tb = true,
                  .M = R,
                  .N = N,
                  .K = K,
                  .A = x,
                  .lda = K,
                  .B = w,
                  .ldb = K,
                  .alpha = 1,
                  .C = y,
                  .ldc = N};
}

static Gemm gemm_of_input(real *dx, const real *dy, const real *w, size_t R, size_t N, size_t K,
                          GradWrite write) {
    return (Gemm){.M = R,
                  .N = K,
                  .K = N,
                  .A = dy,
                  .lda = N,
                  .B = w,
                  .ldb = K,
                  .alpha = 1,
                  .beta = write == GRAD_ADD,
                  .C = dx,
                  .ldc = K};
}

void linear_forward(real *y, const real *x, const real *w, const real *bias, size_t R, size_t N,
                    size_t K) {
    Gemm g = gemm_of_forward(y, x, w, R, N, K);
    gemm(&g, add_bias, &(BiasWork){.y = y, .bias = bias, .N = N});
}

void linear_backward_input(real *dx, const real *dy, const real *w, size_t R, size_t N, size_t K,
                           GradWrite write) {
    Gemm g = gemm_of_input(dx, dy, w, R, N, K, write);
    gemm(&g, NULL, NULL);
}

typedef struct {
    real *dbias; /* (N) or NULL */
    const real *dy;
    size_t R, N;
} BiasSums;

/* dbias is summed with the tiles in the first column of dw, each for the features of its rows: that
 * part of dy has just been read. */
static void sum_columns(const Tile *tile, const void *context) {
    enum { COLUMNS = 64 }; /* per pass: four cache lines of float */
    const BiasSums *work = context;
    if (!work->dbias || tile->col != 0) return;
    for (size_t first = tile->row, end = tile->row + tile->rows; first < end; first += COLUMNS) {
        size_t count = end - first < COLUMNS ? end - first : COLUMNS;
        real total[COLUMNS] = {0};
        for (size_t r = 0; r < work->R; r++) {
            const real *row = work->dy + r * work->N + first;
            for (size_t j = 0; j < count; j++) total[j] += row[j];
        }
        for (size_t j = 0; j < count; j++) work->dbias[first + j] += total[j];
    }
}

void linear_backward_weight(real *dw, real *dbias, const real *dy, const real *x, size_t R,
                            size_t N, size_t K, GradWrite write) {
    Gemm g = {.ta = true,
              .M = N,
              .N = K,
              .K = R,
              .A = dy,
              .lda = N,
              .B = x,
              .ldb = K,
              .alpha = 1,
              .beta = write == GRAD_ADD,
              .C = dw,
              .ldc = K};
    gemm(&g, sum_columns, &(BiasSums){.dbias = dbias, .dy = dy, .R = R, .N = N});
}

/* --- folding --- */

void linear_fold_input(real *w, real *bias, const double *gain, const double *shift, size_t n,
                       double factor, size_t N, size_t K) {
    for (size_t row = 0; row < N; row++) {
        real *w_row = w + row * K;
        double shifted = 0;
        for (size_t k = 0; k < K; k++) shifted += (double)w_row[k] * shift[k % n];
        for (size_t k = 0; k < K; k++) w_row[k] = (real)((double)w_row[k] * factor * gain[k % n]);
        if (bias) bias[row] = (real)((double)bias[row] + factor * shifted);
    }
}

void linear_fold_output(real *w, real *bias, const double *gain, double factor, size_t N,
                        size_t K) {
    for (size_t row = 0; row < N; row++) {
        const double total = factor * gain[row];
        real *w_row = w + row * K;
        for (size_t k = 0; k < K; k++) w_row[k] = (real)((double)w_row[k] * total);
        if (bias) bias[row] = (real)((double)bias[row] * total);
    }
}

/* --- linear layer and activation --- */

typedef struct {
    BiasWork linear; /* computes z */
    real *h;
    const real *factor; /* (R,N) or NULL */
    Activation act;
} ActivatedWork;

ANY_WIDTH static void activate(const Tile *tile, const void *context) {
    const ActivatedWork *work = context;
    add_bias(tile, &work->linear);
    for (size_t i = 0; i < tile->rows; i++) {
        size_t at = (tile->row + i) * work->linear.N + tile->col;
        const real *z = work->linear.y + at, *factor = work->factor ? work->factor + at : NULL;
        real *h = work->h + at;
        if (factor) {
#define BODY(f, df)                                                                                \
    for (size_t j = 0; j < tile->cols; j++) h[j] = f(z[j]) * factor[j]
            FOR_ACTIVATION(work->act, BODY)
#undef BODY
        } else {
#define BODY(f, df)                                                                                \
    for (size_t j = 0; j < tile->cols; j++) h[j] = f(z[j])
            FOR_ACTIVATION(work->act, BODY)
#undef BODY
        }
    }
}

void activated_forward(real *h, real *z, const real *x, const real *w, const real *bias,
                       const real *factor, Activation act, size_t R, size_t N, size_t K) {
    Gemm g = gemm_of_forward(z, x, w, R, N, K);
    gemm(&g, activate,
         &(ActivatedWork){{.y = z, .bias = bias, .N = N}, .h = h, .factor = factor, .act = act});
}

typedef struct {
    real *dz, *dfactor;
    const real *z, *factor;
    size_t N;
    Activation act;
} DerivativeWork;

/* In place: dz contains dh before the call. */
ANY_WIDTH static void apply_derivative(const Tile *tile, const void *context) {
    const DerivativeWork *work = context;
    for (size_t i = 0; i < tile->rows; i++) {
        size_t at = (tile->row + i) * work->N + tile->col;
        const real *z = work->z + at, *factor = work->factor ? work->factor + at : NULL;
        real *dz = work->dz + at, *dfactor = work->factor ? work->dfactor + at : NULL;
        if (factor) {
#define BODY(f, df)                                                                                \
    _Pragma("omp simd") for (size_t j = 0; j < tile->cols; j++) {                                  \
        real dh = dz[j];                                                                           \
        dz[j] = dh * factor[j] * df(z[j]);                                                         \
        dfactor[j] = dh * f(z[j]);                                                                 \
    }
            FOR_ACTIVATION(work->act, BODY)
#undef BODY
        } else {
#define BODY(f, df)                                                                                \
    for (size_t j = 0; j < tile->cols; j++) dz[j] *= df(z[j])
            FOR_ACTIVATION(work->act, BODY)
#undef BODY
        }
    }
}

void activated_backward(real *dz, real *dfactor, const real *dy, const real *w, const real *z,
                        const real *factor, Activation act, size_t R, size_t N, size_t M) {
    Gemm g = gemm_of_input(dz, dy, w, R, M, N, GRAD_SET);
    gemm(&g, apply_derivative,
         &(DerivativeWork){
             .dz = dz, .dfactor = dfactor, .z = z, .factor = factor, .N = N, .act = act});
}

void activation_backward(real *dz, real *dfactor, const real *z, const real *factor, Activation act,
                         size_t R, size_t N) {
    PHASE(PHASE_ELEMENTWISE);
    const DerivativeWork work = {
        .dz = dz, .dfactor = dfactor, .z = z, .factor = factor, .N = N, .act = act};
#pragma omp parallel for schedule(static) if (R * N > PARALLEL_MIN)
    for (size_t chunk = 0; chunk < ROW_CHUNKS; chunk++) {
        const size_t first = row_chunk_begin(chunk, R), end = row_chunk_begin(chunk + 1, R);
        apply_derivative(&(Tile){.row = first, .rows = end - first, .cols = N}, &work);
    }
}

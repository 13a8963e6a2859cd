/* gated.c - GatedNorm (Qwen 2026, arXiv 2601.22966, 2608.30320): RMSNorm and a gate of low rank.
 *
 *   h = gamma x r, r = 1/sqrt(mean(x^2) + eps)   z = down h   a = silu(z)   g = sigmoid(up a)
 *   y = w h g, with matrices down (K,C) and up (C,K), K = max(C/8, 1)
 * The gate reads h without w. Backward, with sums over features and rows where indices repeat:
 *   dup = w dt a^T       where dt = dy h g (1 - g)
 *   dz = up^T dt silu'(z)   ddown = w dz h^T
 *   dh = dy g + down^T dz   dgamma = w sum(dh xhat)
 *   dx_i = r (u_i - xhat_i mean(u xhat)), u = w gamma dh, as in rmsnorm.c
 * If r is frozen, dx_i = r u_i; the gate stays. Statistics per row: z (K), a (K), r.
 *
 * A block of rows goes through one row of a matrix after the other, which is then read from memory
 * once per block. The multiplications are float32 whatever train.precision is. */
#include "norm/rmsnorm.h"
#include "ops/cpu/vmath.h"

enum { GAMMA, DOWN, UP };
enum { BLOCK = 8, TILE = 16 }; /* rows at once; features of the gate at once */

static real dot(const real *a, const real *b, size_t n) {
    real sum = 0;
#pragma omp simd reduction(+ : sum)
    for (size_t i = 0; i < n; i++) sum += a[i] * b[i];
    return sum;
}

/* y (n) += a x */
static void add(real *y, const real *x, real a, size_t n) {
    for (size_t i = 0; i < n; i++) y[i] = fused(a, x[i], y[i]);
}

/* The statistics of a row: z, then a, then r. */
static real *row_stats(const Norm *norm, size_t row) {
    return norm->stats + row * norm_stats(norm->kind, norm->C);
}

static size_t block_end(size_t first, NormSpan span) {
    return first + BLOCK < span.end ? first + BLOCK : span.end;
}

/* gate (TILE) of features c, c+1, ... of a row; returns how many these are. */
static size_t gate_tile(const Norm *norm, real *gate, size_t row, size_t c) {
    const size_t K = norm_rank(norm->C), n = c + TILE < norm->C ? TILE : norm->C - c;
    const real *up = norm->param[UP] + c * K, *a = row_stats(norm, row) + K;
    for (size_t i = 0; i < n; i++) gate[i] = dot(up + i * K, a, K);
    for (size_t i = 0; i < n; i++) gate[i] = real_sigmoid(gate[i]);
    return n;
}

/* h (C) of a row */
static void scaled_row(const Norm *norm, real *h, const real *x_row, real r) {
    const real *gamma = norm->param[GAMMA];
    for (size_t c = 0; c < norm->C; c++) h[c] = gamma[c] * (x_row[c] * r);
}

/* --- forward --- */

/* y holds h until the gate is known. */
static void gated_forward(const Norm *norm, real *y, const real *x, NormSpan span) {
    const size_t C = norm->C, K = norm_rank(C);
    for (size_t first = span.first, end; first < span.end; first = end) {
        end = block_end(first, span);
        for (size_t row = first; row < end; row++) {
            const real r = rms_row(norm, x + row * C, row);
            row_stats(norm, row)[2 * K] = r;
            scaled_row(norm, y + row * C, x + row * C, r);
        }
        for (size_t k = 0; k < K; k++) {
            for (size_t row = first; row < end; row++) {
                const real z = dot(norm->param[DOWN] + k * C, y + row * C, C);
                row_stats(norm, row)[k] = z;
                row_stats(norm, row)[K + k] = z * real_sigmoid(z);
            }
        }
        for (size_t c = 0; c < C; c += TILE) {
            for (size_t row = first; row < end; row++) {
                real gate[TILE], *y_row = y + row * C + c;
                const size_t n = gate_tile(norm, gate, row, c);
                for (size_t i = 0; i < n; i++) y_row[i] = span.w * y_row[i] * gate[i];
            }
        }
    }
}

/* --- backward --- */

/* What a block of rows needs, one after the other for each row of it. */
typedef struct {
    real *h, *dh, *dt; /* (BLOCK,C) */
    real *dz;          /* (BLOCK,K) */
} Scratch;

static size_t gated_scratch(size_t C) {
    return BLOCK * (3 * C + norm_rank(C));
}

static Scratch scratch_of(const Norm *norm, NormSums sums) {
    const size_t n = BLOCK * norm->C;
    return (Scratch){sums.scratch, sums.scratch + n, sums.scratch + 2 * n, sums.scratch + 3 * n};
}

/* h, dt, and the part of dh that does not pass the gate, of a block. */
static void gate_backward(const Norm *norm, Scratch s, const real *dy, const real *x, size_t first,
                          size_t end) {
    const size_t C = norm->C, K = norm_rank(C);
    for (size_t row = first; row < end; row++)
        scaled_row(norm, s.h + (row - first) * C, x + row * C, row_stats(norm, row)[2 * K]);
    for (size_t c = 0; c < C; c += TILE) {
        for (size_t row = first; row < end; row++) {
            const size_t at = (row - first) * C + c;
            const real *dy_row = dy + row * C + c;
            real gate[TILE];
            const size_t n = gate_tile(norm, gate, row, c);
            for (size_t i = 0; i < n; i++) {
                s.dh[at + i] = dy_row[i] * gate[i];
                s.dt[at + i] = s.dh[at + i] * s.h[at + i] * (1 - gate[i]);
            }
        }
    }
}

/* From dt to the gradients of both matrices, and the part of dh that passes the gate. */
static void matrices_backward(const Norm *norm, NormSums sums, Scratch s, real w, size_t first,
                              size_t end) {
    const size_t C = norm->C, K = norm_rank(C), rows = end - first;
    memset(s.dz, 0, rows * K * sizeof *s.dz);
    for (size_t c = 0; c < C; c++) {
        for (size_t i = 0; i < rows; i++) {
            add(sums.sum[UP] + c * K, row_stats(norm, first + i) + K, w * s.dt[i * C + c], K);
            add(s.dz + i * K, norm->param[UP] + c * K, s.dt[i * C + c], K);
        }
    }
    for (size_t i = 0; i < rows; i++) {
        const real *z = row_stats(norm, first + i);
        for (size_t k = 0; k < K; k++) {
            const real sigmoid = real_sigmoid(z[k]);
            s.dz[i * K + k] *= sigmoid * fused(z[k], 1 - sigmoid, 1);
        }
    }
    for (size_t k = 0; k < K; k++) {
        for (size_t i = 0; i < rows; i++) {
            add(sums.sum[DOWN] + k * C, s.h + i * C, w * s.dz[i * K + k], C);
            add(s.dh + i * C, norm->param[DOWN] + k * C, s.dz[i * K + k], C);
        }
    }
}

static void gated_backward(const Norm *norm, NormSums sums, real *dx, const real *dy, const real *x,
                           NormSpan span) {
    const size_t C = norm->C, K = norm_rank(C);
    const real *gamma = norm->param[GAMMA], w = span.w;
    const Scratch s = scratch_of(norm, sums);
    real *dgamma = sums.sum[GAMMA];
    for (size_t first = span.first, end; first < span.end; first = end) {
        end = block_end(first, span);
        gate_backward(norm, s, dy, x, first, end);
        matrices_backward(norm, sums, s, w, first, end);
        for (size_t row = first; row < end; row++) {
            const real *x_row = x + row * C, *dh = s.dh + (row - first) * C;
            real *dx_row = dx + row * C, r = row_stats(norm, row)[2 * K], u_xhat = 0;
            norm_row_start(dx_row, C, span.write);
#pragma omp simd reduction(+ : u_xhat)
            for (size_t c = 0; c < C; c++) {
                real xhat = x_row[c] * r;
                u_xhat += w * gamma[c] * dh[c] * xhat;
                dgamma[c] = fused(dh[c], xhat, dgamma[c]);
            }
            real u_xhat_mean = norm_is_frozen(norm) ? 0 : u_xhat / (real)C;
            for (size_t c = 0; c < C; c++) {
                real du = fused(w * gamma[c], dh[c], -(x_row[c] * r * u_xhat_mean));
                dx_row[c] = fused(r, du, dx_row[c]);
            }
        }
    }
}

const NormKind norm_gated = {
    .name = "gated",
    .equation = "h * sigmoid(up silu(down h)), h = x / sqrt(mean(x^2) + eps) * gamma, rank C/8",
    .param = {[GAMMA] = {"gamma", NORM_GAIN, NORM_VECTOR, .start = 1},
              [DOWN] = {"down.weight", NORM_OTHER, NORM_DOWN},
              [UP] = {"up.weight", NORM_OTHER, NORM_UP}},
    .eps = 1e-6,
    .eps_out = 1e-6,
    .n_stats = 1,
    .n_ranks = 2,
    .scratch = gated_scratch,
    .forward = gated_forward,
    .backward = gated_backward,
};

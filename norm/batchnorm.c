/* batchnorm.c - batch normalization (Ioffe & Szegedy 2015, arXiv 1502.03167), as a counter-example.
 * It normalizes a feature over the tokens of the batch, not a token over its features.
 *
 * In training, over the n rows of the pass, per feature:
 *   m = mean(x)   v = mean((x-m)^2)   r = 1/sqrt(v + eps)   xhat = (x-m) r
 *   y = w gamma xhat + beta
 *   running_mean = 0.9 running_mean + 0.1 m   running_var = 0.9 running_var + 0.1 v n/(n-1)
 * In evaluation m and v are the running statistics, and tokens do not depend on each other.
 * Backward, in training, the derivation is that of layernorm.c with means over rows in place of
 * means over features; with u = w gamma dy:
 *   dx = r (u - mean(u) - xhat mean(u xhat))   dgamma = w sum(dy xhat)   dbeta = sum(dy)
 * where mean(u) = w gamma mean(dy) and mean(u xhat) = w gamma mean(dy xhat).
 * In training the output for a token depends on the other sequences of the batch and on the tokens
 * that follow it, so the model is not causal. The conventions are PyTorch's: there, too, a forward
 * pass updates the running statistics even if the optimizer then skips the step. */
#include "norm/norm.h"
#include "ops/cpu/cpu.h"
#include "ops/cpu/vmath.h"

#include <math.h>

static const real MOMENTUM = (real)0.1;

enum { GAMMA, BETA };

enum { MEAN, R, DY, DY_XHAT, COLUMNS }; /* rows of Norm.columns: m, r, mean(dy), mean(dy xhat) */

static real *column(const Norm *norm, int statistic) {
    return norm->columns + (size_t)statistic * norm->C;
}

/* --- means over all rows --- */

typedef struct {
    const Norm *norm;
    const real *x, *dy; /* dy is NULL forward */
    size_t n;           /* sums per chunk */
} Reduction;

/* The partial sums of a chunk, zeroed. */
static real *sums_of(const Reduction *reduction, size_t chunk) {
    real *sums = reduction->norm->partials + chunk * reduction->n;
    memset(sums, 0, reduction->n * sizeof *sums);
    return sums;
}

static void sum_values(void *context, size_t chunk, size_t first, size_t end) {
    const Reduction *reduction = context;
    const size_t C = reduction->norm->C;
    real *sums = sums_of(reduction, chunk);
    for (size_t row = first; row < end; row++) {
        for (size_t c = 0; c < C; c++) sums[c] += reduction->x[row * C + c];
    }
}

static void sum_squares(void *context, size_t chunk, size_t first, size_t end) {
    const Reduction *reduction = context;
    const size_t C = reduction->norm->C;
    const real *mean = column(reduction->norm, MEAN);
    real *sums = sums_of(reduction, chunk);
    for (size_t row = first; row < end; row++) {
        for (size_t c = 0; c < C; c++) {
            real d = reduction->x[row * C + c] - mean[c];
            sums[c] = fused(d, d, sums[c]);
        }
    }
}

static void sum_gradients(void *context, size_t chunk, size_t first, size_t end) {
    const Reduction *reduction = context;
    const size_t C = reduction->norm->C;
    const real *mean = column(reduction->norm, MEAN), *r = column(reduction->norm, R);
    real *dy_sum = sums_of(reduction, chunk), *dy_xhat_sum = dy_sum + C;
    for (size_t row = first; row < end; row++) {
        for (size_t c = 0; c < C; c++) {
            real dy = reduction->dy[row * C + c];
            dy_sum[c] += dy;
            real xhat = (reduction->x[row * C + c] - mean[c]) * r[c];
            dy_xhat_sum[c] = fused(dy, xhat, dy_xhat_sum[c]);
        }
    }
}

/* means (reduction->n) of what `work` sums; the chunks are added in order. */
static void means_of(real *means, RowWork *work, Reduction *reduction, size_t rows) {
    const size_t n = reduction->n;
    rows_share(work, reduction, rows, reduction->norm->C);
    memset(means, 0, n * sizeof *means);
    for (size_t chunk = 0; chunk < ROW_CHUNKS; chunk++) {
        for (size_t i = 0; i < n; i++) means[i] += reduction->norm->partials[chunk * n + i];
    }
    for (size_t i = 0; i < n; i++) means[i] /= (real)rows;
}

/* The running statistics go into checkpoints and evaluation, so values that are not finite must not
 * reach them: those of a batch that diverged, or of a single row, where n-1 is 0. */
static void update_running(const Norm *norm, const real *mean, const real *variance, size_t rows) {
    const size_t C = norm->C;
    const real unbiased = (real)rows / (real)(rows - 1);
    bool finite = true;
    for (size_t c = 0; c < C; c++)
        finite = finite && isfinite(mean[c]) && isfinite(variance[c] * unbiased);
    if (!finite) return;
    for (size_t c = 0; c < C; c++) {
        real *m = &norm->running_mean[c], *v = &norm->running_var[c];
        *m = fused(1 - MOMENTUM, *m, MOMENTUM * mean[c]);
        *v = fused(1 - MOMENTUM, *v, MOMENTUM * (variance[c] * unbiased));
    }
}

static void batchnorm_gather(const Norm *norm, const real *x, size_t rows) {
    const size_t C = norm->C;
    real *mean = column(norm, MEAN), *r = column(norm, R); /* r holds the variance first */
    if (norm->mode->training) {
        Reduction reduction = {.norm = norm, .x = x, .n = C};
        means_of(mean, sum_values, &reduction, rows);
        means_of(r, sum_squares, &reduction, rows);
        if (norm->mode->observes) update_running(norm, mean, r, rows);
    } else {
        memcpy(mean, norm->running_mean, C * sizeof *mean);
        memcpy(r, norm->running_var, C * sizeof *r);
    }
    for (size_t c = 0; c < C; c++) r[c] = 1 / (real)sqrt(r[c] + norm->eps);
}

static void batchnorm_gather_backward(const Norm *norm, const real *dy, const real *x,
                                      size_t rows) {
    Reduction reduction = {.norm = norm, .x = x, .dy = dy, .n = 2 * norm->C};
    means_of(column(norm, DY), sum_gradients, &reduction, rows);
}

/* --- forward and backward of a span of rows --- */

static void batchnorm_forward(const Norm *norm, real *y, const real *x, NormSpan span) {
    const size_t C = norm->C;
    const real *gamma = norm->param[GAMMA], *beta = norm->param[BETA], w = span.w;
    const real *mean = column(norm, MEAN), *r = column(norm, R);
    for (size_t row = span.first; row < span.end; row++) {
        const real *x_row = x + row * C;
        real *y_row = y + row * C;
        for (size_t c = 0; c < C; c++) y_row[c] = w * gamma[c] * ((x_row[c] - mean[c]) * r[c]);
        if (!beta) continue;
        for (size_t c = 0; c < C; c++) y_row[c] += beta[c];
    }
}

static void batchnorm_backward(const Norm *norm, NormSums sums, real *dx, const real *dy,
                               const real *x, NormSpan span) {
    const size_t C = norm->C;
    const real *gamma = norm->param[GAMMA], *mean = column(norm, MEAN), *r = column(norm, R);
    const real w = span.w;
    real *dgamma = sums.sum[GAMMA], *dbeta = sums.sum[BETA];
    const real *dy_mean = column(norm, DY), *dy_xhat_mean = column(norm, DY_XHAT);
    for (size_t row = span.first; row < span.end; row++) {
        const real *x_row = x + row * C, *dy_row = dy + row * C;
        real *dx_row = dx + row * C;
        norm_row_start(dx_row, C, span.write);
#pragma omp simd
        for (size_t c = 0; c < C; c++) {
            real xhat = (x_row[c] - mean[c]) * r[c];
            real du = fused(-xhat, dy_xhat_mean[c], dy_row[c] - dy_mean[c]);
            dx_row[c] = fused(w * gamma[c] * r[c], du, dx_row[c]);
            dgamma[c] = fused(dy_row[c], xhat, dgamma[c]);
            dbeta[c] += dy_row[c];
        }
    }
}

const NormKind norm_batchnorm = {
    .name = "batchnorm",
    .equation = "(x - mean) / sqrt(var + eps) * gamma + beta, of a feature over the batch",
    .param = {[GAMMA] = {"gamma", NORM_GAIN, NORM_VECTOR, .start = 1},
              [BETA] = {"beta", NORM_SHIFT, NORM_VECTOR}},
    .eps = 1e-5,
    .eps_out = 1e-5,
    .n_columns = COLUMNS,
    .running = true,
    .gather = batchnorm_gather,
    .gather_backward = batchnorm_gather_backward,
    .forward = batchnorm_forward,
    .backward = batchnorm_backward,
};

/* batchnorm.c - batch normalization (Ioffe & Szegedy 2015, arXiv 1502.03167): an exhibit. It norms
 * a feature over the tokens, not a token over its features.
 *
 * In training, over the n rows of the pass, per feature:
 *   m = mean(x)   v = mean((x-m)^2)   r = 1/sqrt(v + eps)   xhat = (x-m) r
 *   y = w gamma xhat + beta
 *   running_mean = 0.9 running_mean + 0.1 m   running_var = 0.9 running_var + 0.1 v n/(n-1)
 * In evaluation m and v are the running ones, and a token is normed by itself.
 * Backward, of training, as in layernorm.c with the rows in the place of the features; with
 * u = w gamma dy and means over the rows:
 *   dx = r (u - mean(u) - xhat mean(u xhat))   dgamma = w sum(dy xhat)   dbeta = sum(dy)
 * where mean(u) = w gamma mean(dy) and mean(u xhat) = w gamma mean(dy xhat).
 * What a token becomes depends on the other samples of its batch and on the tokens that follow it:
 * in training, what this makes of a causal net is none. The conventions are PyTorch's. There, too,
 * the running statistics have moved when the pass is over, whether or not its update is skipped. */
#include "norm/norm.h"
#include "ops/cpu/cpu.h"

#include <math.h>

static const real MOMENTUM = (real)0.1;

enum { MEAN, R, DY, DY_XHAT, COLUMNS }; /* rows of Norm.columns: m, r, mean(dy), mean(dy xhat) */

static real *column(const Norm *norm, int which) {
    return norm->columns + (size_t)which * norm->C;
}

/* --- means over all rows, of a piece at a time --- */

typedef struct {
    const Norm *norm;
    const real *x, *dy; /* dy NULL going forward */
    size_t n;           /* sums of a piece */
} Gathering;

static real *sums_of(const Gathering *all, size_t chunk) {
    real *sums = all->norm->partials + chunk * all->n;
    memset(sums, 0, all->n * sizeof *sums);
    return sums;
}

static void sum_values(void *context, size_t chunk, size_t first, size_t end) {
    const Gathering *all = context;
    const size_t C = all->norm->C;
    real *sums = sums_of(all, chunk);
    for (size_t row = first; row < end; row++) {
        for (size_t c = 0; c < C; c++) sums[c] += all->x[row * C + c];
    }
}

static void sum_squares(void *context, size_t chunk, size_t first, size_t end) {
    const Gathering *all = context;
    const size_t C = all->norm->C;
    const real *mean = column(all->norm, MEAN);
    real *sums = sums_of(all, chunk);
    for (size_t row = first; row < end; row++) {
        for (size_t c = 0; c < C; c++) {
            real d = all->x[row * C + c] - mean[c];
            sums[c] += d * d;
        }
    }
}

static void sum_gradients(void *context, size_t chunk, size_t first, size_t end) {
    const Gathering *all = context;
    const size_t C = all->norm->C;
    const real *mean = column(all->norm, MEAN), *r = column(all->norm, R);
    real *dy = sums_of(all, chunk), *dy_xhat = dy + C;
    for (size_t row = first; row < end; row++) {
        for (size_t c = 0; c < C; c++) {
            real up = all->dy[row * C + c];
            dy[c] += up;
            dy_xhat[c] += up * ((all->x[row * C + c] - mean[c]) * r[c]);
        }
    }
}

/* means (all->n) of what `work` sums, the pieces added in order. */
static void means_of(real *means, RowWork *work, Gathering *all, size_t rows) {
    const size_t n = all->n;
    rows_share(work, all, rows, all->norm->C);
    memset(means, 0, n * sizeof *means);
    for (size_t chunk = 0; chunk < ROW_CHUNKS; chunk++) {
        for (size_t i = 0; i < n; i++) means[i] += all->norm->partials[chunk * n + i];
    }
    for (size_t i = 0; i < n; i++) means[i] /= (real)rows;
}

/* The running statistics go into checkpoints and evaluation, so what is not finite - a batch that
 * went to pieces, or one row alone, which has no n-1 - must not reach them. */
static void remember(const Norm *norm, const real *mean, const real *variance, size_t rows) {
    const size_t C = norm->C;
    const real unbiased = (real)rows / (real)(rows - 1);
    bool finite = true;
    for (size_t c = 0; c < C; c++)
        finite = finite && isfinite(mean[c]) && isfinite(variance[c] * unbiased);
    if (!finite) return;
    for (size_t c = 0; c < C; c++) {
        real *m = &norm->running_mean[c], *v = &norm->running_var[c];
        *m = (1 - MOMENTUM) * *m + MOMENTUM * mean[c];
        *v = (1 - MOMENTUM) * *v + MOMENTUM * (variance[c] * unbiased);
    }
}

static void batchnorm_gather(const Norm *norm, const real *x, size_t rows) {
    const size_t C = norm->C;
    real *mean = column(norm, MEAN), *r = column(norm, R); /* r holds the variance at first */
    if (norm->mode->training) {
        Gathering all = {.norm = norm, .x = x, .n = C};
        means_of(mean, sum_values, &all, rows);
        means_of(r, sum_squares, &all, rows);
        if (norm->mode->observes) remember(norm, mean, r, rows);
    } else {
        memcpy(mean, norm->running_mean, C * sizeof *mean);
        memcpy(r, norm->running_var, C * sizeof *r);
    }
    for (size_t c = 0; c < C; c++) r[c] = 1 / (real)sqrt(r[c] + norm->eps);
}

static void batchnorm_gather_backward(const Norm *norm, const real *dy, const real *x,
                                      size_t rows) {
    Gathering all = {.norm = norm, .x = x, .dy = dy, .n = 2 * norm->C};
    means_of(column(norm, DY), sum_gradients, &all, rows);
}

/* --- pieces --- */

static void batchnorm_forward(const Norm *norm, real *y, const real *x, real w, size_t first,
                              size_t end) {
    const size_t C = norm->C;
    const real *gamma = norm->gamma, *beta = norm->beta;
    const real *mean = column(norm, MEAN), *r = column(norm, R);
    for (size_t row = first; row < end; row++) {
        const real *in = x + row * C;
        real *out = y + row * C;
        for (size_t c = 0; c < C; c++) out[c] = w * gamma[c] * ((in[c] - mean[c]) * r[c]);
        if (!beta) continue;
        for (size_t c = 0; c < C; c++) out[c] += beta[c];
    }
}

static void batchnorm_backward(const Norm *norm, NormSums sums, real *dx, const real *dy,
                               const real *x, real w, size_t first, size_t end, GradWrite write) {
    const size_t C = norm->C;
    const real *gamma = norm->gamma, *mean = column(norm, MEAN), *r = column(norm, R);
    const real *dy_mean = column(norm, DY), *slope = column(norm, DY_XHAT);
    for (size_t row = first; row < end; row++) {
        const real *in = x + row * C, *up = dy + row * C;
        real *out = dx + row * C;
        norm_row_start(out, C, write);
#pragma omp simd
        for (size_t c = 0; c < C; c++) {
            real xhat = (in[c] - mean[c]) * r[c];
            out[c] += w * gamma[c] * r[c] * (up[c] - dy_mean[c] - xhat * slope[c]);
            sums.dgamma[c] += up[c] * xhat;
            sums.dbeta[c] += up[c];
        }
    }
}

const NormKind norm_batchnorm = {
    .name = "batchnorm",
    .equation = "(x - mean) / sqrt(var + eps) * gamma + beta, of a feature over the batch",
    .gamma = true,
    .beta = true,
    .gamma_start = 1,
    .eps = 1e-5,
    .eps_out = 1e-5,
    .n_columns = COLUMNS,
    .running = true,
    .gather = batchnorm_gather,
    .gather_backward = batchnorm_gather_backward,
    .forward = batchnorm_forward,
    .backward = batchnorm_backward,
};

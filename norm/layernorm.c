/* layernorm.c - LayerNorm (Ba, Kiros, Hinton 2016, arXiv 1607.06450).
 *
 *   m = mean(x)   r = 1/sqrt(mean((x-m)^2) + eps)   xhat = (x-m) r   y = w gamma xhat + beta
 * Backward, with u = w gamma dy. xhat depends on x directly, through m and through r:
 *   dm/dx_i = 1/C and dr/dx_i = -r^2 xhat_i / C, so
 *   dx_i = r (u_i - mean(u)) + sum_j u_j (x_j - m) dr/dx_i
 *        = r (u_i - mean(u) - xhat_i mean(u xhat))
 * If r is frozen, the last term is absent. If the mean is removed as well, so is mean(u).
 * Statistics per row: m, r. The variance is computed in a second pass over x - m, which avoids the
 * cancellation of mean(x^2) - m^2. */
#include "norm/norm.h"
#include "ops/cpu/vmath.h"

#include <math.h>

enum { GAMMA, BETA };

/* Sum of (x - shift)^power over a row, power 1 or 2, in 32 independent partial sums: a single one
 * waits for its previous addition, at 75 % of the memory bandwidth where these reach 84 %. */
static inline real row_sum(const real *x, real shift, int power, size_t C) {
    enum { SUMS = 32 };
    real sums[SUMS] = {0}, total = 0;
    size_t c = 0;
    for (; c + SUMS <= C; c += SUMS) {
        for (size_t i = 0; i < SUMS; i++) {
            real d = x[c + i] - shift;
            sums[i] += power == 2 ? d * d : d;
        }
    }
    for (; c < C; c++)
        sums[c % SUMS] += power == 2 ? (x[c] - shift) * (x[c] - shift) : x[c] - shift;
    for (size_t i = 0; i < SUMS; i++) total += sums[i];
    return total;
}

static void layernorm_forward(const Norm *norm, real *y, const real *x, NormSpan span) {
    const size_t C = norm->C;
    const real *gamma = norm->param[GAMMA], *beta = norm->param[BETA], w = span.w;
    for (size_t row = span.first; row < span.end; row++) {
        const real *x_row = x + row * C;
        real *y_row = y + row * C;
        bool frozen = norm_is_frozen(norm), centers = !frozen || norm->frozen->centers;
        real mean = centers ? row_sum(x_row, 0, 1, C) / (real)C : 0;
        real r = frozen ? norm_frozen_r(norm, row)
                        : 1 / (real)sqrt(row_sum(x_row, mean, 2, C) / (real)C + norm->eps);
        norm->stats[2 * row] = mean;
        norm->stats[2 * row + 1] = r;
        if (beta) {
            for (size_t c = 0; c < C; c++)
                y_row[c] = fused(w * gamma[c], (x_row[c] - mean) * r, beta[c]);
        } else {
            for (size_t c = 0; c < C; c++) y_row[c] = w * gamma[c] * ((x_row[c] - mean) * r);
        }
    }
}

static void layernorm_backward(const Norm *norm, NormSums sums, real *dx, const real *dy,
                               const real *x, NormSpan span) {
    const size_t C = norm->C;
    const real *gamma = norm->param[GAMMA], w = span.w;
    real *dgamma = sums.sum[GAMMA], *dbeta = sums.sum[BETA];
    for (size_t row = span.first; row < span.end; row++) {
        const real *x_row = x + row * C, *dy_row = dy + row * C;
        real *dx_row = dx + row * C, mean = norm->stats[2 * row], r = norm->stats[2 * row + 1];
        real u_sum = 0, u_xhat = 0;
        norm_row_start(dx_row, C, span.write);
#pragma omp simd reduction(+ : u_sum, u_xhat)
        for (size_t c = 0; c < C; c++) {
            real xhat = (x_row[c] - mean) * r, u = w * gamma[c] * dy_row[c];
            u_sum += u;
            u_xhat += u * xhat;
            dgamma[c] = fused(dy_row[c], xhat, dgamma[c]);
            dbeta[c] += dy_row[c];
        }
        bool frozen = norm_is_frozen(norm), centers = !frozen || norm->frozen->centers;
        real u_mean = centers ? u_sum / (real)C : 0;
        real u_xhat_mean = frozen ? 0 : u_xhat / (real)C;
        for (size_t c = 0; c < C; c++) {
            real centered = fused(w * gamma[c], dy_row[c], -u_mean);
            real du = fused(-(x_row[c] - mean) * r, u_xhat_mean, centered);
            dx_row[c] = fused(r, du, dx_row[c]);
        }
    }
}

const NormKind norm_layernorm = {
    .name = "layernorm",
    .equation = "(x - mean) / sqrt(var + eps) * gamma + beta",
    .param = {[GAMMA] = {"gamma", NORM_GAIN, NORM_VECTOR, .start = 1},
              [BETA] = {"beta", NORM_SHIFT, NORM_VECTOR}},
    .eps = 1e-5,
    .eps_out = 1e-6,
    .n_stats = 2,
    .forward = layernorm_forward,
    .backward = layernorm_backward,
};

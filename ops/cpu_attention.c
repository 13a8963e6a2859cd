/* cpu_attention.c - causal attention and rotary positions on the CPU.
 *
 * One idea: scores exist only for a block of query rows at a time, against the keys up to the
 * block's end, so the masked half is mostly never computed and no T x T map is stored; the backward
 * pass computes the block again from the log-sum-exp of each row (Dao et al. 2022; Rabe & Staats
 * 2021). Forward tasks are (row, query head), backward tasks (row, key/value head), so that every
 * gradient element has one owner. Floor 0. Read next: cpu_head.c. */
#include "ops/cpu.h"
#include "ops/vmath.h"

#include <math.h>
#include <omp.h>

enum { QUERY_ROWS = 64 }; /* rows of a score block */

/* Two score blocks per thread. */
static size_t scratch_per_thread(size_t T) {
    return (2 * QUERY_ROWS * T + 15) / 16 * 16;
}

size_t attention_scratch(size_t T) {
    return ops_threads() * scratch_per_thread(T);
}

static real *thread_scratch(real *scratch, size_t T) {
    return scratch + (size_t)omp_get_thread_num() * scratch_per_thread(T);
}

/* p (n) *= mask of the score row that belongs to query `row` = (b*NH+h)*T + t. */
static void drop_row(real *p, const Dropout *dropout, size_t row, size_t T, size_t n) {
    drop_calls(p, dropout, row * ((T + 3) / 4), n); /* rows begin at whole calls */
}

/* In place: row of n visible scores becomes probabilities; returns the log of the denominator. */
static real softmax_row(real *s, size_t n) {
    real largest = s[0];
#pragma omp simd reduction(max : largest)
    for (size_t j = 1; j < n; j++) largest = s[j] > largest ? s[j] : largest;
    real total = 0;
#pragma omp simd reduction(+ : total)
    for (size_t j = 0; j < n; j++) {
        s[j] = real_exp(s[j] - largest);
        total += s[j];
    }
    real inverse = 1 / total;
    for (size_t j = 0; j < n; j++) s[j] *= inverse;
    return largest + (real)log(total);
}

void attention_forward(real *out, real *lse, const real *q, const real *k, const real *v,
                       real *scratch, const Dropout *dropout, AttentionShape shape) {
    PHASE(PHASE_ATTENTION);
    const size_t T = shape.T, NH = shape.NH, HS = shape.HS, group = NH / shape.NKV;
    const size_t ldq = NH * HS, ldk = shape.NKV * HS;
    const real by = (real)(1 / sqrt((double)HS));
#pragma omp parallel for schedule(dynamic, 1)
    for (size_t task = 0; task < shape.B * NH; task++) {
        size_t b = task / NH, h = task % NH;
        const real *qh = q + b * T * ldq + h * HS;
        const real *kh = k + b * T * ldk + h / group * HS, *vh = v + b * T * ldk + h / group * HS;
        real *oh = out + b * T * ldq + h * HS, *s = thread_scratch(scratch, T);
        for (size_t t0 = 0; t0 < T; t0 += QUERY_ROWS) {
            size_t rows = T - t0 < QUERY_ROWS ? T - t0 : QUERY_ROWS, keys = t0 + rows;
            gemm_tile(false, true, rows, keys, HS, by, qh + t0 * ldq, ldq, kh, ldk, 0, s, keys);
            for (size_t i = 0; i < rows; i++) {
                size_t visible = t0 + i + 1;
                lse[task * T + t0 + i] = softmax_row(s + i * keys, visible);
                if (dropout->p > 0) drop_row(s + i * keys, dropout, task * T + t0 + i, T, visible);
                for (size_t j = visible; j < keys; j++) s[i * keys + j] = 0;
            }
            gemm_tile(false, false, rows, HS, keys, 1, s, keys, vh, ldk, 0, oh + t0 * ldq, ldq);
        }
    }
}

/* Scores of one row -> p (dropped, for dv) and ds (for dq, dk), in place of s and dp. With
 * D = dout.out = sum_j p_j dp_j:  ds_j = p_j (dp_j - D), all before the mask of dropout enters p.
 */
static void score_row_backward(real *s, real *dp, real lse, real D, const Dropout *dropout,
                               size_t row, size_t T, size_t visible, size_t keys) {
    if (dropout->p > 0) drop_row(dp, dropout, row, T, visible);
    for (size_t j = 0; j < visible; j++) {
        real p = real_exp(s[j] - lse);
        s[j] = p;
        dp[j] = p * (dp[j] - D);
    }
    if (dropout->p > 0) drop_row(s, dropout, row, T, visible);
    for (size_t j = visible; j < keys; j++) s[j] = dp[j] = 0;
}

static real dot(const real *a, const real *b, size_t n) {
    real sum = 0;
#pragma omp simd reduction(+ : sum)
    for (size_t i = 0; i < n; i++) sum += a[i] * b[i];
    return sum;
}

void attention_backward(real *dq, real *dk, real *dv, const real *dout, const real *out,
                        const real *lse, const real *q, const real *k, const real *v, real *scratch,
                        const Dropout *dropout, AttentionShape shape) {
    PHASE(PHASE_ATTENTION);
    const size_t T = shape.T, NH = shape.NH, NKV = shape.NKV, HS = shape.HS, group = NH / NKV;
    const size_t ldq = NH * HS, ldk = NKV * HS;
    const real by = (real)(1 / sqrt((double)HS));
#pragma omp parallel for schedule(dynamic, 1)
    for (size_t task = 0; task < shape.B * NKV; task++) {
        size_t b = task / NKV, kv = task % NKV, at_k = b * T * ldk + kv * HS;
        real *s = thread_scratch(scratch, T), *dp = s + QUERY_ROWS * T;
        for (size_t h = kv * group; h < (kv + 1) * group; h++) {
            for (size_t t0 = 0; t0 < T; t0 += QUERY_ROWS) {
                size_t rows = T - t0 < QUERY_ROWS ? T - t0 : QUERY_ROWS, keys = t0 + rows;
                size_t at_q = (b * T + t0) * ldq + h * HS, row = (b * NH + h) * T + t0;
                gemm_tile(false, true, rows, keys, HS, by, q + at_q, ldq, k + at_k, ldk, 0, s,
                          keys);
                gemm_tile(false, true, rows, keys, HS, 1, dout + at_q, ldq, v + at_k, ldk, 0, dp,
                          keys);
                for (size_t i = 0; i < rows; i++) {
                    real D = dot(dout + at_q + i * ldq, out + at_q + i * ldq, HS);
                    score_row_backward(s + i * keys, dp + i * keys, lse[row + i], D, dropout,
                                       row + i, T, t0 + i + 1, keys);
                }
                gemm_tile(true, false, keys, HS, rows, 1, s, keys, dout + at_q, ldq, 1, dv + at_k,
                          ldk);
                gemm_tile(false, false, rows, HS, keys, by, dp, keys, k + at_k, ldk, 1, dq + at_q,
                          ldq);
                gemm_tile(true, false, keys, HS, rows, by, dp, keys, q + at_q, ldq, 1, dk + at_k,
                          ldk);
            }
        }
    }
}

/* --- rotary positions
 * ------------------------------------------------------------------------------ */

void rope_table(real *table, size_t T, size_t HS) {
    for (size_t t = 0; t < T; t++) {
        for (size_t i = 0; i < HS / 2; i++) {
            double angle = (double)t * pow(10000, -2 * (double)i / (double)HS);
            real *pair = table + (t * (HS / 2) + i) * 2;
            pair[0] = (real)cos(angle);
            pair[1] = (real)sin(angle);
        }
    }
}

static void turn(real *x, const real *table, real direction, size_t B, size_t T, size_t NH,
                 size_t HS) {
    PHASE(PHASE_ATTENTION);
    const size_t half = HS / 2;
#pragma omp parallel for schedule(static) if (B * T * NH * HS > PARALLEL_MIN)
    for (size_t row = 0; row < B * T; row++) {
        const real *pairs = table + row % T * half * 2;
        for (size_t h = 0; h < NH; h++) {
            real *a = x + (row * NH + h) * HS, *b = a + half;
            for (size_t i = 0; i < half; i++) {
                real cosine = pairs[2 * i], sine = direction * pairs[2 * i + 1];
                real turned = a[i] * cosine - b[i] * sine;
                b[i] = b[i] * cosine + a[i] * sine;
                a[i] = turned;
            }
        }
    }
}

void rope_forward(real *x, const real *table, size_t B, size_t T, size_t NH, size_t HS) {
    turn(x, table, 1, B, T, NH, HS);
}

void rope_backward(real *dx, const real *table, size_t B, size_t T, size_t NH, size_t HS) {
    turn(dx, table, -1, B, T, NH, HS);
}

/* cpu_attention.c - causal attention and rotary position encoding on the CPU.
 *
 * One idea: scores exist for one block of queries at a time, against the keys up to the end of the
 * block. Most of the masked half is never computed, and no T x T matrix is stored. The backward
 * pass recomputes a block from the log-sum-exp of its queries (Dao et al. 2022; Rabe & Staats
 * 2021). Keys and values are packed once per head. Scores are (key, query) forward and (query, key)
 * backward, because then most GEMMs read them in place. Forward tasks are (sequence, query head),
 * backward tasks (sequence, key/value head), so every gradient element is written by one thread.
 * Read next: cpu_head.c. */
#include "ops/cpu/cpu.h"
#include "ops/cpu/half.h"
#include "ops/cpu/vmath.h"

#include <math.h>
#include <omp.h>

enum { BLOCK = 64 }; /* queries per block, and keys per packed group */

/* --- scratch of a thread --- */

/* One task at a time uses these buffers; its GEMMs, with Q, dO (the gradient of the output) and S
 * (scores, then probabilities P) of one block of queries:
 *
 *              forward                         backward
 *   keys       K, operand A of S^T = K Q^T     K, operand B of S = Q K^T, in groups of BLOCK
 *   values     not used                        V, operand B of dP = dO V^T, in groups of BLOCK
 *   by_key     V, operand B of O = P V         K, operand B of dQ = dS K
 *   queries    Q, operand B of S^T             Q, then dO, operand A of S and of dP
 *   by_query   not used                        dO, then Q, operand B of dV = P^T dO and dK = dS^T Q
 *   s          S^T, then P^T (T,BLOCK)         S, then P (BLOCK,T), then dS packed for dQ
 *   dp         a row of P, for dropout         dP, then dS (BLOCK,T)
 *
 * keys, values and by_key are packed once per task, queries and by_query for every block. s and dp
 * are read in place as operand A. Sizes depend on T and HS only. Every thread has a set of its own,
 * because threads work on different tasks; there are as many sets as threads, whatever B and the
 * number of heads. */
typedef struct {
    real *keys, *values, *by_key; /* T rows */
    real *queries, *by_query;     /* BLOCK rows */
    real *s, *dp;                 /* T x BLOCK */
} Scratch;

enum { PAST_END = 16 }; /* elements that may be read past the end of an operand A in place */

/* Assigns the buffers from `base`, which may be NULL; returns the number of elements. */
static size_t scratch_layout(Scratch *scratch, real *base, size_t T, size_t HS) {
    size_t rows = (T + BLOCK - 1) / BLOCK * BLOCK, used = 0; /* whole blocks */
    const struct {
        real **buffer;
        size_t count;
    } buffers[] = {
        {&scratch->keys, packed_a_size(rows, HS)},
        {&scratch->values, packed_b_size(rows, HS)},
        {&scratch->by_key, packed_b_size(HS, rows)},
        {&scratch->queries, packed_a_size(BLOCK, HS)},
        {&scratch->by_query, packed_b_size(HS, BLOCK)},
        {&scratch->s, packed_a_size(BLOCK, rows)},
        {&scratch->dp, BLOCK * rows + PAST_END},
    };
    for (size_t i = 0; i < sizeof buffers / sizeof *buffers; i++) {
        if (base) *buffers[i].buffer = base + used;
        used += (buffers[i].count + 15) / 16 * 16;
    }
    return used;
}

size_t attention_scratch(size_t T, size_t HS) {
    Scratch scratch;
    return ops_threads() * scratch_layout(&scratch, NULL, T, HS);
}

static Scratch thread_scratch(real *base, size_t T, size_t HS) {
    Scratch scratch;
    size_t each = scratch_layout(&scratch, NULL, T, HS);
    scratch_layout(&scratch, base + (size_t)omp_get_thread_num() * each, T, HS);
    return scratch;
}

/* Offsets in qkv of the q, k and v of a query head, at token 0 of a sequence. */
typedef struct {
    size_t q, k, v;
} HeadOffsets;

static HeadOffsets head_offsets(size_t b, size_t h, AttentionShape s) {
    size_t first = b * s.T * qkv_width(s.NH, s.NKV, s.HS), kv = h / (s.NH / s.NKV);
    return (HeadOffsets){.q = first + h * s.HS,
                         .k = first + (s.NH + kv) * s.HS,
                         .v = first + (s.NH + s.NKV + kv) * s.HS};
}

static real score_scale(AttentionShape s) {
    return s.scale != 0 ? s.scale : (real)(1 / sqrt((double)s.HS));
}

/* Keys that a block of queries reads: first to end-1. `first` is the beginning of a packed group. */
typedef struct {
    size_t first, end;
} KeyRange;

/* The first key that the query at t sees. */
static size_t window_begin(size_t t, size_t window) {
    return window && window <= t ? t + 1 - window : 0;
}

static KeyRange keys_of_block(size_t t0, size_t rows, size_t window) {
    return (KeyRange){window_begin(t0, window) / BLOCK * BLOCK, t0 + rows};
}

/* p (n) *= dropout mask of the probabilities of query number `row` = (b*NH+h)*T + t for the keys
 * from `first` on, a multiple of 4. */
static void dropout_row(real *p, const Dropout *dropout, size_t row, size_t T, size_t first,
                        size_t n) {
    dropout_mask(p, dropout, row * ((T + 3) / 4) + first / 4, n); /* a row starts with a new call */
}

static real dot(const real *a, const real *b, size_t n) {
    real sum = 0;
#pragma omp simd reduction(+ : sum)
    for (size_t i = 0; i < n; i++) sum += a[i] * b[i];
    return sum;
}

/* --- forward --- */

/* s (n) = c tanh(s / c). */
ANY_WIDTH static void cap_scores(real *s, real c, size_t n) {
    for (size_t i = 0; i < n; i++) s[i] = c * real_tanh(s[i] / c);
}

/* Hides keys that are too early for their queries: s (keys, BLOCK) of the BLOCK queries from t0 on. */
static void hide_before_window(real *s, size_t t0, KeyRange keys, size_t window) {
    for (size_t key = keys.first; window && key + window < t0 + BLOCK && key < keys.end; key++) {
        real *row = s + (key - keys.first) * BLOCK;
        /* the first query that no longer sees this key */
        for (size_t q = key + window > t0 ? key + window - t0 : 0; q < BLOCK; q++)
            row[q] = -INFINITY;
    }
}

/* Unnormalized softmax, in place: scores s (keys, BLOCK), of the BLOCK queries from t0 on, become
 * exp(s - largest of the query), 0 where the key is later than the query. largest (BLOCK), and
 * total (BLOCK), the sum of the exponentials, are outputs. */
ANY_WIDTH static void exponentials(real *s, real *largest, real *total, size_t t0, KeyRange range) {
    const size_t keys = range.end - range.first;
    for (size_t q = 0; q < BLOCK; q++) {
        largest[q] = -INFINITY;
        total[q] = 0;
    }
    for (size_t key = 0; key < keys; key++) {
        real *row = s + key * BLOCK;
        size_t at = range.first + key, first = at > t0 ? at - t0 : 0; /* query that sees this key */
        for (size_t q = 0; q < first; q++) row[q] = -INFINITY;
        for (size_t q = 0; q < BLOCK; q++) largest[q] = row[q] > largest[q] ? row[q] : largest[q];
    }
    for (size_t key = 0; key < keys; key++) {
        real *row = s + key * BLOCK;
        for (size_t q = 0; q < BLOCK; q++) {
            row[q] = real_exp(row[q] - largest[q]);
            total[q] += row[q];
        }
    }
}

/* Dropout of the probabilities s (keys, BLOCK); column q belongs to query number `row` + q. */
static void dropout_columns(real *s, real *p, const Dropout *dropout, size_t row, size_t rows,
                            KeyRange range, size_t T) {
    const size_t keys = range.end - range.first;
    for (size_t q = 0; q < rows; q++) {
        for (size_t j = 0; j < keys; j++) p[j] = s[j * BLOCK + q];
        dropout_row(p, dropout, row + q, T, range.first, keys);
        for (size_t j = 0; j < keys; j++) s[j * BLOCK + q] = p[j];
    }
}

/* Raises peaks (TOKEN_GROUPS) to largest (rows), of the queries from t0 on. A maximum does not depend
 * on the order of the threads. */
static void raise_peaks(real *peaks, const real *largest, size_t t0, size_t rows) {
#pragma omp critical(attention_peaks)
    for (size_t q = 0; q < rows; q++) {
        real *peak = &peaks[t0 + q == 0 ? TOKEN_FIRST : TOKEN_REST];
        *peak = largest[q] > *peak ? largest[q] : *peak;
    }
}

/* out (T,.), lse (T) of one head of one sequence; `row` = (b*NH+h)*T. */
static void head_forward(real *out, real *lse, real *peaks, const real *qkv, HeadOffsets at,
                         const Scratch *scratch, const Dropout *dropout, size_t row,
                         AttentionShape shape) {
    const size_t T = shape.T, HS = shape.HS, ldo = shape.NH * HS;
    const size_t ld = qkv_width(shape.NH, shape.NKV, HS);
    const real scale = score_scale(shape);
    OperandA keys_a = pack_a(scratch->keys, qkv + at.k, ld, T, HS, 1);
    pack_b(scratch->by_key, qkv + at.v, ld, false, HS, T, 1);
    for (size_t t0 = 0; t0 < T; t0 += BLOCK) {
        const size_t rows = T - t0 < BLOCK ? T - t0 : BLOCK;
        const KeyRange keys = keys_of_block(t0, rows, shape.window);
        const size_t n = keys.end - keys.first;
        real largest[BLOCK], total[BLOCK], *s = scratch->s;
        pack_b(scratch->queries, qkv + at.q + t0 * ld, ld, true, rows, HS, scale);
        gemm_packed(s, BLOCK, rows_of_a(keys_a, keys.first), (OperandB){scratch->queries, HS, 0}, n,
                    rows, HS, false);
        if (shape.softcap > 0) cap_scores(s, shape.softcap, n * BLOCK);
        hide_before_window(s, t0, keys, shape.window);
        exponentials(s, largest, total, t0, keys);
        if (peaks) raise_peaks(peaks, largest, t0, rows);
        if (dropout->p > 0) dropout_columns(s, scratch->dp, dropout, row + t0, rows, keys, T);
        gemm_packed(out + t0 * ldo, ldo, a_in_place(s, BLOCK, rows, n),
                    (OperandB){scratch->by_key, T, keys.first}, rows, HS, n, false);
        for (size_t q = 0; q < rows; q++) {
            real normalizer = 1 / total[q], *out_row = out + (t0 + q) * ldo;
            for (size_t i = 0; i < HS; i++) out_row[i] *= normalizer;
            lse[t0 + q] = largest[q] + (real)log((double)total[q]);
        }
    }
}

void attention_forward(real *out, real *lse, real *peaks, const real *qkv, real *scratch,
                       const Dropout *dropout, AttentionShape shape) {
    PHASE(PHASE_ATTENTION);
    const size_t T = shape.T, NH = shape.NH, HS = shape.HS;
#pragma omp parallel for schedule(dynamic, 1)
    for (size_t task = 0; task < shape.B * NH; task++) {
        size_t b = task / NH, h = task % NH;
        Scratch mine = thread_scratch(scratch, T, HS);
        head_forward(out + b * T * NH * HS + h * HS, lse + task * T, peaks, qkv,
                     head_offsets(b, h, shape), &mine, dropout, task * T, shape);
    }
}

/* scale * q.k; with bfloat16 the operands are scale * q and k, as in pack_b. */
static real score(const real *q, const real *k, real scale, size_t HS, bool rounded) {
    if (!rounded) return scale * dot(q, k, HS);
    real sum = 0;
    for (size_t i = 0; i < HS; i++) sum += bfloat16_round(scale * q[i]) * bfloat16_round(k[i]);
    return sum;
}

/* out (HS) = sum of p_j v_j / total over n tokens; p (n) has exponentials. */
static void weighted_values(real *out, const real *p, real total, const real *v, size_t ld,
                            size_t n, size_t HS, bool rounded) {
    for (size_t i = 0; i < HS; i++) out[i] = 0;
    for (size_t j = 0; j < n; j++, v += ld) {
        if (rounded) {
            real weight = bfloat16_round(p[j]);
            for (size_t i = 0; i < HS; i++) out[i] = fused(weight, bfloat16_round(v[i]), out[i]);
        } else {
            for (size_t i = 0; i < HS; i++) out[i] = fused(p[j] / total, v[i], out[i]);
        }
    }
    for (size_t i = 0; rounded && i < HS; i++) out[i] /= total;
}

/* As head_forward for the single query t, with dot products instead of GEMMs. */
static void head_next(real *out, const real *qkv, HeadOffsets at, real *s, size_t t,
                      AttentionShape shape) {
    const size_t HS = shape.HS, ld = qkv_width(shape.NH, shape.NKV, HS);
    const real scale = score_scale(shape);
    const bool rounded = ops_precision() == PRECISION_BFLOAT16;
    const size_t first = window_begin(t, shape.window), n = t + 1 - first;
    real largest = -INFINITY, total = 0;
    for (size_t j = 0; j < n; j++)
        s[j] = score(qkv + at.q + t * ld, qkv + at.k + (first + j) * ld, scale, HS, rounded);
    if (shape.softcap > 0) cap_scores(s, shape.softcap, n);
    for (size_t j = 0; j < n; j++) largest = s[j] > largest ? s[j] : largest;
    for (size_t j = 0; j < n; j++) {
        s[j] = real_exp(s[j] - largest);
        total += s[j];
    }
    weighted_values(out, s, total, qkv + at.v + first * ld, ld, n, HS, rounded);
}

void attention_next(real *out, const real *qkv, real *scratch, size_t t, AttentionShape shape) {
    PHASE(PHASE_ATTENTION);
    const size_t HS = shape.HS;
#pragma omp parallel for schedule(static) if (shape.NH * t * HS > PARALLEL_MIN)
    for (size_t h = 0; h < shape.NH; h++) {
        Scratch mine = thread_scratch(scratch, t, HS); /* t+1 scores fit in s */
        head_next(out + h * HS, qkv, head_offsets(0, h, shape), mine.s, t, shape);
    }
}

/* --- the first token --- */

void attention_first(double *sums, const real *lse, const real *qkv, AttentionShape shape) {
    const size_t T = shape.T, NH = shape.NH, HS = shape.HS, ld = qkv_width(NH, shape.NKV, HS);
    const bool rounded = ops_precision() == PRECISION_BFLOAT16;
#pragma omp parallel for schedule(static) if (shape.B * T * NH * HS > PARALLEL_MIN)
    for (size_t h = 0; h < NH; h++) {
        for (size_t b = 0; b < shape.B; b++) {
            const HeadOffsets at = head_offsets(b, h, shape);
            const real *of_head = lse + (b * NH + h) * T;
            for (size_t t = 1; t < T && window_begin(t, shape.window) == 0; t++) {
                real s = score(qkv + at.q + t * ld, qkv + at.k, score_scale(shape), HS, rounded);
                if (shape.softcap > 0) cap_scores(&s, shape.softcap, 1);
                sums[h] += exp((double)s - (double)of_head[t]);
            }
        }
    }
}

/* --- backward --- */

/* The keys of a row of scores that its query sees: begin to end-1 of `count`. `first` is the key of
 * the row's first score. */
typedef struct {
    size_t first, begin, end, count;
} SeenKeys;

/* Backward of softmax and dropout for one query, in place: s becomes p, with dropout (for dv), and
 * dp becomes ds (for dq and dk). With D = dout.out = sum_j p_j dp_j:  ds_j = p_j (dp_j - D), where
 * p is the probability before dropout and dp includes the mask. With a softcap c > 0, s = c t with
 * t = tanh(s / c), and ds is multiplied by 1 - t^2. */
ANY_WIDTH static void softmax_backward(real *s, real *dp, real lse, real D, real c,
                                       const Dropout *dropout, size_t row, size_t T,
                                       SeenKeys seen) {
    if (dropout->p > 0) dropout_row(dp, dropout, row, T, seen.first, seen.end);
    for (size_t j = seen.begin; c > 0 && j < seen.end; j++) {
        const real t = real_tanh(s[j] / c), p = real_exp(fused(c, t, -lse));
        s[j] = p;
        dp[j] = p * (dp[j] - D) * fused(-t, t, 1);
    }
    for (size_t j = seen.begin; !(c > 0) && j < seen.end; j++) {
        real p = real_exp(s[j] - lse);
        s[j] = p;
        dp[j] = p * (dp[j] - D);
    }
    if (dropout->p > 0) dropout_row(s, dropout, row, T, seen.first, seen.end);
    for (size_t j = 0; j < seen.begin; j++) s[j] = dp[j] = 0;
    for (size_t j = seen.end; j < seen.count; j++) s[j] = dp[j] = 0;
}

/* Packs rows of x (T,.) as columns of operand B, in groups of BLOCK, so that the keys which a block
 * of queries sees are the first groups. */
static void pack_groups(real *groups, const real *x, size_t ld, size_t T, size_t HS) {
    for (size_t t = 0; t < T; t += BLOCK) {
        pack_b(groups + t * HS, x + t * ld, ld, true, T - t < BLOCK ? T - t : BLOCK, HS, 1);
    }
}

/* y (rows,n) = a (rows,HS) times the n columns `keys` of the groups. */
static void gemm_groups(real *y, OperandA a, const real *groups, size_t rows, KeyRange keys,
                        size_t HS) {
    for (size_t t = keys.first; t < keys.end; t += BLOCK) {
        const size_t n = keys.end - t < BLOCK ? keys.end - t : BLOCK;
        gemm_packed(y + t - keys.first, keys.end - keys.first, a,
                    (OperandB){groups + t * HS, HS, 0}, rows, n, HS, false);
    }
}

/* One block of queries of one head. dq is set, dk and dv are added to, or set with zeros for the keys
 * that no query of the block reads. row = (b*NH+h)*T. */
static void block_backward(real *dqkv, const real *dout, const real *out, const real *lse,
                           const real *qkv, HeadOffsets at, const Scratch *scratch,
                           const Dropout *dropout, size_t row, size_t t0, bool add,
                           AttentionShape shape) {
    const size_t T = shape.T, HS = shape.HS, ldo = shape.NH * HS;
    const size_t ld = qkv_width(shape.NH, shape.NKV, HS), at_q = at.q + t0 * ld;
    const size_t rows = T - t0 < BLOCK ? T - t0 : BLOCK;
    const KeyRange keys = keys_of_block(t0, rows, shape.window);
    const size_t n = keys.end - keys.first, first = keys.first;
    const OperandB by_query = {scratch->by_query, rows, 0};
    const real scale = score_scale(shape);
    real *s = scratch->s, *dp = scratch->dp;
    dout += t0 * ldo;
    out += t0 * ldo;
    gemm_groups(s, pack_a(scratch->queries, qkv + at_q, ld, rows, HS, scale), scratch->keys, rows,
                keys, HS);
    gemm_groups(dp, pack_a(scratch->queries, dout, ldo, rows, HS, 1), scratch->values, rows, keys,
                HS);
    for (size_t i = 0; i < rows; i++) {
        const size_t t = t0 + i, begin = window_begin(t, shape.window);
        real D = dot(dout + i * ldo, out + i * ldo, HS);
        softmax_backward(s + i * n, dp + i * n, lse[t], D, shape.softcap, dropout, row + t, T,
                         (SeenKeys){first, begin - first, t + 1 - first, n});
    }
    for (size_t t = 0; !add && t < first; t++) {
        zero(dqkv + at.k + t * ld, HS);
        zero(dqkv + at.v + t * ld, HS);
    }
    pack_b(scratch->by_query, dout, ldo, false, HS, rows, 1);
    gemm_packed(dqkv + at.v + first * ld, ld, a_in_place(s, n, n, rows), by_query, n, HS, rows,
                add);
    /* P is no longer needed, so s takes the packed dS. In bfloat16 dS is rounded before it is
     * scaled, and packing dp in place comes last, because it overwrites dp. */
    const bool scales_after = ops_precision() == PRECISION_BFLOAT16;
    gemm_packed(dqkv + at_q, ld, pack_a(s, dp, n, rows, n, scales_after ? 1 : scale),
                (OperandB){scratch->by_key, T, first}, rows, HS, n, false);
    for (size_t i = 0; scales_after && i < rows; i++) {
        for (size_t j = 0; j < HS; j++) dqkv[at_q + i * ld + j] *= scale;
    }
    pack_b(scratch->by_query, qkv + at_q, ld, false, HS, rows, scale);
    gemm_packed(dqkv + at.k + first * ld, ld, a_in_place(dp, n, n, rows), by_query, n, HS, rows,
                add);
}

/* The last block of queries sees all keys, or those in its window. It comes first and sets dk and dv;
 * the others add. */
void attention_backward(real *dqkv, const real *dout, const real *out, const real *lse,
                        const real *qkv, real *scratch, const Dropout *dropout,
                        AttentionShape shape) {
    PHASE(PHASE_ATTENTION);
    const size_t T = shape.T, NH = shape.NH, NKV = shape.NKV, HS = shape.HS, group = NH / NKV;
    const size_t ld = qkv_width(NH, NKV, HS), blocks = (T - 1) / BLOCK + 1;
#pragma omp parallel for schedule(dynamic, 1)
    for (size_t task = 0; task < shape.B * NKV; task++) {
        size_t b = task / NKV, first = task % NKV * group;
        Scratch mine = thread_scratch(scratch, T, HS);
        HeadOffsets at = head_offsets(b, first, shape);
        pack_groups(mine.keys, qkv + at.k, ld, T, HS);
        pack_groups(mine.values, qkv + at.v, ld, T, HS);
        pack_b(mine.by_key, qkv + at.k, ld, false, HS, T, 1);
        for (size_t n = 0; n < group * blocks; n++) {
            size_t h = first + n / blocks, t0 = (blocks - 1 - n % blocks) * BLOCK;
            size_t at_o = b * T * NH * HS + h * HS, row = (b * NH + h) * T;
            block_backward(dqkv, dout + at_o, out + at_o, lse + row, qkv, head_offsets(b, h, shape),
                           &mine, dropout, row, t0, n > 0, shape);
        }
    }
}

/* --- rotary position encoding --- */

static double rope_frequency(const Rope *rope, size_t i) {
    if (i >= rope->width / 2) return 0;
    const double f = pow(rope->theta, -2 * (double)i / (double)rope->width);
    if (rope->factor == 1) return f;
    const double waves = rope->original * f / (2 * acos(-1)); /* in `original` tokens */
    const double share = (waves - rope->low) / (rope->high - rope->low);
    const double kept = share < 0 ? 0 : share > 1 ? 1 : share;
    return kept * f + (1 - kept) * f / rope->factor;
}

void rope_table(real *table, size_t T, size_t HS, const Rope *rope) {
    for (size_t t = 0; t < T; t++) {
        for (size_t i = 0; i < HS / 2; i++) {
            double angle = (double)t * rope_frequency(rope, i);
            real *pair = table + (t * (HS / 2) + i) * 2;
            pair[0] = (real)cos(angle);
            pair[1] = (real)sin(angle);
        }
    }
}

static void rotate(real *x, const real *table, real direction, size_t B, size_t T, size_t NH,
                   size_t HS, size_t stride) {
    PHASE(PHASE_ATTENTION);
    const size_t half = HS / 2;
#pragma omp parallel for schedule(static) if (B * T * NH * HS > PARALLEL_MIN)
    for (size_t row = 0; row < B * T; row++) {
        const real *pairs = table + row % T * half * 2;
        for (size_t h = 0; h < NH; h++) {
            real *a = x + row * stride + h * HS, *b = a + half;
            for (size_t i = 0; i < half; i++) {
                real cosine = pairs[2 * i], sine = direction * pairs[2 * i + 1];
                real rotated = fused(a[i], cosine, -(b[i] * sine));
                b[i] = fused(b[i], cosine, a[i] * sine);
                a[i] = rotated;
            }
        }
    }
}

void rope_forward(real *x, const real *table, size_t B, size_t T, size_t NH, size_t HS,
                  size_t stride) {
    rotate(x, table, 1, B, T, NH, HS, stride);
}

void rope_backward(real *dx, const real *table, size_t B, size_t T, size_t NH, size_t HS,
                   size_t stride) {
    rotate(dx, table, -1, B, T, NH, HS, stride);
}

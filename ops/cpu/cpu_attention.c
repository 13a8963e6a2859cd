/* cpu_attention.c - causal attention and rotary positions on the CPU.
 *
 * One idea: scores exist only for a block of queries at a time, against the keys up to the block's
 * end, so the masked half is mostly never computed and no T x T map is stored; the backward pass
 * computes the block again from the log-sum-exp of each row (Dao et al. 2022; Rabe & Staats 2021).
 * Keys and values are packed for the products once per head. Going forward scores are (key, query)
 * and going backward (query, key), because then most products read them where they lie.
 * Forward tasks are (row, query head), backward tasks (row, key/value head), so that every
 * gradient element has one owner. Read next: cpu_head.c. */
#include "ops/cpu/cpu.h"
#include "ops/cpu/vmath.h"

#include <math.h>
#include <omp.h>

enum { BLOCK = 64 }; /* queries of a block, and keys of a group of panels */

/* --- scratch of a thread --- */

typedef struct {
    real *keys, *values; /* (T,HS) packed as rows of a product ... */
    real *columns;       /* ... and the one of them that is read as (T,HS), as its columns */
    real *queries, *few; /* the same of a block */
    real *s, *dp;        /* scores, and the gradients of probabilities */
} Scratch;

enum { PAST_END = 16 }; /* what a left operand in place may read past its end */

/* Places of the pieces, from `base`, which may be NULL to count. */
static size_t scratch_lay(Scratch *scratch, real *base, size_t T, size_t HS) {
    size_t rows = (T + BLOCK - 1) / BLOCK * BLOCK, used = 0;
    const struct {
        real **piece;
        size_t count;
    } pieces[] = {
        {&scratch->keys, left_size(rows, HS)},     {&scratch->values, right_size(rows, HS)},
        {&scratch->columns, right_size(HS, rows)}, {&scratch->queries, left_size(BLOCK, HS)},
        {&scratch->few, right_size(HS, BLOCK)},    {&scratch->s, left_size(BLOCK, rows)},
        {&scratch->dp, BLOCK * rows + PAST_END},
    };
    for (size_t i = 0; i < sizeof pieces / sizeof *pieces; i++) {
        if (base) *pieces[i].piece = base + used;
        used += (pieces[i].count + 15) / 16 * 16;
    }
    return used;
}

size_t attention_scratch(size_t T, size_t HS) {
    Scratch scratch;
    return ops_threads() * scratch_lay(&scratch, NULL, T, HS);
}

static Scratch thread_scratch(real *base, size_t T, size_t HS) {
    Scratch scratch;
    size_t each = scratch_lay(&scratch, NULL, T, HS);
    scratch_lay(&scratch, base + (size_t)omp_get_thread_num() * each, T, HS);
    return scratch;
}

/* Where a (row of the batch, query head) finds its part of qkv, at token 0. */
typedef struct {
    size_t q, k, v;
} HeadAt;

static HeadAt head_at(size_t b, size_t h, AttentionShape s) {
    size_t row = b * s.T * qkv_width(s.NH, s.NKV, s.HS), kv = h / (s.NH / s.NKV);
    return (HeadAt){
        .q = row + h * s.HS, .k = row + (s.NH + kv) * s.HS, .v = row + (s.NH + s.NKV + kv) * s.HS};
}

/* p (n) *= mask of the score row that belongs to query `row` = (b*NH+h)*T + t. */
static void drop_row(real *p, const Dropout *dropout, size_t row, size_t T, size_t n) {
    drop_calls(p, dropout, row * ((T + 3) / 4), n); /* rows begin at whole calls */
}

static real dot(const real *a, const real *b, size_t n) {
    real sum = 0;
#pragma omp simd reduction(+ : sum)
    for (size_t i = 0; i < n; i++) sum += a[i] * b[i];
    return sum;
}

/* --- forward --- */

/* In place: scores s (t0+BLOCK keys, BLOCK queries t0..) become exponentials of their distance to
 * the largest of their query, 0 where the key is later; `largest` and `total` (BLOCK) of each. */
ANY_WIDTH static void exponentials(real *s, real *largest, real *total, size_t t0, size_t keys) {
    for (size_t q = 0; q < BLOCK; q++) {
        largest[q] = -INFINITY;
        total[q] = 0;
    }
    for (size_t key = 0; key < keys; key++) {
        real *row = s + key * BLOCK;
        size_t first = key > t0 ? key - t0 : 0; /* the first query that sees this key */
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

/* Dropout of the probabilities in s (keys, BLOCK), of which query `row` + q is column q. */
static void drop_columns(real *s, real *line, const Dropout *dropout, size_t row, size_t rows,
                         size_t keys, size_t T) {
    for (size_t q = 0; q < rows; q++) {
        for (size_t j = 0; j < keys; j++) line[j] = s[j * BLOCK + q];
        drop_row(line, dropout, row + q, T, keys);
        for (size_t j = 0; j < keys; j++) s[j * BLOCK + q] = line[j];
    }
}

/* out (T,.), lse (T) of one head of one row; `row` = (b*NH+h)*T. */
static void head_forward(real *out, real *lse, const real *qkv, HeadAt at, const Scratch *scratch,
                         const Dropout *dropout, size_t row, AttentionShape shape) {
    const size_t T = shape.T, HS = shape.HS, ldo = shape.NH * HS;
    const size_t ld = qkv_width(shape.NH, shape.NKV, HS);
    const real by = (real)(1 / sqrt((double)HS));
    Left keys_left = left_pack(scratch->keys, qkv + at.k, ld, T, HS, 1);
    right_pack(scratch->columns, qkv + at.v, ld, false, HS, T, 1);
    for (size_t t0 = 0; t0 < T; t0 += BLOCK) {
        size_t rows = T - t0 < BLOCK ? T - t0 : BLOCK, keys = t0 + rows;
        real largest[BLOCK], total[BLOCK], *s = scratch->s;
        right_pack(scratch->queries, qkv + at.q + t0 * ld, ld, true, rows, HS, by);
        panels_multiply(s, BLOCK, keys_left, scratch->queries, HS, keys, rows, HS, false);
        exponentials(s, largest, total, t0, keys);
        if (dropout->p > 0) drop_columns(s, scratch->dp, dropout, row + t0, rows, keys, T);
        panels_multiply(out + t0 * ldo, ldo, left_in_place(s, BLOCK), scratch->columns, T, rows, HS,
                        keys, false);
        for (size_t q = 0; q < rows; q++) {
            real by_total = 1 / total[q], *line = out + (t0 + q) * ldo;
            for (size_t i = 0; i < HS; i++) line[i] *= by_total;
            lse[t0 + q] = largest[q] + (real)log((double)total[q]);
        }
    }
}

void attention_forward(real *out, real *lse, const real *qkv, real *scratch, const Dropout *dropout,
                       AttentionShape shape) {
    PHASE(PHASE_ATTENTION);
    const size_t T = shape.T, NH = shape.NH, HS = shape.HS;
#pragma omp parallel for schedule(dynamic, 1)
    for (size_t task = 0; task < shape.B * NH; task++) {
        size_t b = task / NH, h = task % NH;
        Scratch mine = thread_scratch(scratch, T, HS);
        head_forward(out + b * T * NH * HS + h * HS, lse + task * T, qkv, head_at(b, h, shape),
                     &mine, dropout, task * T, shape);
    }
}

/* As head_forward for the one query t, with dot products where that has tiles. */
static void head_next(real *out, const real *qkv, HeadAt at, real *s, size_t t,
                      AttentionShape shape) {
    const size_t HS = shape.HS, ld = qkv_width(shape.NH, shape.NKV, HS);
    const real *q = qkv + at.q + t * ld;
    const real by = (real)(1 / sqrt((double)HS));
    real largest = -INFINITY, total = 0;
    for (size_t j = 0; j <= t; j++) {
        s[j] = by * dot(q, qkv + at.k + j * ld, HS);
        largest = s[j] > largest ? s[j] : largest;
    }
    for (size_t j = 0; j <= t; j++) {
        s[j] = real_exp(s[j] - largest);
        total += s[j];
    }
    for (size_t i = 0; i < HS; i++) out[i] = 0;
    for (size_t j = 0; j <= t; j++) {
        const real *v = qkv + at.v + j * ld;
        for (size_t i = 0; i < HS; i++) out[i] += s[j] / total * v[i];
    }
}

void attention_next(real *out, const real *qkv, real *scratch, size_t t, AttentionShape shape) {
    PHASE(PHASE_ATTENTION);
    const size_t HS = shape.HS;
#pragma omp parallel for schedule(static) if (shape.NH * t * HS > PARALLEL_MIN)
    for (size_t h = 0; h < shape.NH; h++) {
        Scratch mine = thread_scratch(scratch, t, HS); /* t+1 scores take a part of it */
        head_next(out + h * HS, qkv, head_at(0, h, shape), mine.s, t, shape);
    }
}

/* --- backward --- */

/* Scores of one row -> p (dropped, for dv) and ds (for dq, dk), in place of s and dp. With
 * D = dout.out = sum_j p_j dp_j:  ds_j = p_j (dp_j - D), all before the mask of dropout enters p.
 */
ANY_WIDTH static void score_row_backward(real *s, real *dp, real lse, real D,
                                         const Dropout *dropout, size_t row, size_t T,
                                         size_t visible, size_t keys) {
    if (dropout->p > 0) drop_row(dp, dropout, row, T, visible);
    for (size_t j = 0; j < visible; j++) {
        real p = real_exp(s[j] - lse);
        s[j] = p;
        dp[j] = p * (dp[j] - D);
    }
    if (dropout->p > 0) drop_row(s, dropout, row, T, visible);
    for (size_t j = visible; j < keys; j++) s[j] = dp[j] = 0;
}

/* Lines of x (T,.) as columns of products, in groups of BLOCK, so that a block of queries finds the
 * groups it sees at the front. */
static void pack_groups(real *groups, const real *x, size_t ld, size_t T, size_t HS) {
    for (size_t t = 0; t < T; t += BLOCK) {
        right_pack(groups + t * HS, x + t * ld, ld, true, T - t < BLOCK ? T - t : BLOCK, HS, 1);
    }
}

/* y (rows,keys) = left times the first `keys` lines of the groups. */
static void multiply_groups(real *y, Left left, const real *groups, size_t rows, size_t keys,
                            size_t HS) {
    for (size_t t = 0; t < keys; t += BLOCK) {
        panels_multiply(y + t, keys, left, groups + t * HS, HS, rows,
                        keys - t < BLOCK ? keys - t : BLOCK, HS, false);
    }
}

/* One block of queries of one head: dq set, dk and dv set or added to; `row` = (b*NH+h)*T. */
static void block_backward(real *dqkv, const real *dout, const real *out, const real *lse,
                           const real *qkv, HeadAt at, const Scratch *scratch,
                           const Dropout *dropout, size_t row, size_t t0, bool add,
                           AttentionShape shape) {
    const size_t T = shape.T, HS = shape.HS, ldo = shape.NH * HS;
    const size_t ld = qkv_width(shape.NH, shape.NKV, HS);
    const size_t rows = T - t0 < BLOCK ? T - t0 : BLOCK, keys = t0 + rows, at_q = at.q + t0 * ld;
    const real by = (real)(1 / sqrt((double)HS));
    real *s = scratch->s, *dp = scratch->dp;
    dout += t0 * ldo;
    out += t0 * ldo;
    multiply_groups(s, left_pack(scratch->queries, qkv + at_q, ld, rows, HS, by), scratch->keys,
                    rows, keys, HS);
    multiply_groups(dp, left_pack(scratch->queries, dout, ldo, rows, HS, 1), scratch->values, rows,
                    keys, HS);
    for (size_t i = 0; i < rows; i++) {
        real D = dot(dout + i * ldo, out + i * ldo, HS);
        score_row_backward(s + i * keys, dp + i * keys, lse[t0 + i], D, dropout, row + t0 + i, T,
                           t0 + i + 1, keys);
    }
    right_pack(scratch->few, dout, ldo, false, HS, rows, 1);
    panels_multiply(dqkv + at.v, ld, left_in_place(s, keys), scratch->few, rows, keys, HS, rows,
                    add);
    right_pack(scratch->few, qkv + at_q, ld, false, HS, rows, by);
    panels_multiply(dqkv + at.k, ld, left_in_place(dp, keys), scratch->few, rows, keys, HS, rows,
                    add);
    /* s is free, and takes ds as the rows of dq */
    panels_multiply(dqkv + at_q, ld, left_pack(s, dp, keys, rows, keys, by), scratch->columns, T,
                    rows, HS, keys, false);
}

/* The last block of queries sees all keys, so it comes first and sets what the others add to. */
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
        HeadAt at = head_at(b, first, shape);
        pack_groups(mine.keys, qkv + at.k, ld, T, HS);
        pack_groups(mine.values, qkv + at.v, ld, T, HS);
        right_pack(mine.columns, qkv + at.k, ld, false, HS, T, 1);
        for (size_t n = 0; n < group * blocks; n++) {
            size_t h = first + n / blocks, t0 = (blocks - 1 - n % blocks) * BLOCK;
            size_t at_o = b * T * NH * HS + h * HS, row = (b * NH + h) * T;
            block_backward(dqkv, dout + at_o, out + at_o, lse + row, qkv, head_at(b, h, shape),
                           &mine, dropout, row, t0, n > 0, shape);
        }
    }
}

/* --- rotary positions --- */

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
                real turned = a[i] * cosine - b[i] * sine;
                b[i] = b[i] * cosine + a[i] * sine;
                a[i] = turned;
            }
        }
    }
}

void rope_forward(real *x, const real *table, size_t B, size_t T, size_t NH, size_t HS,
                  size_t stride) {
    turn(x, table, 1, B, T, NH, HS, stride);
}

void rope_backward(real *dx, const real *table, size_t B, size_t T, size_t NH, size_t HS,
                   size_t stride) {
    turn(dx, table, -1, B, T, NH, HS, stride);
}

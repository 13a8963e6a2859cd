/* test_ops_attention.c - causal attention, its window and its softcap, against the formula in double.
 *
 * The reference computes whole rows of probabilities, without blocks. It computes the dropout mask
 * from the documented Philox counters, so both forward and backward must have used that mask. */
#include "ops/ops.h"
#include "base/philox.h"
#include "tests/lib/numbers.h"

static const AttentionShape SHAPES[] = {
    /* B, T, NH, NKV, HS */
    {1, 1, 1, 1, 1},
    {2, 5, 2, 2, 4},
    {3, 31, 4, 1, 3},
    {1, 63, 2, 1, 8},
    {2, 64, 4, 2, 8},
    {2, 65, 4, 2, 8},
    {1, 128, 1, 1, 2},
    {1, 130, 4, 1, 16},
    {1, 200, 3, 3, 5},
    {2, 193, 6, 2, 7},
    {1, 70, 2, 1, 64},
    {1, 129, 1, 1, 80},
    {2, 64, 2, 2, 33},
    /* with a window, a softcap, or both */
    {2, 193, 6, 2, 7, .window = 1},
    {1, 200, 3, 3, 5, .window = 64},
    {1, 200, 2, 1, 8, .window = 65},
    {1, 129, 1, 1, 80, .window = 63},
    {1, 64, 2, 2, 4, .window = 3},
    {2, 31, 4, 1, 3, .window = 30},
    {1, 257, 2, 1, 4, .window = 100, .softcap = 2},
    {1, 130, 4, 1, 16, .window = 20, .softcap = 1},
    {2, 65, 4, 2, 8, .softcap = (real)0.7},
    {1, 67, 2, 1, 4, .window = 9, .softcap = (real)1.5},
};
static const Dropout OFF = {.p = 0};
static const Dropout ON = {.p = 0.2, .seed = 11, .step = 4, .micro = 2, .site = 7};
enum { CANARIES = 64 };

typedef struct {
    AttentionShape shape;
    const Dropout *dropout;
    size_t nq, nk, n_lse, scratch_size;
    real *q, *k, *v, *out, *lse, *dout, *dq, *dk, *dv, *scratch;
    real *qkv, *dqkv; /* q, k and v side by side in one tensor */
    double *want_out, *want_lse, *want_dq, *want_dk, *want_dv;
} Attention;

static Attention attention_draw(AttentionShape shape, const Dropout *dropout, double std) {
    Attention a = {.shape = shape, .dropout = dropout};
    a.nq = shape.B * shape.T * shape.NH * shape.HS;
    a.nk = shape.B * shape.T * shape.NKV * shape.HS;
    a.n_lse = shape.B * shape.NH * shape.T;
    a.q = new_drawn(a.nq, std);
    a.k = new_drawn(a.nk, 1);
    a.v = new_drawn(a.nk, 1);
    a.out = new_drawn(a.nq, 1); /* old values must not matter */
    a.lse = new_drawn(a.n_lse, 1);
    a.dout = new_drawn(a.nq, 1);
    a.dq = new_drawn(a.nq, 1);
    a.dk = new_drawn(a.nk, 1);
    a.dv = new_drawn(a.nk, 1);
    a.qkv = new_reals(a.nq + 2 * a.nk);
    a.dqkv = new_reals(a.nq + 2 * a.nk);
    a.scratch_size = attention_scratch(shape.T, shape.HS);
    a.scratch = new_drawn(a.scratch_size + CANARIES, 1);
    a.want_out = new_doubles(a.nq);
    a.want_lse = new_doubles(a.n_lse);
    a.want_dq = new_doubles(a.nq);
    a.want_dk = new_doubles(a.nk);
    a.want_dv = new_doubles(a.nk);
    return a;
}

/* Copies q, k and v into the columns of `joined` if `join`, else out of them. */
static void columns(real *joined, real *q, real *k, real *v, AttentionShape s, bool join) {
    const size_t widths[] = {s.NH * s.HS, s.NKV * s.HS, s.NKV * s.HS};
    real *parts[] = {q, k, v}, *at = joined;
    for (size_t row = 0; row < s.B * s.T; row++) {
        for (size_t i = 0; i < 3; at += widths[i++]) {
            real *part = parts[i] + row * widths[i];
            memcpy(join ? at : part, join ? part : at, widths[i] * sizeof(real));
        }
    }
}

static void forward(Attention *a) {
    columns(a->qkv, a->q, a->k, a->v, a->shape, true);
    attention_forward(a->out, a->lse, NULL, a->qkv, a->scratch, a->dropout, a->shape);
}

/* Gradients are set: NaN before must not matter. */
static void backward(Attention *a) {
    for (size_t i = 0; i < a->nq + 2 * a->nk; i++) a->dqkv[i] = NAN;
    columns(a->qkv, a->q, a->k, a->v, a->shape, true);
    attention_backward(a->dqkv, a->dout, a->out, a->lse, a->qkv, a->scratch, a->dropout, a->shape);
    columns(a->dqkv, a->dq, a->dk, a->dv, a->shape, false);
}

/* The factor of the probability of key j from dropout; row = (b*NH + h)*T + t. */
static double mask_of(const Dropout *dropout, size_t row, size_t T, size_t j) {
    if (dropout->p == 0) return 1;
    size_t index = row * ((T + 3) / 4) + j / 4;
    Philox r = philox(dropout->seed, STREAM_DROPOUT, (uint32_t)index, dropout->site << 8,
                      dropout->step, dropout->micro);
    return (double)r.word[j % 4] < floor(dropout->p * 4294967296.0) ? 0 : 1 / (1 - dropout->p);
}

/* The first key that the query at t sees. */
static size_t begin_of(AttentionShape s, size_t t) {
    return s.window && t + 1 > s.window ? t + 1 - s.window : 0;
}

/* A score after the softcap. */
static double capped(AttentionShape s, double score) {
    return s.softcap > 0 ? (double)s.softcap * tanh(score / (double)s.softcap) : score;
}

static double dot(const real *a, const real *b, size_t n) {
    double sum = 0;
    for (size_t i = 0; i < n; i++) sum += (double)a[i] * (double)b[i];
    return sum;
}

/* The largest score of all sequences and heads: of first queries, and of the others. */
static void check_peaks(Attention *a, const char *label) {
    const AttentionShape s = a->shape;
    const double scale = 1 / sqrt((double)s.HS);
    real peaks[TOKEN_GROUPS] = {-INFINITY, -INFINITY};
    double want[TOKEN_GROUPS] = {-INFINITY, -INFINITY};
    columns(a->qkv, a->q, a->k, a->v, s, true);
    attention_forward(a->out, a->lse, peaks, a->qkv, a->scratch, a->dropout, s);
    for (size_t row = 0; row < s.B * s.NH * s.T; row++) {
        size_t b = row / (s.NH * s.T), h = row / s.T % s.NH, t = row % s.T, kv = h / (s.NH / s.NKV);
        double *largest = &want[t == 0 ? TOKEN_FIRST : TOKEN_REST];
        for (size_t j = begin_of(s, t); j <= t; j++) {
            const real *k = a->k + ((b * s.T + j) * s.NKV + kv) * s.HS;
            const real *q = a->q + ((b * s.T + t) * s.NH + h) * s.HS;
            *largest = fmax(*largest, capped(s, scale * dot(q, k, s.HS)));
        }
    }
    for (size_t group = 0; group < TOKEN_GROUPS; group++) {
        double got = (double)peaks[group];
        bool same = isinf(want[group]) ? got == want[group]
                                       : fabs(got - want[group]) <= 1e-5 * (1 + fabs(want[group]));
        CHECK(same, "%s: tokens %zu: %.9g, want %.9g", label, group, got, want[group]);
    }
    const real high[TOKEN_GROUPS] = {1e6, 1e6};
    memcpy(peaks, high, sizeof peaks);
    attention_forward(a->out, a->lse, peaks, a->qkv, a->scratch, a->dropout, s);
    CHECK(memcmp(peaks, high, sizeof peaks) == 0, "%s: higher peaks stay", label);
}

/* One query: probabilities p, output and all gradients. */
static void reference_query(Attention *a, double *p, size_t b, size_t h, size_t t) {
    const size_t T = a->shape.T, NH = a->shape.NH, NKV = a->shape.NKV, HS = a->shape.HS;
    const size_t kv = h / (NH / NKV), row = (b * NH + h) * T + t;
    const size_t at = ((b * T + t) * NH + h) * HS, stride = NKV * HS,
                 first = (b * T * NKV + kv) * HS;
    const double scale = 1 / sqrt((double)HS);
    const size_t begin = begin_of(a->shape, t);
    double *slope = p + T, largest = -INFINITY, total = 0, inner = 0;
    for (size_t j = begin; j <= t; j++) {
        p[j] = capped(a->shape, scale * dot(a->q + at, a->k + first + j * stride, HS));
        slope[j] = a->shape.softcap > 0 ? 1 - pow(p[j] / (double)a->shape.softcap, 2) : 1;
        largest = fmax(largest, p[j]);
    }
    for (size_t j = begin; j <= t; j++) total += exp(p[j] - largest);
    a->want_lse[row] = largest + log(total);
    for (size_t j = begin; j <= t; j++) {
        size_t key = first + j * stride;
        p[j] = exp(p[j] - largest) / total;
        double mask = mask_of(a->dropout, row, T, j);
        for (size_t c = 0; c < HS; c++) {
            a->want_out[at + c] += p[j] * mask * (double)a->v[key + c];
            a->want_dv[key + c] += p[j] * mask * (double)a->dout[at + c];
        }
        inner += p[j] * mask * dot(a->dout + at, a->v + key, HS);
    }
    for (size_t j = begin; j <= t; j++) {
        size_t key = first + j * stride;
        double dp = mask_of(a->dropout, row, T, j) * dot(a->dout + at, a->v + key, HS);
        double ds = scale * p[j] * (dp - inner) * slope[j];
        for (size_t c = 0; c < HS; c++) {
            a->want_dq[at + c] += ds * (double)a->k[key + c];
            a->want_dk[key + c] += ds * (double)a->q[at + c];
        }
    }
}

static void reference(Attention *a) {
    double *p = new_doubles(2 * a->shape.T); /* and slopes */
    for (size_t b = 0; b < a->shape.B; b++) {
        for (size_t h = 0; h < a->shape.NH; h++) {
            for (size_t t = 0; t < a->shape.T; t++) reference_query(a, p, b, h, t);
        }
    }
}

/* The scores of a query with a single key have gradient zero; only rounding errors remain, which
 * are compared in absolute terms. */
static void check_scores_gradient(const real *got, const double *want, size_t n, const char *what,
                                  size_t shape) {
    double most = 0;
    for (size_t i = 0; i < n; i++) most = fmax(most, fabs(want[i]));
    for (size_t i = 0; most < 1e-12 && i < n; i++)
        CHECK(fabs((double)got[i]) < 16 * (double)REAL_EPSILON, "%s, shape %zu", what, shape);
    if (most >= 1e-12) CHECK_NMSE(got, want, n, NMSE_GRADIENT, "%s, shape %zu", what, shape);
}

static void check_shape(size_t index, const Dropout *dropout) {
    Attention a = attention_draw(SHAPES[index], dropout, 1);
    real *canaries = new_copy(a.scratch + a.scratch_size, CANARIES);
    const char *with = dropout->p > 0 ? "with dropout" : "without dropout";
    reference(&a);
    forward(&a);
    backward(&a);
    CHECK_NMSE(a.out, a.want_out, a.nq, NMSE_FORWARD, "out, shape %zu %s", index, with);
    CHECK_NMSE(a.lse, a.want_lse, a.n_lse, NMSE_FORWARD, "lse, shape %zu %s", index, with);
    check_scores_gradient(a.dq, a.want_dq, a.nq, "dq", index);
    check_scores_gradient(a.dk, a.want_dk, a.nk, "dk", index);
    CHECK_NMSE(a.dv, a.want_dv, a.nk, NMSE_GRADIENT, "dv, shape %zu %s", index, with);
    CHECK(same_bits(a.scratch + a.scratch_size, canaries, CANARIES), "beyond scratch, shape %zu",
          index);
    check_peaks(&a, with);
    free_all();
}

static void attention_matches_formula(void) {
    for (size_t i = 0; i < COUNT(SHAPES); i++) {
        check_shape(i, &OFF);
        check_shape(i, &ON);
    }
}

/* At most two blocks of 64 queries per thread, since scratch is part of the memory plan. */
static void scratch_is_bounded(void) {
    for (size_t threads = 1; threads <= 2; threads++) {
        ops_start(threads);
        for (size_t T = 1; T <= 1024; T = 2 * T + 1) {
            size_t blocks = (T + 63) / 64 * 64, had = attention_scratch(T, 32);
            CHECK(had % threads == 0 && had / threads < 2 * 64 * blocks + 5 * 32 * (blocks + 64),
                  "%zu for %zu tokens on %zu threads", had, T, threads);
        }
    }
    ops_start(1);
}

static void dropout_depends_on_every_key(void) {
    static const Dropout OTHERS[] = {
        {.p = 0.2, .seed = 12, .step = 4, .micro = 2, .site = 7},
        {.p = 0.2, .seed = 11, .step = 5, .micro = 2, .site = 7},
        {.p = 0.2, .seed = 11, .step = 4, .micro = 3, .site = 7},
        {.p = 0.2, .seed = 11, .step = 4, .micro = 2, .site = 8},
    };
    Attention a = attention_draw(SHAPES[5], &ON, 1);
    forward(&a);
    real *out = new_copy(a.out, a.nq);
    for (size_t k = 0; k < COUNT(OTHERS); k++) {
        a.dropout = &OTHERS[k];
        forward(&a);
        CHECK(!same_bits(a.out, out, a.nq), "case %zu gives the same mask", k);
    }
    a.dropout = &ON;
    forward(&a);
    CHECK(same_bits(a.out, out, a.nq), "the same keys give the same mask");
    free_all();
}

/* --- finite differences, in the double build --- */

static long double weighted_output(void *self) {
    Attention *a = (Attention *)self;
    long double sum = 0;
    forward(a);
    for (size_t i = 0; i < a->nq; i++) sum += (long double)a->dout[i] * (long double)a->out[i];
    return sum;
}

static void check_differences(Attention *a, real *x, const real *dx, size_t n, size_t stride,
                              const char *what) {
    double error = 0, norm = 0;
    for (size_t i = 0; i < n; i += stride) {
        error = fmax(error, fabs(difference(weighted_output, a, &x[i], 0.02) - (double)dx[i]));
        norm += (double)dx[i] * (double)dx[i];
    }
    CHECK(error <= 1e-9 * sqrt(norm), "%s: off by %g of %g", what, error, sqrt(norm));
}

static void attention_matches_differences(void) {
    static const AttentionShape OF[] = {{2, 5, 4, 2, 3},
                                        {1, 67, 2, 1, 4},
                                        {2, 5, 4, 2, 3, .window = 2, .softcap = 1},
                                        {1, 67, 2, 1, 4, .window = 20, .softcap = 2}};
    if (sizeof(real) < sizeof(double)) return;
    for (size_t i = 0; i < 2 * COUNT(OF); i++) {
        size_t stride = OF[i / 2].T > 5 ? 29 : 1;
        Attention a = attention_draw(OF[i / 2], i % 2 ? &ON : &OFF, 1);
        zero(a.dq, a.nq);
        zero(a.dk, a.nk);
        zero(a.dv, a.nk);
        forward(&a);
        backward(&a);
        check_differences(&a, a.q, a.dq, a.nq, stride, "dq");
        check_differences(&a, a.k, a.dk, a.nk, stride, "dk");
        check_differences(&a, a.v, a.dv, a.nk, stride, "dv");
        free_all();
    }
}

/* --- invariants --- */

static void attention_is_causal(void) {
    static const AttentionShape SHAPE = {2, 150, 4, 2, 8};
    static const size_t NOW[] = {0, 1, 40, 63, 64, 70, 127, 128, 148};
    const size_t T = SHAPE.T, ldq = SHAPE.NH * SHAPE.HS, ldk = SHAPE.NKV * SHAPE.HS;
    for (size_t n = 0; n < COUNT(NOW); n++) {
        const size_t now = NOW[n];
        Attention a = attention_draw(SHAPE, n % 2 ? &ON : &OFF, 1);
        forward(&a);
        real *out = new_copy(a.out, a.nq), *lse = new_copy(a.lse, a.n_lse);
        for (size_t b = 0; b < SHAPE.B; b++) {
            for (size_t i = (b * T + now + 1) * ldk; i < (b + 1) * T * ldk; i++) {
                a.k[i] = (real)(3 * draw_normal());
                a.v[i] = (real)(3 * draw_normal());
            }
            for (size_t i = (b * T + now + 1) * ldq; i < (b + 1) * T * ldq; i++) a.q[i] = 1;
        }
        forward(&a);
        for (size_t b = 0; b < SHAPE.B; b++) {
            size_t at = b * T * ldq, after = at + (now + 1) * ldq;
            CHECK(same_bits(a.out + at, out + at, (now + 1) * ldq), "out up to %zu", now);
            CHECK(!same_bits(a.out + after, out + after, ldq), "the change shows after %zu", now);
            for (size_t h = 0; h < SHAPE.NH; h++) {
                size_t row = (b * SHAPE.NH + h) * T;
                CHECK(same_bits(a.lse + row, lse + row, now + 1), "lse up to %zu", now);
            }
        }
        free_all();
    }
}

/* A window of all tokens changes no bit. */
static void wide_windows_change_nothing(void) {
    for (size_t i = 0; i < 2 * COUNT(SHAPES); i++) {
        AttentionShape shape = SHAPES[i / 2];
        shape.window = 0;
        Attention a = attention_draw(shape, i % 2 ? &ON : &OFF, 1);
        const size_t t = shape.T - 1;
        real *next = new_reals(shape.NH * shape.HS);
        forward(&a);
        backward(&a);
        attention_next(next, a.qkv, a.scratch, t, shape);
        Attention b = a;
        b.shape.window = shape.T + i % 3;
        b.out = new_reals(a.nq);
        b.lse = new_reals(a.n_lse);
        b.dqkv = new_reals(a.nq + 2 * a.nk);
        real *again = new_reals(shape.NH * shape.HS);
        forward(&b);
        attention_backward(b.dqkv, b.dout, b.out, b.lse, b.qkv, b.scratch, b.dropout, b.shape);
        attention_next(again, b.qkv, b.scratch, t, b.shape);
        CHECK(same_bits(b.out, a.out, a.nq) && same_bits(b.lse, a.lse, a.n_lse), "shape %zu",
              i / 2);
        CHECK(same_bits(b.dqkv, a.dqkv, a.nq + 2 * a.nk), "gradients, shape %zu", i / 2);
        CHECK(same_bits(again, next, shape.NH * shape.HS), "next, shape %zu", i / 2);
        free_all();
    }
}

/* What is before the window of a query changes no bit of its output. */
static void windows_hide_earlier_tokens(void) {
    static const AttentionShape SHAPE = {1, 200, 2, 1, 8, .window = 50};
    static const size_t NOW[] = {49, 50, 64, 65, 120, 199};
    const size_t ldq = SHAPE.NH * SHAPE.HS, ldk = SHAPE.NKV * SHAPE.HS;
    for (size_t n = 0; n < COUNT(NOW); n++) {
        const size_t now = NOW[n], hidden = now + 1 - SHAPE.window;
        Attention a = attention_draw(SHAPE, n % 2 ? &ON : &OFF, 1);
        forward(&a);
        real *out = new_copy(a.out, a.nq);
        for (size_t i = 0; i < hidden * ldk; i++) {
            a.k[i] = (real)(3 * draw_normal());
            a.v[i] = (real)(3 * draw_normal());
        }
        forward(&a);
        CHECK(same_bits(a.out + now * ldq, out + now * ldq, (SHAPE.T - now) * ldq), "from %zu",
              now);
        if (hidden)
            CHECK(!same_bits(a.out + (now - 1) * ldq, out + (now - 1) * ldq, ldq), "at %zu",
                  now - 1);
        free_all();
    }
}

/* Scores far beyond the range of exp: outputs are still weighted means of the values. */
static void huge_scores_stay_finite(void) {
    Attention a = attention_draw(SHAPES[7], &OFF, 1e4);
    forward(&a);
    backward(&a);
    for (size_t i = 0; i < a.nq; i++) {
        CHECK(fabs((double)a.out[i]) < 6, "out %g", (double)a.out[i]);
        CHECK(isfinite(a.dq[i]), "dq %g", (double)a.dq[i]);
    }
    for (size_t i = 0; i < a.nk; i++) CHECK(isfinite(a.dk[i]) && isfinite(a.dv[i]), "dk, dv");
    for (size_t i = 0; i < a.n_lse; i++) CHECK(isfinite(a.lse[i]), "lse %g", (double)a.lse[i]);
    free_all();
}

static void nan_propagates(void) {
    Attention a = attention_draw(SHAPES[7], &OFF, 1);
    a.k[5] = NAN; /* one key head of size 16: every query attends to it */
    forward(&a);
    for (size_t i = 0; i < a.nq; i++) CHECK(isnan(a.out[i]), "element %zu", i);
    free_all();
}

/* attention_next gives the last token of attention_forward, for small and huge scores. */
static void attention_next_is_the_last_token(void) {
    static const double STDS[] = {1, 1000};
    for (size_t i = 0; i < 2 * COUNT(SHAPES); i++) {
        AttentionShape shape = SHAPES[i / 2];
        if (shape.T == 1) continue;
        shape.B = 1;
        Attention a = attention_draw(shape, &OFF, STDS[i % 2]);
        const size_t own = shape.NH * shape.HS, t = shape.T - 1;
        real *next = new_drawn(own, 1);
        double *want = new_doubles(own);
        columns(a.qkv, a.q, a.k, a.v, shape, true);
        attention_forward(a.out, a.lse, NULL, a.qkv, a.scratch, &OFF, shape);
        for (size_t c = 0; c < own; c++) want[c] = (double)a.out[t * own + c];
        attention_next(next, a.qkv, a.scratch, t, shape);
        CHECK_NMSE(next, want, own, NMSE_FORWARD, "shape %zu, std %g", i / 2, STDS[i % 2]);
        free_all();
    }
}

static const Test TESTS[] = {
    {"attention and its gradients match the formula", attention_matches_formula},
    {"attention matches finite differences", attention_matches_differences},
    {"attention_next is the last token of attention_forward", attention_next_is_the_last_token},
    {"scratch is bounded", scratch_is_bounded},
    {"dropout in attention depends on seed, step, micro and site", dropout_depends_on_every_key},
    {"attention is causal", attention_is_causal},
    {"a window of all tokens changes nothing", wide_windows_change_nothing},
    {"windows hide earlier tokens", windows_hide_earlier_tokens},
    {"huge scores stay finite", huge_scores_stay_finite},
    {"NaN propagates", nan_propagates},
};

int main(int argc, char **argv) {
    ops_start(1); /* small sizes: more threads would be slower */
    return test_main(TESTS, COUNT(TESTS), argc, argv);
}

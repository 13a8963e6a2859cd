/* test_ops_tails.c - an element has the same bits wherever a loop reaches it.
 *
 * A vectorized loop computes most elements in vectors and the last ones in a scalar tail, and the
 * number of threads moves the border. Elementwise operations run on arrays of 0 to 33 elements, cut
 * from any place of a long one. Norms, the head and attention, whose sums depend on the length, run
 * on features that repeat or on shorter sequences. Catches compilers that fuse one product of
 * a*b + c*d in the vectors and the other in the tail (ops/cpu/vmath.h). */
#include "norm/norm.h"
#include "ops/ops.h"
#include "tests/bench/norm_bench.h"

enum { LONG = 512, SHORT = 33, ARRAYS = 6 };

/* --- elementwise operations --- */

/* Each reads and writes any of its arrays (n). */

static void residual(real **a, size_t n) {
    residual_piece(a[0], a[1], a[2], NULL, (real)0.7123, (real)1.3457, 0, n);
}

static void residual_with_block(real **a, size_t n) {
    residual_piece(a[0], a[1], a[2], a[3], (real)0.7123, (real)1.3457, (real)-0.2347, n);
}

static void scaled_pieces(real **a, size_t n) {
    scaled_piece(a[0], a[1], (real)0.7123, n, GRAD_ADD);
    scaled_piece(a[2], a[1], (real)0.7123, n, GRAD_SET);
}

static void whole_tensors(real **a, size_t n) {
    add_scaled(a[0], a[1], (real)0.7123, n);
    scale(a[2], (real)1.3457, n);
}

static void rounding(real **a, size_t n) {
    round_scaled(a[0], PRECISION_BFLOAT16, (real)0.7123, n);
    round_scaled(a[1], PRECISION_FLOAT16, (real)0.7123, n);
}

static void adamw(real **a, size_t n) {
    const AdamW step = {.lr = 0.01,
                        .beta1 = 0.9,
                        .beta2 = 0.95,
                        .eps = 1e-8,
                        .weight_decay = 0.1,
                        .correction1 = 0.5,
                        .correction2 = 0.3,
                        .grad_scale = 0.7};
    for (size_t i = 0; i < n; i++) a[2][i] = (real)fabs(a[2][i]);
    adamw_update(a[0], a[1], a[2], a[3], &step, n);
    adamw_update_measured(a[0], a[1], a[2], a[3], &step, n);
}

/* Pairs (a[0], a[1]), rotated by the angles whose cosines and sines are a[2] and a[3]. */
static void rope(real **a, size_t n) {
    real x[2 * LONG], table[2 * LONG];
    memcpy(x, a[0], n * sizeof *x);
    memcpy(x + n, a[1], n * sizeof *x);
    for (size_t i = 0; i < n; i++) {
        table[2 * i] = a[2][i];
        table[2 * i + 1] = a[3][i];
    }
    rope_forward(x, table, 1, 1, 1, 2 * n, 2 * n);
    memcpy(a[4], x, n * sizeof *x);
    memcpy(a[5], x + n, n * sizeof *x);
    rope_backward(x, table, 1, 1, 1, 2 * n, 2 * n);
    memcpy(a[0], x, n * sizeof *x);
    memcpy(a[1], x + n, n * sizeof *x);
}

/* One row of n hidden units: z = a[1] + bias a[2], backward from dh = a[4]. */
static void activation(real **a, size_t n, Activation act, bool gated) {
    const real one = 1, *factor = gated ? a[3] : NULL;
    real *dfactor = gated ? a[2] : NULL;
    activated_forward(a[0], a[5], &one, a[1], a[2], factor, act, 1, n, 1);
    activated_backward(a[1], dfactor, &one, a[4], a[5], factor, act, 1, n, 1);
    activation_backward(a[4], dfactor, a[5], factor, act, 1, n);
}

static void activations(real **a, size_t n, bool gated) {
    for (int act = ACT_GELU; act <= ACT_GELU_ERF; act++) activation(a, n, (Activation)act, gated);
}

static void activations_plain(real **a, size_t n) {
    activations(a, n, false);
}

static void activations_gated(real **a, size_t n) {
    activations(a, n, true);
}

static const struct {
    const char *name;
    void (*run)(real **a, size_t n);
} CASES[] = {
    {"residual", residual},
    {"residual with block skip", residual_with_block},
    {"scaled pieces", scaled_pieces},
    {"whole tensors", whole_tensors},
    {"rounding", rounding},
    {"AdamW", adamw},
    {"rope", rope},
    {"activations", activations_plain},
    {"gated activations", activations_gated},
};

static void elementwise(void) {
    ops_start(1);
    for (size_t c = 0; c < COUNT(CASES); c++) {
        real *start[ARRAYS], *all[ARRAYS], *cut[ARRAYS];
        for (size_t k = 0; k < ARRAYS; k++) {
            start[k] = new_drawn(LONG, 1);
            all[k] = new_copy(start[k], LONG);
            cut[k] = new_reals(LONG);
        }
        CASES[c].run(all, LONG);
        for (size_t n = 0; n <= SHORT; n++) {
            for (size_t first = 0; first + n < LONG - 64; first += 1 + first / 16) {
                for (size_t k = 0; k < ARRAYS; k++)
                    memcpy(cut[k], start[k] + first, n * sizeof(real));
                CASES[c].run(cut, n);
                for (size_t k = 0; k < ARRAYS; k++)
                    CHECK(same_bits(cut[k], all[k] + first, n),
                          "%s, array %zu, %zu elements at %zu", CASES[c].name, k, n, first);
            }
        }
        free_all();
    }
}

/* --- norms --- */

/* Features c and c+2 of each row are equal. */
static void make_repeat(real *x, size_t rows, size_t C) {
    for (size_t i = 0; x && i < rows * C; i++) {
        if (i % C >= 2) x[i] = x[i - 2];
    }
}

static size_t not_repeated(const real *x, size_t rows, size_t C) {
    size_t count = 0;
    for (size_t i = 0; x && i < rows * C; i++) {
        count += i % C >= 2 && !same_bits(&x[i], &x[i - 2], 1);
    }
    return count;
}

/* Makes features c and c+2 of a parameter equal. */
static void repeat_param(const Bench *b, size_t i, real *value) {
    const NormParam *param = &b->norm.kind->param[i];
    const size_t columns = norm_param_columns(param, b->C);
    if (param->shape == NORM_VECTOR) make_repeat(value, 1, b->C);
    if (param->shape == NORM_DOWN) make_repeat(value, norm_param_rows(param, b->C), b->C);
    for (size_t k = 2 * columns; param->shape == NORM_UP && k < b->C * columns; k++)
        value[k] = value[k - 2 * columns];
}

static void check_norm(const NormKind *kind, size_t C) {
    enum { ROW_COUNT = 27 };
    static NormMode mode = {.training = true, .observes = true};
    Bench b = bench_draw(kind, ROW_COUNT, C, 0.731);
    real *running_mean = new_drawn(C, 1), *running_var = new_drawn(C, 1);
    b.norm.columns = new_reals(kind->n_columns * C);
    b.norm.running_mean = running_mean;
    b.norm.running_var = running_var;
    b.norm.mode = &mode;
    make_repeat(b.x, ROW_COUNT, C);
    make_repeat(b.dy, ROW_COUNT, C);
    for (size_t i = 0; i < norm_param_count(kind); i++) repeat_param(&b, i, b.param[i]);
    make_repeat(running_mean, 1, C);
    make_repeat(running_var, 1, C);
    bench_forward(&b);
    bench_backward(&b);
    CHECK(!not_repeated(b.y, ROW_COUNT, C), "%s of %zu features, y", kind->name, C);
    CHECK(!not_repeated(b.dx, ROW_COUNT, C), "%s of %zu features, dx", kind->name, C);
    for (size_t i = 0; i < norm_param_count(kind); i++) {
        real *grad = new_copy(b.norm.grad[i], bench_size(&b, i));
        repeat_param(&b, i, grad);
        CHECK(same_bits(grad, b.norm.grad[i], bench_size(&b, i)), "%s of %zu features, d%s",
              kind->name, C, kind->param[i].name);
    }
    CHECK(!not_repeated(running_mean, 1, C), "%s of %zu features, mean", kind->name, C);
    CHECK(!not_repeated(running_var, 1, C), "%s of %zu features, variance", kind->name, C);
    free_all();
}

static void norms(void) {
    for (size_t C = 1; C <= 64 + SHORT; C++) {
        for (int i = 0; norm_kind(i); i++) {
            if (norm_kind(i) != &norm_none) check_norm(norm_kind(i), C);
        }
        check_norm(&norm_scale, C);
    }
}

/* --- head and attention --- */

/* With one feature h = 1, the logits are w and the gradient of w is that of the logits. */
static void head(void) {
    const real h = 1;
    const int target = 0;
    for (size_t V = 3; V <= 64 + SHORT; V++) {
        real *w = new_drawn(V, 1), *dw = new_reals(V);
        real *scratch = new_reals(head_scratch(1, V, true));
        real dh;
        double loss;
        make_repeat(w, 1, V);
        head_loss(&loss, &dh, (HeadGrads){dw, NULL}, &h,
                  (HeadWeights){.w = w, .softcap = (real)(V % 2 ? 2 : 0)}, &target, scratch,
                  (real)0.7123, 1, 1, V, GRAD_SET);
        dw[0] = dw[2]; /* the target differs */
        CHECK(!not_repeated(dw, 1, V), "%zu logits", V);
        free_all();
    }
}

/* Token t of a causal sequence does not depend on the length of the sequence, nor does dq of it. */
static void check_attention(Precision precision, size_t window, real softcap) {
    enum { HS = 10, WIDTH = 3 * HS, T_LONG = 100 };
    const Dropout none = {.p = 0};
    const AttentionShape all = {1, T_LONG, 1, 1, HS, .window = window, .softcap = softcap};
    real *qkv = new_drawn(T_LONG * WIDTH, 1), *dout = new_drawn(T_LONG * HS, 1);
    real *out = new_reals(T_LONG * HS), *lse = new_reals(T_LONG);
    real *dqkv = new_reals(T_LONG * WIDTH), *scratch = new_reals(attention_scratch(T_LONG, HS));
    real *short_out = new_reals(T_LONG * HS), *short_lse = new_reals(T_LONG);
    real *short_dqkv = new_reals(T_LONG * WIDTH);
    ops_set_precision(precision);
    attention_forward(out, lse, NULL, qkv, scratch, &none, all);
    attention_backward(dqkv, dout, out, lse, qkv, scratch, &none, all);
    for (size_t T = 1; T < T_LONG; T++) {
        AttentionShape shape = all;
        shape.T = T;
        attention_forward(short_out, short_lse, NULL, qkv, scratch, &none, shape);
        attention_backward(short_dqkv, dout, short_out, short_lse, qkv, scratch, &none, shape);
        CHECK(same_bits(short_out, out, T * HS), "precision %d, out of %zu tokens", precision, T);
        CHECK(same_bits(short_lse, lse, T), "precision %d, lse of %zu tokens", precision, T);
        for (size_t t = 0; t < T; t++)
            CHECK(same_bits(short_dqkv + t * WIDTH, dqkv + t * WIDTH, HS),
                  "precision %d, dq of token %zu of %zu", precision, t, T);
    }
    ops_set_precision(PRECISION_FLOAT32);
    free_all();
}

static void attention(void) {
    check_attention(PRECISION_FLOAT32, 0, 0);
    check_attention(PRECISION_FLOAT32, 17, 2);
    check_attention(PRECISION_BFLOAT16, 0, 0);
    check_attention(PRECISION_BFLOAT16, 17, 2);
}

static const Test TESTS[] = {
    {"tails: elementwise operations", elementwise},
    {"tails: norms", norms},
    {"tails: head", head},
    {"tails: attention", attention},
};
TEST_MAIN(TESTS)

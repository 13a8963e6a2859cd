/* test_ops_threads.c - the bits of every operation are the same on 1, 2, 3 and 4 threads.
 *
 * Each case computes into one array from one array of random numbers, both carved up in order, and
 * is large enough to be shared out. Every count runs twice, so that a race has two chances. */
#include "norm/norm.h"
#include "ops/ops.h"
#include "tests/lib/numbers.h"

enum { THREADS = 4, POOL = 3000000, OUTPUTS = 1500000 };

/* What a case reads and writes; `take` from one, `give` to the other. */
typedef struct {
    const real *in;
    real *out;
    real *scratch; /* as large as a case may need, at most POOL */
    const int *tokens;
} Work;

static const real *take(Work *work, size_t n) {
    const real *in = work->in;
    work->in += n;
    return in;
}

/* Starts as random numbers, since gradients are added to. */
static real *give(Work *work, size_t n) {
    real *out = work->out;
    memcpy(out, take(work, n), n * sizeof *out);
    work->out += n;
    return out;
}

static void linear(Work *work) {
    const size_t R = 300, N = 700, K = 500;
    const real *x = take(work, R * K), *w = take(work, N * K), *bias = take(work, N);
    const real *dy = take(work, R * N);
    linear_forward(give(work, R * N), x, w, bias, R, N, K);
    real *dx = give(work, R * K), *dw = give(work, N * K), *dbias = give(work, N);
    linear_backward_input(dx, dy, w, R, N, K, GRAD_ADD);
    linear_backward_weight(dw, dbias, dy, x, R, N, K, GRAD_ADD);
}

static void narrow_linear(Work *work) { /* a single column of tiles, and lone columns of sums */
    const size_t R = 5000, N = 67, K = 33;
    const real *x = take(work, R * K), *w = take(work, N * K), *dy = take(work, R * N);
    linear_forward(give(work, R * N), x, w, NULL, R, N, K);
    real *dx = give(work, R * K), *dw = give(work, N * K), *dbias = give(work, N);
    linear_backward_input(dx, dy, w, R, N, K, GRAD_ADD);
    linear_backward_weight(dw, dbias, dy, x, R, N, K, GRAD_ADD);
}

static void embedding(Work *work) {
    const size_t B = 5, T = 100, C = 193, V = 50;
    const real *tok = take(work, V * C), *pos = take(work, T * C), *dx = take(work, B * T * C);
    embedding_forward(give(work, B * T * C), work->tokens, tok, pos, B, T, C);
    real *dtok = give(work, V * C), *dpos = give(work, T * C);
    embedding_backward(dtok, dpos, dx, work->tokens, B, T, C);
}

static void activations(Work *work) {
    const size_t R = 150, N = 200, K = 70, M = 50;
    for (int act = 0; act < 4; act++) {
        const real *x = take(work, R * K), *w = take(work, N * K), *bias = take(work, N);
        const real *down = take(work, M * N), *dy = take(work, R * M), *factor = take(work, R * N);
        for (int gated = 0; gated < 2; gated++) {
            real *z = give(work, R * N), *h = give(work, R * N);
            real *dz = give(work, R * N), *dfactor = give(work, R * N);
            const real *by = gated ? factor : NULL;
            activated_forward(h, z, x, w, bias, by, (Activation)act, R, N, K);
            activated_backward(dz, gated ? dfactor : NULL, dy, down, z, by, (Activation)act, R, N,
                               M);
        }
    }
}

static void whole_tensors(Work *work) {
    const size_t n = 100003;
    const real *x = take(work, n), *o = take(work, n), *block = take(work, n);
    scale(give(work, n), (real)0.3, n);
    add_scaled(give(work, n), x, (real)0.7, n);
    zero(give(work, n), n);
    copy(give(work, n), o, n);
    copy_columns(give(work, n), 110, block, 105, n / 110, 100);
}

static void squares(Work *work) {
    static const size_t SIZES[] = {1000000, 33000, 777777};
    for (size_t i = 0; i < COUNT(SIZES); i++) {
        double sum = sum_of_squares(work->in, SIZES[i]);
        memcpy(give(work, 2), &sum, sizeof sum);
    }
}

static void dropout(Work *work) {
    const Dropout keys = {.p = 0.3, .seed = 1, .step = 2, .micro = 3, .site = 4};
    dropout_apply(give(work, 100003), &keys, 100003);
}

static void rope(Work *work) {
    const size_t B = 3, T = 100, NH = 5, HS = 32;
    rope_table(work->scratch, T, HS);
    rope_forward(give(work, B * T * NH * HS), work->scratch, B, T, NH, HS, NH * HS);
    rope_backward(give(work, B * T * NH * HS), work->scratch, B, T, NH, HS, NH * HS);
}

static void attention(Work *work) {
    const AttentionShape shape = {2, 200, 6, 3, 16};
    const Dropout keys = {.p = 0.1, .seed = 1, .step = 2, .micro = 3, .site = 4};
    const size_t nq = 2 * 200 * 6 * 16, nk = nq / 2;
    const real *qkv = take(work, nq + 2 * nk), *dout = take(work, nq);
    real *out = give(work, nq), *lse = give(work, 2 * 200 * 6);
    attention_forward(out, lse, qkv, work->scratch, &keys, shape);
    attention_backward(give(work, nq + 2 * nk), dout, out, lse, qkv, work->scratch, &keys, shape);
}

static void head(Work *work) {
    const size_t R = 300, C = 32, V = 3001;
    const real *h = take(work, R * C), *w = take(work, V * C);
    double losses[300];
    real *dh = give(work, R * C), *dw = give(work, V * C);
    head_loss(losses, dh, dw, h, w, work->tokens, work->scratch, (real)0.01, R, C, V, GRAD_ADD);
    memcpy(give(work, 2 * R), losses, sizeof losses);
    head_logits(give(work, V), h, w, 17, C, V);
}

static void adamw(Work *work) {
    const size_t n = 100003;
    const AdamW step = {.lr = 0.01,
                        .beta1 = 0.9,
                        .beta2 = 0.95,
                        .eps = 1e-8,
                        .weight_decay = 0.1,
                        .correction1 = 0.5,
                        .correction2 = 0.3,
                        .grad_scale = 0.7};
    const real *g = take(work, n);
    real *p = give(work, n), *m = give(work, n), *v = give(work, n);
    for (size_t i = 0; i < n; i++) v[i] *= v[i];
    adamw_update(p, m, v, g, &step, n);
}

static void initial_values(Work *work) {
    normal_fill(give(work, 100003), 1, "w", 0.02, 3, 100001);
}

static void moments(Work *work) {
    const size_t R = 700, T = 7, C = 97, per_real = sizeof(double) / sizeof(real);
    const real *x = take(work, R * C);
    Moments found[TOKEN_GROUPS];
    activation_moments(found, x, R, T, C);
    for (size_t g = 0; g < TOKEN_GROUPS; g++) {
        const Moments *m = &found[g];
        const double all[] = {m->mean, m->variance, m->rms, m->absmax, m->kurtosis};
        memcpy(give(work, COUNT(all) * per_real), all, sizeof all);
    }
    double rms[TOKEN_GROUPS];
    activation_rms(rms, x, R, T, C);
    memcpy(give(work, COUNT(rms) * per_real), rms, sizeof rms);
}

static void norms(Work *work) {
    const NormKind *const KINDS[] = {&norm_layernorm, &norm_rmsnorm, &norm_rmsnorm_plus1,
                                     &norm_dyt,       &norm_scale,   &norm_none};
    const size_t R = 700, C = 97;
    for (size_t k = 0; k < COUNT(KINDS); k++) {
        const real *x = take(work, R * C), *dy = take(work, R * C);
        Norm norm = {.kind = KINDS[k], .C = C, .eps = (real)1e-5, .partials = work->scratch};
        norm.gamma = take(work, C);
        norm.beta = take(work, C);
        norm.alpha = take(work, 1);
        real *y = give(work, R * C);
        norm.stats = give(work, 2 * R);
        norm.dgamma = give(work, C);
        norm.dbeta = give(work, C);
        norm.dalpha = give(work, 1);
        norm_forward(&norm, y, x, (real)0.7, R);
        norm_backward(&norm, give(work, R * C), dy, x, (real)0.7, R, GRAD_ADD);
    }
}

static const struct {
    const char *name;
    void (*run)(Work *work);
} CASES[] = {
    {"linear", linear},
    {"narrow linear", narrow_linear},
    {"embedding", embedding},
    {"activations", activations},
    {"whole tensors", whole_tensors},
    {"sum_of_squares", squares},
    {"dropout", dropout},
    {"rope", rope},
    {"attention", attention},
    {"head", head},
    {"AdamW", adamw},
    {"initial values", initial_values},
    {"norms", norms},
    {"moments", moments},
};

static void threads_never_reach_the_bits(void) {
    real *pool = new_reals(POOL), *scratch = new_reals(POOL);
    real *first = new_reals(OUTPUTS), *again = new_reals(OUTPUTS);
    int *tokens = new_tokens(1000, 50);
    for (size_t i = 0; i < POOL; i++) pool[i] = (real)draw_uniform(-1, 1);
    for (size_t c = 0; c < COUNT(CASES); c++) {
        for (size_t run = 0; run < 2 * THREADS; run++) {
            size_t threads = run / 2 + 1;
            Work work = {
                .in = pool, .out = run ? again : first, .scratch = scratch, .tokens = tokens};
            ops_start(threads);
            CHECK(ops_threads() == threads, "%zu threads of %zu", ops_threads(), threads);
            CASES[c].run(&work);
            size_t given = (size_t)(work.out - (run ? again : first));
            if (given > OUTPUTS || work.in > pool + POOL) abort();
            CHECK(same_bits(first, again, run ? given : 0), "%s on %zu threads", CASES[c].name,
                  threads);
        }
    }
    free_all();
}

/* Scratch is per thread: one that was planned for more threads serves fewer. */
static void scratch_grows_with_threads(void) {
    ops_start(1);
    size_t one = attention_scratch(77, 16);
    for (size_t threads = 2; threads <= THREADS; threads++) {
        ops_start(threads);
        CHECK(attention_scratch(77, 16) == threads * one, "%zu threads", threads);
    }
}

static const Test TESTS[] = {
    {"threads never reach the bits", threads_never_reach_the_bits},
    {"scratch grows with threads", scratch_grows_with_threads},
};
TEST_MAIN(TESTS)

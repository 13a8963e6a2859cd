/* test_ops_threads.c - every operation gives the same bits on 1, 2, 3 and 4 threads.
 *
 * A case takes its inputs from one array of random numbers and its outputs from another, in order.
 * It is large enough to run in parallel. Every number of threads runs twice, to catch races. */
#include "norm/norm.h"
#include "ops/ops.h"
#include "tests/lib/numbers.h"

enum { THREADS = 4, POOL = 6000000, OUTPUTS = 3000000 };

/* The arrays of a case: take_input and take_output return the next n elements. */
typedef struct {
    const real *in;
    real *out;
    real *scratch; /* POOL elements */
    const int *tokens;
} Work;

static const real *take_input(Work *work, size_t n) {
    const real *in = work->in;
    work->in += n;
    return in;
}

/* Starts with random numbers, since gradients are added to. */
static real *take_output(Work *work, size_t n) {
    real *out = work->out;
    memcpy(out, take_input(work, n), n * sizeof *out);
    work->out += n;
    return out;
}

static void linear(Work *work) {
    const size_t R = 300, N = 700, K = 500;
    const real *x = take_input(work, R * K), *w = take_input(work, N * K),
               *bias = take_input(work, N);
    const real *dy = take_input(work, R * N);
    linear_forward(take_output(work, R * N), x, w, bias, R, N, K);
    real *dx = take_output(work, R * K), *dw = take_output(work, N * K),
         *dbias = take_output(work, N);
    linear_backward_input(dx, dy, w, R, N, K, GRAD_ADD);
    linear_backward_weight(dw, dbias, dy, x, R, N, K, GRAD_ADD);
}

static void
narrow_linear(Work *work) { /* one column of tiles; a last block of 3 columns in bias sums */
    const size_t R = 5000, N = 67, K = 33;
    const real *x = take_input(work, R * K), *w = take_input(work, N * K),
               *dy = take_input(work, R * N);
    linear_forward(take_output(work, R * N), x, w, NULL, R, N, K);
    real *dx = take_output(work, R * K), *dw = take_output(work, N * K),
         *dbias = take_output(work, N);
    linear_backward_input(dx, dy, w, R, N, K, GRAD_ADD);
    linear_backward_weight(dw, dbias, dy, x, R, N, K, GRAD_ADD);
}

static void embedding(Work *work) {
    const size_t B = 5, T = 100, C = 193, V = 50;
    const real *tok = take_input(work, V * C), *pos = take_input(work, T * C),
               *dx = take_input(work, B * T * C);
    embedding_forward(take_output(work, B * T * C), work->tokens, tok, pos, B, T, C);
    real *dtok = take_output(work, V * C), *dpos = take_output(work, T * C);
    embedding_backward(dtok, dpos, dx, work->tokens, B, T, C);
}

static void activations(Work *work) {
    const size_t R = 180, N = 200, K = 70, M = 50;
    for (int act = 0; act < 4; act++) {
        const real *x = take_input(work, R * K), *w = take_input(work, N * K),
                   *bias = take_input(work, N);
        const real *down = take_input(work, M * N), *dy = take_input(work, R * M),
                   *factor = take_input(work, R * N);
        for (int gated = 0; gated < 2; gated++) {
            real *z = take_output(work, R * N), *h = take_output(work, R * N);
            real *dz = take_output(work, R * N), *dfactor = take_output(work, R * N);
            const real *by = gated ? factor : NULL;
            activated_forward(h, z, x, w, bias, by, (Activation)act, R, N, K);
            activated_backward(dz, gated ? dfactor : NULL, dy, down, z, by, (Activation)act, R, N,
                               M);
            memcpy(h, factor, R * N * sizeof *h);
            activation_backward(h, gated ? take_output(work, R * N) : NULL, z, by, (Activation)act,
                                R, N);
        }
    }
}

static void whole_tensors(Work *work) {
    const size_t n = 100003;
    const real *x = take_input(work, n), *o = take_input(work, n), *block = take_input(work, n);
    scale(take_output(work, n), (real)0.3, n);
    add_scaled(take_output(work, n), x, (real)0.7, n);
    zero(take_output(work, n), n);
    copy(take_output(work, n), o, n);
    copy_columns(take_output(work, n), 110, block, 105, n / 110, 100);
}

static void squares(Work *work) {
    static const size_t SIZES[] = {1000000, 33000, 777777};
    for (size_t i = 0; i < COUNT(SIZES); i++) {
        double sum = sum_of_squares(work->in, SIZES[i]);
        memcpy(take_output(work, 2), &sum, sizeof sum);
    }
}

static void dropout(Work *work) {
    const Dropout keys = {.p = 0.3, .seed = 1, .step = 2, .micro = 3, .site = 4};
    dropout_apply(take_output(work, 100003), &keys, 100003);
}

static void rope(Work *work) {
    const size_t B = 3, T = 100, NH = 5, HS = 32;
    rope_table(work->scratch, T, HS, &(Rope){.theta = 10000, .width = HS, .factor = 1});
    rope_forward(take_output(work, B * T * NH * HS), work->scratch, B, T, NH, HS, NH * HS);
    rope_backward(take_output(work, B * T * NH * HS), work->scratch, B, T, NH, HS, NH * HS);
}

static void attention_with(Work *work, size_t window, real softcap) {
    const AttentionShape shape = {2, 200, 6, 3, 16, .window = window, .softcap = softcap};
    const Dropout keys = {.p = 0.1, .seed = 1, .step = 2, .micro = 3, .site = 4};
    const size_t nq = 2 * 200 * 6 * 16, nk = nq / 2;
    const real *qkv = take_input(work, nq + 2 * nk), *dout = take_input(work, nq);
    real *out = take_output(work, nq), *lse = take_output(work, 2 * 200 * 6);
    attention_forward(out, lse, NULL, qkv, work->scratch, &keys, shape);
    attention_backward(take_output(work, nq + 2 * nk), dout, out, lse, qkv, work->scratch, &keys,
                       shape);
}

static void attention(Work *work) {
    attention_with(work, 0, 0);
}

static void attention_in_windows(Work *work) {
    attention_with(work, 50, 2);
}

static void head_with(Work *work, real softcap) {
    const size_t R = 300, C = 32, V = 3001;
    const real *h = take_input(work, R * C), *w = take_input(work, V * C);
    const HeadWeights head = {w, take_input(work, V), softcap};
    double losses[300];
    real *dh = take_output(work, R * C), *dw = take_output(work, V * C);
    real *dbias = take_output(work, V);
    head_loss(losses, dh, (HeadGrads){dw, dbias}, h, head, work->tokens, work->scratch, (real)0.01,
              R, C, V, GRAD_ADD);
    memcpy(take_output(work, 2 * R), losses, sizeof losses);
    head_logits(take_output(work, V), h, head, 17, C, V);
}

static void head(Work *work) {
    head_with(work, 0);
}

static void capped_head(Work *work) {
    head_with(work, 2);
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
    const real *g = take_input(work, n);
    real *p = take_output(work, n), *m = take_output(work, n), *v = take_output(work, n);
    for (size_t i = 0; i < n; i++) v[i] *= v[i];
    adamw_update(p, m, v, g, &step, n);
    double squares = adamw_update_measured(p, m, v, g, &step, n);
    memcpy(take_output(work, 2), &squares, sizeof squares);
}

static void muon(Work *work) {
    static const size_t SHAPES[][2] = {{190, 301}, {301, 190}, {1, 40000}};
    const Muon step = {.momentum = 0.9, .grad_scale = 0.7, .step = 0.1, .decay = 0.01};
    for (size_t k = 0; k < COUNT(SHAPES); k++) {
        const size_t rows = SHAPES[k][0], cols = SHAPES[k][1];
        real *p = take_output(work, rows * cols), *m = take_output(work, rows * cols);
        const real *g = take_input(work, rows * cols);
        double squares = muon_update(p, m, g, work->scratch, &step, rows, cols);
        memcpy(take_output(work, 2), &squares, sizeof squares);
    }
}

static void initial_values(Work *work) {
    normal_fill(take_output(work, 100003), 1, "w", 0.02, 3, 100001);
}

static void moments(Work *work) {
    const size_t R = 700, T = 7, C = 97, per_real = sizeof(double) / sizeof(real);
    const real *x = take_input(work, R * C);
    Moments found[TOKEN_GROUPS];
    activation_moments(found, x, R, T, C);
    for (size_t g = 0; g < TOKEN_GROUPS; g++) {
        const Moments *m = &found[g];
        const double all[] = {m->mean, m->variance, m->rms, m->absmax, m->kurtosis};
        memcpy(take_output(work, COUNT(all) * per_real), all, sizeof all);
    }
    double rms[TOKEN_GROUPS];
    activation_rms(rms, x, R, T, C);
    memcpy(take_output(work, COUNT(rms) * per_real), rms, sizeof rms);
}

static void norm_passes(Work *work, const NormKind *kind) {
    const size_t R = 700, C = 97;
    const real *x = take_input(work, R * C), *dy = take_input(work, R * C);
    Norm norm = {.kind = kind, .C = C, .eps = (real)1e-5, .partials = work->scratch};
    real *y = take_output(work, R * C);
    norm.stats = take_output(work, norm_stats(kind, C) * R);
    for (size_t i = 0; i < norm_param_count(kind); i++) {
        const size_t columns = norm_param_columns(&kind->param[i], C);
        const size_t n = norm_param_rows(&kind->param[i], C) * (columns ? columns : 1);
        norm.param[i] = take_input(work, n);
        norm.grad[i] = take_output(work, n);
    }
    norm_forward(&norm, y, x, (real)0.7, R);
    norm_backward(&norm, take_output(work, R * C), dy, x, (real)0.7, R, GRAD_ADD);
}

/* Those over the batch: test_batchnorm.c. */
static void norms(Work *work) {
    for (int i = 0; norm_kind(i); i++) {
        if (!norm_kind(i)->gather) norm_passes(work, norm_kind(i));
    }
    norm_passes(work, &norm_scale);
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
    {"attention in windows", attention_in_windows},
    {"head", head},
    {"head with softcap", capped_head},
    {"AdamW", adamw},
    {"Muon", muon},
    {"initial values", initial_values},
    {"norms", norms},
    {"moments", moments},
};

static void threads_do_not_change_bits(void) {
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

/* Scratch is per thread, so scratch for more threads is enough for fewer. */
static void scratch_grows_with_threads(void) {
    ops_start(1);
    size_t one = attention_scratch(77, 16);
    for (size_t threads = 2; threads <= THREADS; threads++) {
        ops_start(threads);
        CHECK(attention_scratch(77, 16) == threads * one, "%zu threads", threads);
    }
}

static const Test TESTS[] = {
    {"the number of threads does not change bits", threads_do_not_change_bits},
    {"scratch grows with threads", scratch_grows_with_threads},
};
TEST_MAIN(TESTS)

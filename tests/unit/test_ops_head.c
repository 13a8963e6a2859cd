/* test_ops_head.c - loss and gradient of the head against a naive log-softmax, and the sampler. */
#include "ops/ops.h"
#include "tests/lib/numbers.h"

/* --- head --- */

enum { CANARIES = 64 };

typedef struct {
    size_t R, C, V, scratch_size;
    real *h, *w, *bias, *dh, *dw, *dbias, *scratch; /* bias NULL = none */
    double softcap;                                 /* 0 = none */
    int *targets;
    double *losses, *want_losses, *want_dh, *want_dw, *want_dbias;
} Head;

static Head head_draw(size_t R, size_t C, size_t V, double std, bool biased, double softcap) {
    Head head = {.R = R, .C = C, .V = V, .softcap = softcap};
    head.h = new_drawn(R * C, std);
    head.w = new_drawn(V * C, 1);
    head.dh = new_drawn(R * C, 1);
    head.dw = new_drawn(V * C, 1);
    if (biased) head.bias = new_drawn(V, std);
    head.dbias = new_drawn(V, 1);
    head.scratch_size = head_scratch(R, V, softcap > 0);
    head.scratch = new_drawn(head.scratch_size + CANARIES, 1);
    head.targets = new_tokens(R, V);
    head.losses = new_doubles(R);
    head.want_losses = new_doubles(R);
    head.want_dh = new_doubles(R * C); /* dh is set, dw is added to */
    head.want_dw = new_widened(head.dw, V * C);
    head.want_dbias = new_widened(head.dbias, V);
    return head;
}

static void reference_token(Head *head, double *p, double *slope, size_t r, double grad_scale) {
    const size_t C = head->C, V = head->V, target = (size_t)head->targets[r];
    const real *h = head->h + r * C;
    double largest = -INFINITY;
    long double total = 0;
    for (size_t v = 0; v < V; v++) {
        p[v] = 0;
        for (size_t c = 0; c < C; c++) p[v] += (double)h[c] * (double)head->w[v * C + c];
        if (head->bias) p[v] += (double)head->bias[v];
        if (head->softcap > 0) p[v] = head->softcap * tanh(p[v] / head->softcap);
        slope[v] = head->softcap > 0 ? 1 - pow(p[v] / head->softcap, 2) : 1;
        largest = fmax(largest, p[v]);
    }
    head->want_losses[r] = largest - p[target];
    for (size_t v = 0; v < V; v++) total += (long double)(p[v] = exp(p[v] - largest));
    head->want_losses[r] += (double)logl(total);
    for (size_t v = 0; v < V; v++) {
        double d = grad_scale * (p[v] / (double)total - (v == target)) * slope[v];
        head->want_dbias[v] += head->bias ? d : 0;
        for (size_t c = 0; c < C; c++) {
            head->want_dh[r * C + c] += d * (double)head->w[v * C + c];
            head->want_dw[v * C + c] += d * (double)h[c];
        }
    }
}

static HeadWeights head_weights(const Head *head) {
    return (HeadWeights){head->w, head->bias, (real)head->softcap};
}

static HeadGrads head_grads(const Head *head) {
    return (HeadGrads){head->dw, head->bias ? head->dbias : NULL};
}

static void run_head(Head *head, real *dh, real grad_scale) {
    head_loss(head->losses, dh, head_grads(head), head->h, head_weights(head), head->targets,
              head->scratch, grad_scale, head->R, head->C, head->V, GRAD_ADD);
}

static void check_head(size_t R, size_t C, size_t V, double std, double grad_scale, bool biased,
                       double softcap) {
    Head head = head_draw(R, C, V, std, biased, softcap);
    real *canaries = new_copy(head.scratch + head.scratch_size, CANARIES);
    double *p = new_doubles(V), *slope = new_doubles(V), *losses = new_doubles(R);
    for (size_t r = 0; r < R; r++) reference_token(&head, p, slope, r, grad_scale);
    run_head(&head, NULL, 1);
    memcpy(losses, head.losses, R * sizeof *losses);
    run_head(&head, head.dh, (real)grad_scale);
    CHECK(memcmp(losses, head.losses, R * sizeof *losses) == 0,
          "losses are the same without gradients");
    for (size_t r = 0; r < R; r++) {
        CHECK_NEAR(losses[r], head.want_losses[r], 32 * (double)REAL_EPSILON * (1 + std * std));
    }
    CHECK_NMSE(head.dh, head.want_dh, R * C, NMSE_GRADIENT, "dh, %zu %zu %zu", R, C, V);
    CHECK_NMSE(head.dw, head.want_dw, V * C, NMSE_GRADIENT, "dw, %zu %zu %zu", R, C, V);
    CHECK_NMSE(head.dbias, head.want_dbias, V, NMSE_GRADIENT, "dbias, %zu %zu %zu", R, C, V);
    CHECK(same_bits(head.scratch + head.scratch_size, canaries, CANARIES), "beyond scratch");
    free_all();
}

static void losses_and_gradients(void) {
    static const struct {
        size_t R, C, V;
        double std, grad_scale;
    } CASES[] = {
        {1, 1, 1, 1, 1},        {1, 4, 2, 1, 0.5},    {5, 3, 7, 1, 0.125},
        {64, 8, 300, 0.5, 1},   {65, 8, 256, 2, 0.1}, {200, 16, 65, 1, 1.0 / 256},
        {33, 5, 4099, 1, 0.25}, /* more than one block of float sums */
    };
    for (size_t i = 0; i < COUNT(CASES); i++) {
        for (int kind = 0; kind < 4; kind++) {
            check_head(CASES[i].R, CASES[i].C, CASES[i].V, CASES[i].std, CASES[i].grad_scale,
                       kind & 1, kind & 2 ? 1.5 : 0);
        }
    }
}

/* Logits of all tokens, or of as many as fit 2^24, as a multiple of 64; at least 64. */
static void scratch_is_bounded(void) {
    static const struct {
        size_t R, V, tokens;
    } CASES[] = {
        {1, 50000, 1},       {300, 50000, 300},   {10000, 50000, 320}, {10000, 131072, 128},
        {10000, 131073, 64}, {10000, 300000, 64}, {63, 300000, 63},
    };
    for (size_t i = 0; i < COUNT(CASES); i++) {
        size_t got = head_scratch(CASES[i].R, CASES[i].V, false);
        CHECK(got == CASES[i].tokens * CASES[i].V, "case %zu: %zu elements", i, got);
        got = head_scratch(CASES[i].R, CASES[i].V, true);
        CHECK(got == (CASES[i].tokens + ops_threads()) * CASES[i].V, "case %zu: %zu capped", i,
              got);
    }
}

/* A vocabulary so large that 70 tokens need two chunks, of 64 and 6. */
static void several_chunks(void) {
    check_head(70, 2, 131073, 1, 0.25, true, 3);
}

/* dw is weighted by softmax - onehot, which sums to zero over the vocabulary. */
static void gradient_sums_to_zero(void) {
    Head head = head_draw(9, 4, 50, 1, true, 0);
    zero(head.dw, head.V * head.C);
    run_head(&head, head.dh, 1);
    for (size_t c = 0; c < head.C; c++) {
        double sum = 0;
        for (size_t v = 0; v < head.V; v++) sum += (double)head.dw[v * head.C + c];
        CHECK_NEAR(sum, 0, 200 * (double)REAL_EPSILON);
    }
    free_all();
}

/* Logits of +-1e4: losses are differences of logits, gradients 0 and +-1. */
static void huge_logits_stay_finite(void) {
    Head head = head_draw(4, 1, 3, 1, false, 0);
    const double logits[] = {1e4, -1e4, 0};
    const int targets[] = {0, 1, 2, 1};
    for (size_t r = 0; r < 4; r++) {
        head.h[r] = 1;
        head.targets[r] = targets[r];
    }
    for (size_t v = 0; v < 3; v++) head.w[v] = (real)logits[v];
    zero(head.dh, 4);
    zero(head.dw, 3);
    run_head(&head, head.dh, 1);
    for (size_t r = 0; r < 4; r++) CHECK_NEAR(head.losses[r], 1e4 - logits[targets[r]], 0);
    CHECK(head.dw[0] == 3 && head.dw[1] == -2 && head.dw[2] == -1, "dw %g %g %g",
          (double)head.dw[0], (double)head.dw[1], (double)head.dw[2]);
    CHECK(head.dh[0] == 0 && head.dh[1] == 20000 && head.dh[2] == 10000, "dh %g %g %g",
          (double)head.dh[0], (double)head.dh[1], (double)head.dh[2]);
    free_all();
}

/* A NaN logit at any index makes the loss of its token NaN, and no other. */
static void nan_logit_makes_its_loss_nan(void) {
    static const size_t PLACES[] = {0, 1, 17, 4096, 4098};
    for (size_t i = 0; i < COUNT(PLACES); i++) {
        Head head = head_draw(3, 2, 4099, 1, i % 2, i % 3 ? 0 : 5);
        for (size_t r = 0; r < 3; r++) {
            head.targets[r] = 5;
            head.h[r * 2 + 1] = r == 1 ? INFINITY : 0; /* infinity * 0 for one logit only */
        }
        for (size_t v = 0; v < 4099; v++) head.w[v * 2 + 1] = v == PLACES[i] ? 0 : -1;
        run_head(&head, NULL, 1);
        CHECK(isfinite(head.losses[0]) && isfinite(head.losses[2]), "other tokens, index %zu",
              PLACES[i]);
        CHECK(isnan(head.losses[1]), "index %zu: %g", PLACES[i], head.losses[1]);
        free_all();
    }
}

static void logits_of_one_token(void) {
    Head head = head_draw(6, 5, 37, 1, true, 2);
    real *logits = new_reals(head.V);
    double *want = new_doubles(head.V);
    for (size_t r = 0; r < head.R; r++) {
        for (size_t v = 0; v < head.V; v++) {
            want[v] = (double)head.bias[v];
            for (size_t c = 0; c < head.C; c++) {
                want[v] += (double)head.h[r * head.C + c] * (double)head.w[v * head.C + c];
            }
            want[v] = 2 * tanh(want[v] / 2);
        }
        head_logits(logits, head.h, head_weights(&head), r, head.C, head.V);
        CHECK_NMSE(logits, want, head.V, NMSE_FORWARD, "token %zu", r);
    }
    free_all();
}

/* --- sampling --- */

enum { V = 12 };
static const double LOGITS[V] = {0.5, -1, 2, 2, 1.5, -3, 0, 2.5, 2.25, -0.5, 1, -1e4};
static const double ALMOST_ONE = 1 - 0x1p-53;

static int sample(double temperature, size_t top_k, double top_p, double u) {
    real logits[V];
    for (size_t i = 0; i < V; i++) logits[i] = (real)LOGITS[i];
    return sample_token(logits, (Sampling){temperature, top_k, top_p}, u, V);
}

static void sampling_edges(void) {
    /* Probability of token 7: 0.257; of 7 and 8: 0.458; with 2 and 3, which tie: 0.770. */
    static const struct {
        double temperature;
        size_t top_k;
        double top_p, u;
        int token;
    } CASES[] = {
        {0, 0, 0, 0, 7},
        {0, 0, 0, ALMOST_ONE, 7},
        {0, 3, 0, 0.5, 7},
        {1, 1, 0, 0, 7},
        {1, 1, 0, ALMOST_ONE, 7},
        {1e-9, 0, 0, ALMOST_ONE, 7},
        {1, 0, 0, 0, 0},
        {1, 0, 0, ALMOST_ONE, 10}, /* never the last token, of probability 0 */
        {1, 2, 0, 0, 7},
        {1, 2, 0, ALMOST_ONE, 8},
        {1, 3, 0, 0, 2},
        {1, 3, 0, ALMOST_ONE, 8}, /* two tokens tie for the third place: both are kept */
        {1, V, 0, ALMOST_ONE, 10},
        {1, 1000, 0, 0, 0},
        {1, 0, 1e-9, 0, 7},
        {1, 0, 1e-9, ALMOST_ONE, 7},
        {1, 0, 0.25, ALMOST_ONE, 7},
        {1, 0, 0.26, ALMOST_ONE, 8},
        {1, 0, 0.26, 0, 7},
        {1, 0, 0.46, 0, 2},
        {1, 0, 0.5, ALMOST_ONE, 8},
        {1, 0, 1, 0, 0},
        {1, 0, 1, ALMOST_ONE, 10},
        {1, 2, 0.99, 0, 7}, /* applied after top_k */
        {1, 2, 0.5, ALMOST_ONE, 7},
        {0.1, 0, 0.9, ALMOST_ONE, 7}, /* applied after temperature */
        {0, 0, 0.5, ALMOST_ONE, 7},
    };
    /* rounding may leave the sum below u: then the last token with a probability is taken */
    CHECK(sample(1, 0, 0, 1) == 10 && sample(1, 3, 0, 1) == 8, "u = 1: %d", sample(1, 0, 0, 1));
    for (size_t i = 0; i < COUNT(CASES); i++) {
        int token = sample(CASES[i].temperature, CASES[i].top_k, CASES[i].top_p, CASES[i].u);
        CHECK(token == CASES[i].token, "case %zu: token %d", i, token);
    }
    for (size_t i = 0; i < 4; i++) { /* u on a border gives the next token */
        real equals[4] = {-2, -2, -2, -2};
        CHECK(sample_token(equals, (Sampling){1, 0, 0}, 0.25 * (double)i, 4) == (int)i,
              "quarter %zu", i);
    }
    real ties[4] = {1, 3, 3, 3}, rising[3] = {0, 1, 2}, alone[1] = {-7};
    CHECK(sample_token(ties, (Sampling){0, 0, 0}, 0.9, 4) == 1,
          "greedy: the first of equal tokens");
    CHECK(sample_token(rising, (Sampling){1, 2, 0}, 0, 3) == 1, "top_k 2 of 3");
    CHECK(sample_token(alone, (Sampling){1, 0, 0}, 0.9, 1) == 0, "a vocabulary of one");
}

static void sampling_frequencies(void) {
    enum { DRAWS = 20000 };
    static const struct {
        double temperature, least; /* logits below `least` are excluded by top_k or top_p */
        size_t top_k;
        double top_p;
    } CASES[] = {{1, -1e9, 0, 0}, {0.7, -1e9, 0, 0}, {2, -1e9, 0, 0}, {0.7, 1.5, 5, 0},
                 {1, 1.5, 5, 0},  {1, -1e9, 0, 1},   {1, 2, 0, 0.6},  {1, 1.5, 0, 0.85}};
    for (size_t k = 0; k < COUNT(CASES); k++) {
        double p[V], total = 0, chi2 = 0, freedom = -1;
        size_t seen[V] = {0};
        for (size_t i = 0; i < V; i++) {
            p[i] = LOGITS[i] < CASES[k].least ? 0 : exp(LOGITS[i] / CASES[k].temperature);
            total += p[i];
        }
        for (size_t i = 0; i < DRAWS; i++) {
            seen[sample(CASES[k].temperature, CASES[k].top_k, CASES[k].top_p,
                        draw_uniform(0, 1))]++;
        }
        for (size_t i = 0; i < V; i++) {
            double expected = DRAWS * p[i] / total, off = (double)seen[i] - expected;
            CHECK(p[i] > 0 || !seen[i], "case %zu: token %zu was drawn", k, i);
            if (p[i] == 0) continue;
            chi2 += off * off / expected;
            freedom++;
        }
        CHECK(chi2 <= freedom + 5 * sqrt(2 * freedom), "case %zu: chi2 %g of %g", k, chi2, freedom);
    }
}

/* u selects by cumulative probability, in the order of the tokens. */
static void sampling_is_cumulative(void) {
    double p[V], total = 0, before = 0;
    for (size_t i = 0; i < V; i++) total += p[i] = exp(LOGITS[i]);
    for (size_t i = 0; i + 1 < V; i++) {
        double inside = 1e-4 * p[i];
        CHECK(sample(1, 0, 0, (before + inside) / total) == (int)i, "start of token %zu", i);
        CHECK(sample(1, 0, 0, (before + p[i] - inside) / total) == (int)i, "end of token %zu", i);
        before += p[i];
    }
}

static const Test TESTS[] = {
    {"losses and gradients match the formula", losses_and_gradients},
    {"scratch is bounded", scratch_is_bounded},
    {"logits in several chunks", several_chunks},
    {"the gradient sums to zero over the vocabulary", gradient_sums_to_zero},
    {"huge logits stay finite", huge_logits_stay_finite},
    {"a NaN logit makes the loss of its token NaN", nan_logit_makes_its_loss_nan},
    {"logits of one token", logits_of_one_token},
    {"sampling: edge cases", sampling_edges},
    {"sampling follows the probabilities", sampling_frequencies},
    {"sampling: u is a cumulative probability", sampling_is_cumulative},
};

int main(int argc, char **argv) {
    ops_start(1); /* small sizes: more threads would be slower */
    return test_main(TESTS, COUNT(TESTS), argc, argv);
}

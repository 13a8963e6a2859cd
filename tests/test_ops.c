/* test_ops.c - whole tensors, linear layers, embeddings, activations and dropout against plain
 * loops in double. Attention, head, update and threads have files of their own beside this one. */
#include "ops/ops.h"
#include "ops/philox.h"
#include "tests/numbers.h"

/* --- whole tensors -----------------------------------------------------------------------------
 */

static const size_t LENGTHS[] = {1, 7, 16, 17, 1000, 32768, 40001}; /* both sides of PARALLEL_MIN */

static void zero_copy_scale_add(void) {
    for (size_t l = 0; l < COUNT(LENGTHS); l++) {
        size_t n = LENGTHS[l];
        real *x = new_drawn(n + 1, 1), *y = new_drawn(n + 1, 1), beyond = y[n];
        double *scaled = new_widened(x, n), *added = new_widened(y, n);
        for (size_t i = 0; i < n; i++) {
            added[i] += (double)(real)0.7 * scaled[i];
            scaled[i] *= (double)(real)-1.3;
        }
        add_scaled(y, x, (real)0.7, n);
        CHECK_NMSE(y, added, n, NMSE_FORWARD, "add_scaled, n %zu", n);
        scale(x, (real)-1.3, n);
        CHECK_NMSE(x, scaled, n, NMSE_FORWARD, "scale, n %zu", n);
        copy(y, x, n);
        CHECK(same_bits(y, x, n), "copy, n %zu", n);
        zero(y, n);
        for (size_t i = 0; i < n; i++) CHECK(y[i] == 0, "zero, element %zu of %zu", i, n);
        CHECK(y[n] == beyond, "written beyond %zu elements", n);
        free_all();
    }
}

/* What does not count is not even read: 0 * infinity would be a NaN. */
static void factors_that_touch_nothing(void) {
    real x[3] = {INFINITY, NAN, 1}, y[3] = {1, -2, -0.0f}, s[3];
    const real before[3] = {1, -2, -0.0f};
    add_scaled(y, x, 0, 3);
    CHECK(same_bits(y, before, 3), "add_scaled by 0");
    scale(y, 1, 3);
    CHECK(same_bits(y, before, 3), "scale by 1");
    residual(s, y, y, NULL, 1, 1, 0, 3);
    CHECK(s[0] == 2 && s[1] == -4, "residual without a block: %g %g", (double)s[0], (double)s[1]);
}

static void residual_adds_three(void) {
    static const double FACTORS[][3] = {{1, 1, 0}, {0.5, -2, 0}, {1, 1, 1}, {0.3, 0.7, -1.1}};
    for (size_t l = 0; l < COUNT(LENGTHS); l++) {
        for (size_t f = 0; f < COUNT(FACTORS); f++) {
            size_t n = LENGTHS[l];
            const double *factor = FACTORS[f];
            real a = (real)factor[0], b = (real)factor[1], c = (real)factor[2];
            real *x = new_drawn(n, 1), *o = new_drawn(n, 1), *block = new_drawn(n, 1);
            real *s = new_reals(n);
            double *want = new_doubles(n);
            for (size_t i = 0; i < n; i++) {
                want[i] = (double)a * (double)x[i] + (double)b * (double)o[i] +
                          (double)c * (double)block[i];
            }
            residual(s, x, o, block, a, b, c, n);
            CHECK_NMSE(s, want, n, NMSE_FORWARD, "factors %zu, n %zu", f, n);
            residual(x, x, o, block, a, b, c, n);
            CHECK(same_bits(x, s, n), "in place, factors %zu, n %zu", f, n);
            free_all();
        }
    }
}

static void sum_of_squares_sums(void) {
    static const size_t SIZES[] = {0, 1, 15, 16, 17, 255, 257, 2048, 2049, 32769, 70000, 1000003};
    for (size_t l = 0; l < COUNT(SIZES); l++) {
        size_t n = SIZES[l];
        real *x = new_drawn(n + 1, 1);
        x[n] = (real)1e10; /* beyond the end, never counted */
        double want = 0;
        for (size_t i = 0; i < n; i++) want += (double)x[i] * (double)x[i];
        CHECK_NEAR(sum_of_squares(x, n), want, 64 * (double)REAL_EPSILON * want);
        if (n) {
            x[n - 1] = NAN;
            CHECK(isnan(sum_of_squares(x, n)), "a NaN at the end of %zu elements", n);
            x[n - 1] = INFINITY;
            CHECK(isinf(sum_of_squares(x, n)), "infinity at the end of %zu elements", n);
        }
        free_all();
    }
}

/* --- linear ------------------------------------------------------------------------------------
 */

typedef struct {
    size_t R, N, K;
    real *x, *w, *bias, *dy, *y, *dx, *dw, *dbias;
    double *want_y, *want_dx, *want_dw, *want_dbias;
} Linear;

static Linear linear_draw(size_t R, size_t N, size_t K) {
    Linear l = {.R = R, .N = N, .K = K};
    l.x = new_drawn(R * K, 1);
    l.w = new_drawn(N * K, 0.5);
    l.bias = new_drawn(N, 1);
    l.dy = new_drawn(R * N, 1);
    l.y = new_drawn(R * N, 1); /* what was there must not matter */
    l.dx = new_drawn(R * K, 1);
    l.dw = new_drawn(N * K, 1);
    l.dbias = new_drawn(N, 1);
    l.want_y = new_doubles(R * N);
    l.want_dx = new_widened(l.dx, R * K);
    l.want_dw = new_widened(l.dw, N * K);
    l.want_dbias = new_widened(l.dbias, N);
    return l;
}

static void linear_reference(Linear *l, bool bias) {
    for (size_t r = 0; r < l->R; r++) {
        for (size_t n = 0; n < l->N; n++) {
            const real *x = l->x + r * l->K, *w = l->w + n * l->K;
            double *dx = l->want_dx + r * l->K, *dw = l->want_dw + n * l->K;
            double y = bias ? (double)l->bias[n] : 0, dy = (double)l->dy[r * l->N + n];
            for (size_t k = 0; k < l->K; k++) {
                y += (double)x[k] * (double)w[k];
                dx[k] += dy * (double)w[k];
                dw[k] += dy * (double)x[k];
            }
            l->want_y[r * l->N + n] = y;
            if (bias) l->want_dbias[n] += dy;
        }
    }
}

static void check_linear(size_t R, size_t N, size_t K, bool bias) {
    Linear l = linear_draw(R, N, K);
    linear_reference(&l, bias);
    linear_forward(l.y, l.x, l.w, bias ? l.bias : NULL, R, N, K);
    linear_backward(l.dx, l.dw, bias ? l.dbias : NULL, l.dy, l.x, l.w, R, N, K);
    CHECK_NMSE(l.y, l.want_y, R * N, NMSE_FORWARD, "y, %zu x %zu x %zu", R, N, K);
    CHECK_NMSE(l.dx, l.want_dx, R * K, NMSE_GRADIENT, "dx, %zu x %zu x %zu", R, N, K);
    CHECK_NMSE(l.dw, l.want_dw, N * K, NMSE_GRADIENT, "dw, %zu x %zu x %zu", R, N, K);
    CHECK_NMSE(l.dbias, l.want_dbias, N, NMSE_GRADIENT, "dbias, %zu x %zu x %zu", R, N, K);
    free_all();
}

/* Two of three sizes at the borders of tiles, the third small; all three roles for each. */
static void linear_layers(void) {
    static const size_t BORDERS[] = {1,   2,   3,   31,  32,  33,  63,  64,  65, 97,
                                     127, 128, 129, 255, 256, 257, 383, 384, 385};
    static const size_t SMALL[] = {1, 2, 5, 7, 13};
    for (int i = 0; i < 150; i++) {
        size_t size[3] = {BORDERS[draw_size(0, COUNT(BORDERS) - 1)],
                          BORDERS[draw_size(0, COUNT(BORDERS) - 1)],
                          SMALL[draw_size(0, COUNT(SMALL) - 1)]};
        check_linear(size[i % 3], size[(i + 1) % 3], size[(i + 2) % 3], i % 2);
    }
    for (int i = 0; i < 60; i++) {
        check_linear(draw_size(1, 70), draw_size(1, 70), draw_size(1, 70), i % 2);
    }
    check_linear(129, 385, 33, true); /* several tiles both ways, in all three products */
    check_linear(385, 33, 129, true);
    check_linear(1100, 5, 3, true); /* so many rows that tiles have their full height */
}

/* --- embedding ---------------------------------------------------------------------------------
 */

static void check_embedding(size_t B, size_t T, size_t C, size_t V, bool positions) {
    int *tokens = new_tokens(B * T, V);
    real *tok = new_drawn(V * C, 1), *pos = new_drawn(T * C, 1), *x = new_reals(B * T * C);
    real *dx = new_drawn(B * T * C, 1), *dtok = new_drawn(V * C, 1), *dpos = new_drawn(T * C, 1);
    double *want = new_doubles(B * T * C), *want_dtok = new_widened(dtok, V * C);
    double *want_dpos = new_widened(dpos, T * C);
    for (size_t b = 0; b < B; b++) {
        for (size_t t = 0; t < T; t++) {
            for (size_t c = 0; c < C; c++) {
                size_t i = (b * T + t) * C + c, at = (size_t)tokens[b * T + t] * C + c;
                want[i] = (double)tok[at] + (positions ? (double)pos[t * C + c] : 0);
                want_dtok[at] += (double)dx[i];
                if (positions) want_dpos[t * C + c] += (double)dx[i];
            }
        }
    }
    embedding_forward(x, tokens, tok, positions ? pos : NULL, B, T, C);
    embedding_backward(dtok, positions ? dpos : NULL, dx, tokens, B, T, C);
    CHECK_NMSE(x, want, B * T * C, NMSE_FORWARD, "x, C %zu, positions %d", C, positions);
    CHECK_NMSE(dtok, want_dtok, V * C, NMSE_GRADIENT, "dtok, C %zu, positions %d", C, positions);
    CHECK_NMSE(dpos, want_dpos, T * C, NMSE_GRADIENT, "dpos, C %zu, positions %d", C, positions);
    free_all();
}

static void embeddings(void) {
    static const size_t WIDTHS[] = {1, 63, 64, 65, 129};
    for (size_t i = 0; i < COUNT(WIDTHS); i++) {
        for (int positions = 0; positions < 2; positions++) {
            check_embedding(3, 5, WIDTHS[i], 4, positions);
            check_embedding(7, 70, WIDTHS[i], 100, positions);
            check_embedding(1, 1, WIDTHS[i], 1, positions);
        }
    }
}

/* --- activations -------------------------------------------------------------------------------
 */

static long double exact_activation(Activation act, long double x) {
    switch (act) {
    case ACT_GELU:
        return x / 2 * (1 + tanhl(sqrtl(2 / acosl(-1)) * (x + 0.044715L * x * x * x)));
    case ACT_SILU:
        return x / (1 + expl(-x));
    case ACT_RELU:
        return x > 0 ? x : 0;
    default:
        return x > 0 ? x * x : 0;
    }
}

/* By eight-point differences in long double, and by hand where there is a kink. */
static double exact_slope(Activation act, double x) {
    static const long double WEIGHTS[] = {4.0L / 5, -1.0L / 5, 4.0L / 105, -1.0L / 280};
    const long double step = 1.0L / 128;
    if (act == ACT_RELU) return x > 0 ? 1 : 0;
    if (act == ACT_RELU2) return x > 0 ? 2 * x : 0;
    long double sum = 0;
    for (int i = 0; i < 4; i++) {
        sum += WEIGHTS[i] * (exact_activation(act, x + (i + 1) * step) -
                             exact_activation(act, x - (i + 1) * step));
    }
    return (double)(sum / step);
}

enum { ACTIVATIONS = 4 };

/* Inputs of all sizes, the special points first. */
static real *activation_inputs(size_t n) {
    static const double SPECIAL[] = {0, -0.0, 1e-30, -1e-30, 30, -30, 1, -1, 10, -10, 88, -100};
    real *x = new_drawn(n, 2);
    for (size_t i = 0; i < n && i < COUNT(SPECIAL); i++) x[i] = (real)SPECIAL[i];
    return x;
}

/* Element by element: the squared norm would hide what is wrong with small values. */
static void check_elements(const real *got, const double *want, const double *size, size_t n,
                           const char *what, Activation act) {
    for (size_t i = 0; i < n; i++) {
        double bound = 24 * (double)REAL_EPSILON * (size[i] + fabs(want[i]));
        CHECK(fabs((double)got[i] - want[i]) <= bound, "%s, activation %d, element %zu: %g not %g",
              what, act, i, (double)got[i], want[i]);
    }
}

static void check_activation(Activation act, size_t n) {
    real *x = activation_inputs(n), *dh = new_drawn(n, 1), *h = new_reals(n), *dx = new_drawn(n, 1);
    double *want_h = new_doubles(n), *want_dx = new_widened(dx, n), *size = new_doubles(n);
    for (size_t i = 0; i < n; i++) {
        double slope = exact_slope(act, (double)x[i]);
        want_h[i] = (double)exact_activation(act, (long double)x[i]);
        size[i] = fabs((double)x[i]);
        want_dx[i] += (double)dh[i] * slope;
    }
    activation_forward(h, x, act, n);
    check_elements(h, want_h, size, n, "h", act);
    activation_backward(dx, dh, x, act, n);
    for (size_t i = 0; i < n; i++) size[i] = (1 + fabs((double)x[i])) * (1 + fabs((double)dh[i]));
    check_elements(dx, want_dx, size, n, "dx", act);
    for (size_t i = 0; i < n; i += 13) { /* one at a time: its place does not matter */
        real alone;
        activation_forward(&alone, &x[i], act, 1);
        CHECK(same_bits(&alone, &h[i], 1), "activation %d, element %zu of %zu", act, i, n);
    }
    free_all();
}

static void activations(void) {
    for (int act = 0; act < ACTIVATIONS; act++) {
        for (size_t l = 0; l < COUNT(LENGTHS); l++) check_activation((Activation)act, LENGTHS[l]);
    }
}

static void check_gated(Activation act, size_t n) {
    real *gate = activation_inputs(n), *up = new_drawn(n, 1), *dh = new_drawn(n, 1);
    real *h = new_reals(n), *dgate = new_drawn(n, 1), *dup = new_drawn(n, 1);
    double *want_h = new_doubles(n), *want_dgate = new_widened(dgate, n);
    double *want_dup = new_widened(dup, n);
    for (size_t i = 0; i < n; i++) {
        double value = (double)exact_activation(act, (long double)gate[i]);
        want_h[i] = value * (double)up[i];
        want_dgate[i] += (double)dh[i] * (double)up[i] * exact_slope(act, (double)gate[i]);
        want_dup[i] += (double)dh[i] * value;
    }
    gated_forward(h, gate, up, act, n);
    gated_backward(dgate, dup, dh, gate, up, act, n);
    CHECK_NMSE(h, want_h, n, NMSE_FORWARD, "h, activation %d, n %zu", act, n);
    CHECK_NMSE(dgate, want_dgate, n, NMSE_GRADIENT, "dgate, activation %d, n %zu", act, n);
    CHECK_NMSE(dup, want_dup, n, NMSE_GRADIENT, "dup, activation %d, n %zu", act, n);
    free_all();
}

static void gated_activations(void) {
    for (int act = 0; act < ACTIVATIONS; act++) {
        for (size_t l = 0; l < COUNT(LENGTHS); l++) check_gated((Activation)act, LENGTHS[l]);
    }
}

/* A net that went to pieces must show it: no activation turns a NaN into a number. */
static void activations_keep_nan(void) {
    enum { N = 37 };
    real x[N], h[N];
    for (int act = 0; act < ACTIVATIONS; act++) {
        for (size_t i = 0; i < N; i++) x[i] = NAN;
        activation_forward(h, x, (Activation)act, N);
        for (size_t i = 0; i < N; i++) CHECK(isnan(h[i]), "activation %d, element %zu", act, i);
    }
}

/* --- dropout -----------------------------------------------------------------------------------
 */

static real *dropped_ones(const Dropout *dropout, size_t n) {
    real *x = new_reals(n);
    constant_fill(x, 1, n);
    dropout_apply(x, dropout, n);
    return x;
}

static void dropout_masks_and_scales(void) {
    static const double RATES[] = {0.001, 0.1, 0.3, 0.5, 0.9};
    for (size_t k = 0; k < COUNT(RATES); k++) {
        for (size_t l = 0; l < COUNT(LENGTHS); l++) {
            const double p = RATES[k];
            const Dropout dropout = {.p = p, .seed = 5, .step = 70000, .micro = 3, .site = 9};
            size_t n = LENGTHS[l], dropped = 0;
            real *x = new_drawn(n, 1), *y = new_copy(x, n), *ones = dropped_ones(&dropout, n);
            dropout_apply(y, &dropout, n);
            for (size_t i = 0; i < n; i++) {
                Philox r = philox(5, STREAM_DROPOUT, (uint32_t)(i / 4), 9u << 8, 70000, 3);
                bool drop = (double)r.word[i % 4] < floor(p * 4294967296.0);
                dropped += drop;
                double want = drop ? 0 : 1 / (1 - p);
                CHECK_NEAR(ones[i], want, 2 * (double)REAL_EPSILON * want);
                CHECK(y[i] == x[i] * ones[i], "element %zu: the mask depends on the value", i);
            }
            double sigma = sqrt((double)n * p * (1 - p));
            CHECK(fabs((double)dropped - p * (double)n) <= 5 * sigma + 1, "%zu of %zu at p = %g",
                  dropped, n, p);
            free_all();
        }
    }
}

static void dropout_depends_on_every_key(void) {
    enum { N = 4096 };
    static const Dropout BASE = {.p = 0.5, .seed = 1, .step = 2, .micro = 3, .site = 4};
    static const Dropout OTHERS[] = {
        {.p = 0.5, .seed = 2, .step = 2, .micro = 3, .site = 4},
        {.p = 0.5, .seed = 1, .step = 3, .micro = 3, .site = 4},
        {.p = 0.5, .seed = 1, .step = 2, .micro = 4, .site = 4},
        {.p = 0.5, .seed = 1, .step = 2, .micro = 3, .site = 5},
        {.p = 0.5, .seed = 1, .step = 3, .micro = 2, .site = 4}, /* no sum or swap of the two */
    };
    const real *base = dropped_ones(&BASE, N);
    CHECK(same_bits(base, dropped_ones(&BASE, N), N), "the same keys give the same mask");
    for (size_t k = 0; k < COUNT(OTHERS); k++) {
        const real *other = dropped_ones(&OTHERS[k], N);
        size_t equal = 0;
        for (size_t i = 0; i < N; i++) equal += base[i] == other[i];
        CHECK(fabs((double)equal - N / 2) <= 5 * sqrt(N) / 2, "case %zu: %zu of %d equal", k, equal,
              N);
    }
    free_all();
}

static void dropout_zero_touches_nothing(void) {
    const Dropout off = {.p = 0, .seed = 1};
    real x[5] = {NAN, INFINITY, -0.0f, 1, 2}, before[5];
    memcpy(before, x, sizeof x);
    dropout_apply(x, &off, 5);
    CHECK(same_bits(x, before, 5), "p = 0");
}

static const Test TESTS[] = {
    {"zero, copy, scale, add_scaled", zero_copy_scale_add},
    {"factors that touch nothing", factors_that_touch_nothing},
    {"residual adds three tensors", residual_adds_three},
    {"sum_of_squares", sum_of_squares_sums},
    {"linear layers, 213 shapes", linear_layers},
    {"embeddings", embeddings},
    {"activations and their slopes", activations},
    {"gated activations", gated_activations},
    {"activations keep a NaN", activations_keep_nan},
    {"dropout masks and scales", dropout_masks_and_scales},
    {"dropout depends on seed, step, micro and site", dropout_depends_on_every_key},
    {"dropout of 0 touches nothing", dropout_zero_touches_nothing},
};

int main(int argc, char **argv) {
    ops_start(1); /* small sizes: threads would only wait for each other */
    return test_main(TESTS, COUNT(TESTS), argc, argv);
}

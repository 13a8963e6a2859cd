/* test_ops_linear.c - linear layers, alone and followed by an activation, against plain loops in
 * double. */
#include "ops/ops.h"
#include "tests/lib/numbers.h"

/* --- linear --- */

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
    l.y = new_drawn(R * N, 1); /* old values must not matter */
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
    linear_backward_input(l.dx, l.dy, l.w, R, N, K, GRAD_ADD);
    linear_backward_weight(l.dw, bias ? l.dbias : NULL, l.dy, l.x, R, N, K, GRAD_ADD);
    CHECK_NMSE(l.y, l.want_y, R * N, NMSE_FORWARD, "y, %zu x %zu x %zu", R, N, K);
    CHECK_NMSE(l.dx, l.want_dx, R * K, NMSE_GRADIENT, "dx, %zu x %zu x %zu", R, N, K);
    CHECK_NMSE(l.dw, l.want_dw, N * K, NMSE_GRADIENT, "dw, %zu x %zu x %zu", R, N, K);
    CHECK_NMSE(l.dbias, l.want_dbias, N, NMSE_GRADIENT, "dbias, %zu x %zu x %zu", R, N, K);
    free_all();
}

/* GRAD_SET ignores the old values and equals GRAD_ADD to zeros. */
static void check_set(size_t R, size_t N, size_t K) {
    Linear l = linear_draw(R, N, K);
    real *dx = new_reals(R * K), *dw = new_reals(N * K);
    for (size_t i = 0; i < R * K; i++) l.dx[i] = NAN;
    for (size_t i = 0; i < N * K; i++) l.dw[i] = NAN;
    linear_backward_input(dx, l.dy, l.w, R, N, K, GRAD_ADD);
    linear_backward_weight(dw, NULL, l.dy, l.x, R, N, K, GRAD_ADD);
    linear_backward_input(l.dx, l.dy, l.w, R, N, K, GRAD_SET);
    linear_backward_weight(l.dw, NULL, l.dy, l.x, R, N, K, GRAD_SET);
    CHECK(same_bits(l.dx, dx, R * K), "dx, %zu x %zu x %zu", R, N, K);
    CHECK(same_bits(l.dw, dw, N * K), "dw, %zu x %zu x %zu", R, N, K);
    free_all();
}

/* Two of three sizes are at the borders of register tiles, packed blocks or parts of K, and the
 * third is small; in all three roles. */
static void linear_layers(void) {
    static const size_t BORDERS[] = {1,   2,   3,   7,   8,   9,   15,  16,  17,  23, 24,
                                     25,  31,  33,  47,  48,  49,  63,  64,  65,  96, 97,
                                     127, 128, 129, 383, 384, 385, 767, 768, 769, 800};
    static const size_t SMALL[] = {1, 2, 5, 7, 13};
    for (int i = 0; i < 200; i++) {
        size_t size[3] = {BORDERS[draw_size(0, COUNT(BORDERS) - 1)],
                          BORDERS[draw_size(0, COUNT(BORDERS) - 1)],
                          SMALL[draw_size(0, COUNT(SMALL) - 1)]};
        check_linear(size[i % 3], size[(i + 1) % 3], size[(i + 2) % 3], i % 2);
        check_set(size[i % 3], size[(i + 1) % 3], size[(i + 2) % 3]);
    }
    for (int i = 0; i < 60; i++) {
        check_linear(draw_size(1, 70), draw_size(1, 70), draw_size(1, 70), i % 2);
    }
    check_linear(129, 785, 33, true); /* several blocks in both directions, in all three GEMMs */
    check_linear(785, 33, 129, true);
    check_linear(50, 40, 1200, true); /* four parts of K */
}

/* M, N and K are large, so OpenBLAS computes the GEMM; a sample of elements is checked. */
static void large_gemms(void) {
    const size_t R = 1030, N = 1100, K = 1050;
    Linear l = linear_draw(R, N, K);
    memset(l.dx, 0, R * K * sizeof *l.dx);
    linear_forward(l.y, l.x, l.w, l.bias, R, N, K);
    linear_backward_input(l.dx, l.dy, l.w, R, N, K, GRAD_ADD);
    linear_backward_weight(l.dw, NULL, l.dy, l.x, R, N, K, GRAD_SET);
    for (int i = 0; i < 300; i++) {
        size_t r = draw_size(0, R - 1), n = draw_size(0, N - 1), k = draw_size(0, K - 1);
        double y = (double)l.bias[n], dx = 0, dw = 0, near = 2000 * (double)REAL_EPSILON;
        for (size_t j = 0; j < K; j++) y += (double)l.x[r * K + j] * (double)l.w[n * K + j];
        for (size_t j = 0; j < N; j++) dx += (double)l.dy[r * N + j] * (double)l.w[j * K + k];
        for (size_t j = 0; j < R; j++) dw += (double)l.dy[j * N + n] * (double)l.x[j * K + k];
        CHECK_NEAR(l.y[r * N + n], y, near);
        CHECK_NEAR(l.dx[r * K + k], dx, near);
        CHECK_NEAR(l.dw[n * K + k], dw, near);
    }
    free_all();
}

/* --- activations --- */

static long double exact_activation(Activation act, long double x) {
    switch (act) {
    case ACT_GELU:
        return x / 2 * (1 + tanhl(sqrtl(2 / acosl(-1)) * (x + 0.044715L * x * x * x)));
    case ACT_SILU:
        return x / (1 + expl(-x));
    case ACT_GELU_ERF:
        return x / 2 * (1 + erfl(x / sqrtl(2)));
    case ACT_RELU:
        return x > 0 ? x : 0;
    default:
        return x > 0 ? x * x : 0;
    }
}

/* By eight-point differences in long double, and directly for functions with a kink. */
static double exact_derivative(Activation act, double x) {
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

/* Inputs of all magnitudes, special values first. */
static real *activation_inputs(size_t n) {
    static const double SPECIAL[] = {0, -0.0, 1e-30, -1e-30, 30, -30, 1, -1, 10, -10, 88, -100};
    real *x = new_drawn(n, 2);
    for (size_t i = 0; i < n && i < COUNT(SPECIAL); i++) x[i] = (real)SPECIAL[i];
    return x;
}

/* Element by element: the squared norm would hide errors of small values. */
static void check_elements(const real *got, const double *want, const double *size, size_t n,
                           const char *what, Activation act) {
    for (size_t i = 0; i < n; i++) {
        double bound = 24 * (double)REAL_EPSILON * (size[i] + fabs(want[i]));
        CHECK(fabs((double)got[i] - want[i]) <= bound, "%s, activation %d, element %zu: %g not %g",
              what, act, i, (double)got[i], want[i]);
    }
}

static real *identity(size_t n) {
    real *w = new_reals(n * n);
    for (size_t i = 0; i < n; i++) w[i * n + i] = 1;
    return w;
}

/* With the identity as weight, z and dh equal the inputs, so single elements can be compared with
 * the formulas. The old values of the outputs must not matter. */
static void check_activated(Activation act, size_t R, size_t N, bool gated, bool bias) {
    const size_t n = R * N;
    real *x = activation_inputs(n), *w = identity(N), *b = new_drawn(N, 1), *dh = new_drawn(n, 1);
    real *up = new_drawn(n, 1), *factor = gated ? up : NULL, *h = new_reals(n), *z = new_reals(n);
    real *dz = new_reals(n), *dup = new_reals(n);
    double *want = new_doubles(n), *size = new_doubles(n);
    for (size_t i = 0; i < n; i++) h[i] = z[i] = dz[i] = dup[i] = NAN;
    activated_forward(h, z, x, w, bias ? b : NULL, factor, act, R, N, N);
    for (size_t i = 0; i < n; i++) {
        CHECK(z[i] == x[i] + (bias ? b[i % N] : 0), "z, element %zu", i);
        double by = gated ? (double)up[i] : 1;
        want[i] = by * (double)exact_activation(act, (long double)z[i]);
        size[i] = fabs(by * (double)z[i]);
    }
    check_elements(h, want, size, n, "h", act);
    activated_backward(dz, gated ? dup : NULL, dh, w, z, factor, act, R, N, N);
    for (size_t i = 0; i < n; i++) {
        double by = gated ? (double)up[i] : 1;
        want[i] = (double)dh[i] * by * exact_derivative(act, (double)z[i]);
        size[i] = (1 + fabs((double)z[i])) * (1 + fabs(by)) * (1 + fabs((double)dh[i]));
    }
    check_elements(dz, want, size, n, "dz", act);
    for (size_t i = 0; gated && i < n; i++) {
        want[i] = (double)dh[i] * (double)exact_activation(act, (long double)z[i]);
        size[i] = fabs((double)z[i] * (double)dh[i]);
    }
    if (gated) check_elements(dup, want, size, n, "dfactor", act);
    real *dz_alone = new_reals(n), *dup_alone = new_reals(n); /* without the linear layer */
    memcpy(dz_alone, dh, n * sizeof *dh);
    for (size_t i = 0; i < n; i++) dup_alone[i] = NAN;
    activation_backward(dz_alone, gated ? dup_alone : NULL, z, factor, act, R, N);
    CHECK(same_bits(dz_alone, dz, n), "activation %d: dz alone", act);
    CHECK(!gated || same_bits(dup_alone, dup, n), "activation %d: dfactor alone", act);
    for (size_t i = 0; i < n; i += 13) { /* one at a time: the position does not matter */
        real alone, z_alone, one = 1, in = z[i];
        if (gated) break;
        activated_forward(&alone, &z_alone, &in, &one, NULL, NULL, act, 1, 1, 1);
        CHECK(same_bits(&alone, &h[i], 1), "activation %d, element %zu of %zu", act, i, n);
    }
    free_all();
}

static void activations(void) {
    static const size_t SIZES[][2] = {{1, 1}, {1, 7}, {9, 16}, {3, 17}, {130, 100}, {33, 785}};
    for (int act = 0; act < ACTIVATIONS; act++) {
        for (size_t i = 0; i < COUNT(SIZES); i++) {
            for (int k = 0; k < 4; k++)
                check_activated((Activation)act, SIZES[i][0], SIZES[i][1], k & 1, k & 2);
        }
    }
}

/* With general weights, the linear parts equal those of separate linear layers. */
static void activations_between_layers(void) {
    const size_t R = 70, N = 130, K = 50, M = 60;
    real *x = new_drawn(R * K, 1), *w = new_drawn(N * K, 0.3), *b = new_drawn(N, 1);
    real *dy = new_drawn(R * M, 1), *down = new_drawn(M * N, 0.3), *up = new_drawn(R * N, 1);
    real *z = new_reals(R * N), *h = new_reals(R * N), *dz = new_reals(R * N),
         *dh = new_reals(R * N);
    real *plain = new_reals(R * N), *dup = new_reals(R * N);
    activated_forward(h, z, x, w, b, up, ACT_RELU, R, N, K);
    linear_forward(plain, x, w, b, R, N, K);
    CHECK(same_bits(z, plain, R * N), "z");
    activated_backward(dz, dup, dy, down, z, up, ACT_RELU, R, N, M);
    linear_backward_input(dh, dy, down, R, M, N, GRAD_SET);
    for (size_t i = 0; i < R * N; i++) {
        real on = z[i] > 0;
        CHECK(h[i] == on * z[i] * up[i] && dz[i] == on * dh[i] * up[i] &&
                  dup[i] == on * dh[i] * z[i],
              "element %zu", i);
    }
    free_all();
}

/* Divergence must stay visible: no activation turns NaN into a number. */
static void activations_propagate_nan(void) {
    enum { N = 37 };
    for (int act = 0; act < ACTIVATIONS; act++) {
        real *x = new_reals(N), *h = new_reals(N), *z = new_reals(N), one = 1;
        for (size_t i = 0; i < N; i++) x[i] = NAN;
        activated_forward(h, z, x, &one, NULL, NULL, (Activation)act, N, 1, 1);
        for (size_t i = 0; i < N; i++) CHECK(isnan(h[i]), "activation %d, element %zu", act, i);
        free_all();
    }
}

/* A folded layer computes from x what the layer computes from factor * (gain * x + shift), and
 * factor * gain times its output. */
static void folded_layers(void) {
    enum { R = 3, N = 5, K = 12, PERIOD = 4 };
    const double gain[] = {0.5, -2, 1, 3, 0}, shift[] = {1, 0, -0.5, 2}, factor = -1.5;
    for (int has_bias = 0; has_bias < 2; has_bias++) {
        real *w = new_drawn(N * K, 1), *bias = has_bias ? new_drawn(N, 1) : NULL;
        real *x = new_drawn(R * K, 1), *u = new_reals(R * K);
        real *want = new_reals(R * N), *got = new_reals(R * N);
        for (size_t i = 0; i < R * K; i++) {
            const size_t k = i % K % PERIOD;
            u[i] = (real)(factor * (gain[k] * (double)x[i] + (has_bias ? shift[k] : 0)));
        }
        linear_forward(want, u, w, bias, R, N, K);
        linear_fold_input(w, bias, gain, shift, PERIOD, factor, N, K);
        linear_forward(got, x, w, bias, R, N, K);
        for (size_t i = 0; i < R * N; i++) CHECK_NEAR(got[i], want[i], 1e-4);
        linear_fold_output(w, bias, gain, factor, N, K);
        linear_forward(got, x, w, bias, R, N, K);
        for (size_t i = 0; i < R * N; i++)
            CHECK_NEAR(got[i], factor * gain[i % N] * (double)want[i], 1e-3);
        free_all();
    }
}

static const Test TESTS[] = {
    {"linear layers, 263 shapes", linear_layers},
    {"large GEMMs", large_gemms},
    {"folded layers", folded_layers},
    {"activations and their derivatives", activations},
    {"activations between layers", activations_between_layers},
    {"activations propagate NaN", activations_propagate_nan},
};

int main(int argc, char **argv) {
    ops_start(1); /* small sizes: more threads would be slower */
    return test_main(TESTS, COUNT(TESTS), argc, argv);
}

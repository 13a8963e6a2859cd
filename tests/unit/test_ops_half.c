/* test_ops_half.c - half precision: rounding, and matrix multiplications of rounded operands.
 *
 * Rounding is compared with one computed by frexp. Linear layers and attention are compared with
 * plain loops in double over rounded operands, and every engine with every other, bit for bit. */
#include "ops/cpu/cpu.h"
#include "ops/cpu/half.h"
#include "ops/ops.h"
#include "tests/lib/numbers.h"

static const Dropout OFF = {.p = 0};

/* --- rounding --- */

typedef struct {
    Precision precision;
    int digits, exponent_min; /* significant bits; the smallest exponent of a normal number */
    double largest;
    bool has_denormals;
} Format;
static const Format FORMATS[] = {{PRECISION_BFLOAT16, 8, -126, 0x1.fep127, false},
                                 {PRECISION_FLOAT16, 11, -14, 65504, true}};

/* The nearest number of a format; of two, the one with an even last bit. */
static double nearest(const Format *format, double x) {
    if (x == 0 || !isfinite(x)) return x;
    int exponent;
    frexp(x, &exponent); /* 2^(exponent-1) <= |x| */
    bool normal = exponent - 1 >= format->exponent_min;
    if (!normal && !format->has_denormals) return copysign(0, x);
    double unit = ldexp(1, (normal ? exponent - 1 : format->exponent_min) - format->digits + 1);
    double count = x / unit, down = floor(count), part = count - down;
    bool up = part > 0.5 || (part == 0.5 && fmod(down, 2) != 0);
    double rounded = (down + up) * unit;
    if (rounded == 0) return copysign(0, x);
    return fabs(rounded) > format->largest ? copysign(INFINITY, x) : rounded;
}

static float float_from(uint32_t bits) {
    float x;
    memcpy(&x, &bits, sizeof x);
    return x;
}

/* Any float; many are ties, next to ties, or within the range of float16. */
static float draw_float(int i) {
    uint32_t bits = (uint32_t)draw_bits();
    if (i % 2) bits = (bits & 0x807fffffu) | (uint32_t)draw_size(100, 145) << 23;
    const int zeros = i % 3 == 0 ? 15 : i % 3 == 1 ? 12 : 0;
    bits = bits >> zeros << zeros;
    if (i % 5 == 0) bits += (uint32_t)(draw_bits() % 3) - 1;
    return float_from(bits);
}

static void check_format(const Format *format) {
    for (int i = 0; i < 2000000; i++) {
        const float x = draw_float(i);
        real got = (real)x;
        round_piece(&got, format->precision, 1);
        const double want = nearest(format, (double)x);
        CHECK(isnan(x) ? isnan(got) : (double)got == want && !signbit(got) == !signbit(want),
              "format %d: %a became %a, not %a", format->precision, (double)x, (double)got, want);
    }
}

static void rounding(void) {
    for (size_t i = 0; i < COUNT(FORMATS); i++) check_format(&FORMATS[i]);
}

/* round_scaled: of every element, for any length, and nothing in float32. */
static void scaled_rounding(void) {
    for (size_t n = 1; n < 70000; n = 3 * n + 1) {
        real *x = new_drawn(n, 1e-6), *y = new_copy(x, n);
        round_scaled(x, PRECISION_FLOAT32, 512, n);
        CHECK(same_bits(x, y, n), "float32, %zu elements", n);
        round_scaled(x, PRECISION_FLOAT16, 512, n);
        for (size_t i = 0; i < n; i++)
            CHECK((double)x[i] == nearest(&FORMATS[1], 512 * (double)(float)y[i]) / 512,
                  "element %zu of %zu", i, n);
        free_all();
    }
}

/* --- engines --- */

static bool use_engine(size_t number) {
    static size_t said;
    const char *name = gemm_use_engine(PRECISION_BFLOAT16, number);
    if (name && said == number) printf("note: engine %zu: %s\n", said++, name);
    return name != NULL;
}

static real *rounded_copy(const real *x, size_t n) {
    real *y = new_reals(n);
    for (size_t i = 0; i < n; i++) y[i] = bfloat16_round(x[i]);
    return y;
}

/* --- linear layers --- */

typedef struct {
    size_t R, N, K;
    real *x, *w, *dy, *y, *dx, *dw; /* dx and dw have values before */
} Linear;

static Linear linear_draw(size_t R, size_t N, size_t K) {
    return (Linear){.R = R,
                    .N = N,
                    .K = K,
                    .x = new_drawn(R * K, 1),
                    .w = new_drawn(N * K, 0.5),
                    .dy = new_drawn(R * N, 1),
                    .y = new_reals(R * N),
                    .dx = new_drawn(R * K, 1),
                    .dw = new_drawn(N * K, 1)};
}

static void linear_run(const Linear *l, real *y, real *dx, real *dw) {
    memcpy(dx, l->dx, l->R * l->K * sizeof *dx);
    memcpy(dw, l->dw, l->N * l->K * sizeof *dw);
    linear_forward(y, l->x, l->w, NULL, l->R, l->N, l->K);
    linear_backward_input(dx, l->dy, l->w, l->R, l->N, l->K, GRAD_ADD);
    linear_backward_weight(dw, NULL, l->dy, l->x, l->R, l->N, l->K, GRAD_ADD);
}

static void check_linear(size_t R, size_t N, size_t K) {
    Linear l = linear_draw(R, N, K);
    const real *x = rounded_copy(l.x, R * K), *w = rounded_copy(l.w, N * K),
               *dy = rounded_copy(l.dy, R * N);
    double *want_y = new_doubles(R * N), *want_dx = new_widened(l.dx, R * K),
           *want_dw = new_widened(l.dw, N * K);
    for (size_t r = 0; r < R; r++) {
        for (size_t n = 0; n < N; n++) {
            for (size_t k = 0; k < K; k++) {
                want_y[r * N + n] += (double)x[r * K + k] * (double)w[n * K + k];
                want_dx[r * K + k] += (double)dy[r * N + n] * (double)w[n * K + k];
                want_dw[n * K + k] += (double)dy[r * N + n] * (double)x[r * K + k];
            }
        }
    }
    real *first[3] = {new_reals(R * N), new_reals(R * K), new_reals(N * K)};
    real *other[3] = {new_reals(R * N), new_reals(R * K), new_reals(N * K)};
    const size_t sizes[3] = {R * N, R * K, N * K};
    for (size_t engine = 0; use_engine(engine); engine++) {
        real **out = engine ? other : first;
        linear_run(&l, out[0], out[1], out[2]);
        for (int i = 0; engine && i < 3; i++)
            CHECK(same_bits(first[i], other[i], sizes[i]), "engine %zu, tensor %d, %zu x %zu x %zu",
                  engine, i, R, N, K);
    }
    CHECK_NMSE(first[0], want_y, R * N, NMSE_FORWARD, "y, %zu x %zu x %zu", R, N, K);
    CHECK_NMSE(first[1], want_dx, R * K, NMSE_GRADIENT, "dx, %zu x %zu x %zu", R, N, K);
    CHECK_NMSE(first[2], want_dw, N * K, NMSE_GRADIENT, "dw, %zu x %zu x %zu", R, N, K);
    free_all();
}

/* Two of three sizes are at the borders of register tiles, packed blocks or parts of K. */
static void linear_layers(void) {
    static const size_t BORDERS[] = {1,  2,  3,  7,  8,  9,   15,  16,  17,  31,  32,  33,  47,
                                     48, 49, 63, 64, 65, 127, 128, 129, 383, 385, 767, 768, 769};
    static const size_t SMALL[] = {1, 2, 5, 7, 13};
    for (int i = 0; i < 150; i++) {
        size_t size[3] = {BORDERS[draw_size(0, COUNT(BORDERS) - 1)],
                          BORDERS[draw_size(0, COUNT(BORDERS) - 1)],
                          SMALL[draw_size(0, COUNT(SMALL) - 1)]};
        check_linear(size[i % 3], size[(i + 1) % 3], size[(i + 2) % 3]);
    }
    for (int i = 0; i < 60; i++) check_linear(draw_size(1, 70), draw_size(1, 70), draw_size(1, 70));
    check_linear(129, 785, 33);
    check_linear(785, 33, 129);
    check_linear(50, 40, 1537); /* three parts of K */
}

/* The bits do not depend on the number of threads; M, N and K are large in one case. */
static void linear_threads(void) {
    static const size_t SIZES[][3] = {{200, 300, 250}, {1030, 1100, 1050}, {64, 2000, 100}};
    for (size_t i = 0; i < COUNT(SIZES); i++) {
        const size_t R = SIZES[i][0], N = SIZES[i][1], K = SIZES[i][2];
        Linear l = linear_draw(R, N, K);
        real *y = new_reals(R * N), *dx = new_reals(R * K), *dw = new_reals(N * K);
        real *y2 = new_reals(R * N), *dx2 = new_reals(R * K), *dw2 = new_reals(N * K);
        for (size_t engine = 0; use_engine(engine); engine++) {
            ops_start(1);
            linear_run(&l, y, dx, dw);
            for (size_t threads = 2; threads <= 5; threads++) {
                ops_start(threads);
                linear_run(&l, y2, dx2, dw2);
                CHECK(same_bits(y, y2, R * N) && same_bits(dx, dx2, R * K) &&
                          same_bits(dw, dw2, N * K),
                      "engine %zu, %zu threads, case %zu", engine, threads, i);
            }
        }
        free_all();
    }
    ops_start(1);
}

/* A NaN or an infinity in an operand reaches the result; a number that rounds to infinity is one. */
static void special_values(void) {
    const real values[] = {(real)NAN, (real)INFINITY, (real)-INFINITY, (real)FLT_MAX};
    for (size_t engine = 0; use_engine(engine); engine++) {
        for (size_t i = 0; i < COUNT(values); i++) {
            Linear l = linear_draw(20, 50, 40);
            l.x[7 * 40 + 11] = values[i];
            linear_forward(l.y, l.x, l.w, NULL, 20, 50, 40);
            for (size_t j = 0; j < 20 * 50; j++)
                CHECK(isfinite(l.y[j]) == (j / 50 != 7), "engine %zu, value %zu, element %zu",
                      engine, i, j);
            free_all();
        }
    }
}

/* --- attention --- */

static const AttentionShape SHAPES[] = {
    /* B, T, NH, NKV, HS */
    {1, 1, 1, 1, 1},
    {2, 5, 2, 2, 4},
    {3, 31, 4, 1, 3},
    {2, 64, 4, 2, 8},
    {2, 65, 4, 2, 8},
    {1, 200, 3, 3, 5},
    {2, 193, 6, 2, 7},
    {1, 70, 2, 1, 64},
    {1, 129, 1, 1, 80},
    {1, 130, 2, 2, 32},
    {1, 200, 4, 2, 8, .window = 33, .softcap = 1},
    {2, 65, 2, 1, 5, .window = 64},
    {1, 131, 2, 2, 16, .softcap = 2},
};

typedef struct {
    AttentionShape shape;
    size_t width, n, n_out, n_lse;
    real *qkv, *out, *lse, *dout, *dqkv, *scratch;
    double *want_out, *want_dqkv;
} Attention;

static Attention attention_draw(AttentionShape s) {
    Attention a = {.shape = s, .width = qkv_width(s.NH, s.NKV, s.HS)};
    a.n = s.B * s.T * a.width;
    a.n_out = s.B * s.T * s.NH * s.HS;
    a.n_lse = s.B * s.NH * s.T;
    a.qkv = new_drawn(a.n, 1);
    a.out = new_reals(a.n_out);
    a.lse = new_reals(a.n_lse);
    a.dout = new_drawn(a.n_out, 1);
    a.dqkv = new_drawn(a.n, 1);
    a.scratch = new_drawn(attention_scratch(s.T, s.HS), 1);
    a.want_out = new_doubles(a.n_out);
    a.want_dqkv = new_doubles(a.n);
    return a;
}

static double rounded(double x) {
    return (double)bfloat16_round((real)x);
}

/* sum of a_i b_i, both rounded; a is scaled first, as the operands are. */
static double rounded_dot(const real *a, real scale, const real *b, size_t n) {
    double sum = 0;
    for (size_t i = 0; i < n; i++) sum += rounded((double)(scale * a[i])) * rounded((double)b[i]);
    return sum;
}

/* One query at offset q of qkv, with its keys from k and values from v on. */
static void reference_query(Attention *a, double *s, size_t o, size_t q, size_t k, size_t v,
                            size_t t) {
    const size_t HS = a->shape.HS, ld = a->width;
    const real scale = (real)(1 / sqrt((double)HS)), *x = a->qkv;
    const double cap = (double)a->shape.softcap;
    const size_t window = a->shape.window, begin = window && t >= window ? t + 1 - window : 0;
    double largest = -INFINITY, total = 0, inner = 0;
    for (size_t j = begin; j <= t; j++) {
        s[j] = rounded_dot(x + q, scale, x + k + j * ld, HS);
        if (cap > 0) s[j] = cap * tanh(s[j] / cap);
        largest = fmax(largest, s[j]);
    }
    for (size_t j = begin; j <= t; j++) total += exp(s[j] - largest);
    for (size_t c = 0; c < HS; c++) {
        for (size_t j = begin; j <= t; j++)
            a->want_out[o + c] +=
                rounded(exp(s[j] - largest)) * rounded((double)x[v + j * ld + c]) / total;
        inner += (double)a->dout[o + c] * a->want_out[o + c];
    }
    for (size_t j = begin; j <= t; j++) {
        double p = exp(s[j] - largest - log(total));
        const double slope = cap > 0 ? 1 - pow(s[j] / cap, 2) : 1;
        double ds = rounded(p * (rounded_dot(a->dout + o, 1, x + v + j * ld, HS) - inner) * slope);
        for (size_t c = 0; c < HS; c++) {
            a->want_dqkv[v + j * ld + c] += rounded(p) * rounded((double)a->dout[o + c]);
            a->want_dqkv[q + c] += (double)scale * ds * rounded((double)x[k + j * ld + c]);
            a->want_dqkv[k + j * ld + c] += ds * rounded((double)(scale * x[q + c]));
        }
    }
}

static void reference(Attention *a) {
    const AttentionShape s = a->shape;
    double *scores = new_doubles(s.T);
    for (size_t b = 0; b < s.B; b++) {
        for (size_t h = 0; h < s.NH; h++) {
            size_t first = b * s.T * a->width, kv = h / (s.NH / s.NKV);
            for (size_t t = 0; t < s.T; t++)
                reference_query(a, scores, ((b * s.T + t) * s.NH + h) * s.HS,
                                first + t * a->width + h * s.HS, first + (s.NH + kv) * s.HS,
                                first + (s.NH + s.NKV + kv) * s.HS, t);
        }
    }
}

/* In float a score differs from the reference by rounding errors, so a few operands round to the
 * other neighbour. */
#define NMSE_ROUNDED (sizeof(real) == sizeof(double) ? 1e-24 : 1e-7)

static void check_attention(size_t index) {
    Attention a = attention_draw(SHAPES[index]);
    reference(&a);
    real *out = new_reals(a.n_out), *dqkv = new_reals(a.n);
    for (size_t engine = 0; use_engine(engine); engine++) {
        attention_forward(a.out, a.lse, NULL, a.qkv, a.scratch, &OFF, a.shape);
        attention_backward(a.dqkv, a.dout, a.out, a.lse, a.qkv, a.scratch, &OFF, a.shape);
        if (engine) {
            CHECK(same_bits(a.out, out, a.n_out), "out, engine %zu, shape %zu", engine, index);
            CHECK(same_bits(a.dqkv, dqkv, a.n), "dqkv, engine %zu, shape %zu", engine, index);
        }
        memcpy(out, a.out, a.n_out * sizeof *out);
        memcpy(dqkv, a.dqkv, a.n * sizeof *dqkv);
    }
    CHECK_NMSE(out, a.want_out, a.n_out, NMSE_ROUNDED, "out, shape %zu", index);
    CHECK_NMSE(dqkv, a.want_dqkv, a.n, NMSE_ROUNDED, "dqkv, shape %zu", index);
    free_all();
}

static void attention_matches_formula(void) {
    for (size_t i = 0; i < COUNT(SHAPES); i++) check_attention(i);
}

static void attention_next_is_the_last_token(void) {
    ops_set_precision(PRECISION_BFLOAT16);
    for (size_t i = 0; i < COUNT(SHAPES); i++) {
        AttentionShape shape = SHAPES[i];
        shape.B = 1;
        Attention a = attention_draw(shape);
        attention_forward(a.out, a.lse, NULL, a.qkv, a.scratch, &OFF, shape);
        const size_t own = shape.NH * shape.HS, t = shape.T - 1;
        real *next = new_reals(own);
        double *want = new_widened(a.out + t * own, own);
        attention_next(next, a.qkv, a.scratch, t, shape);
        CHECK_NMSE(next, want, own, NMSE_ROUNDED, "shape %zu", i);
        free_all();
    }
}

static const Test TESTS[] = {
    {"half: rounding to nearest even", rounding},
    {"half: rounding of multiples", scaled_rounding},
    {"bfloat16: linear layers match the formula on every engine", linear_layers},
    {"bfloat16: bits do not depend on the number of threads", linear_threads},
    {"bfloat16: NaN and infinity propagate", special_values},
    {"bfloat16: attention matches the formula on every engine", attention_matches_formula},
    {"bfloat16: attention_next is the last token", attention_next_is_the_last_token},
};

int main(int argc, char **argv) {
    ops_start(1);
    return test_main(TESTS, COUNT(TESTS), argc, argv);
}

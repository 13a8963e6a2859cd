/* test_ops_update.c - AdamW against a scalar reference, and the initial values of parameters. */
#include "ops/ops.h"
#include "base/philox.h"
#include "tests/lib/numbers.h"

/* --- AdamW --- */

static AdamW adamw_of_step(size_t n, double lr, double weight_decay, double grad_scale) {
    AdamW adamw = {.lr = lr,
                   .beta1 = 0.9,
                   .beta2 = 0.95,
                   .eps = 1e-4,
                   .weight_decay = weight_decay,
                   .grad_scale = grad_scale};
    adamw.correction1 = 1 - pow(adamw.beta1, (double)n);
    adamw.correction2 = 1 - pow(adamw.beta2, (double)n);
    return adamw;
}

/* The recursion for one parameter; g is already scaled. */
static void reference_step(double *p, double *m, double *v, double g, const AdamW *a) {
    *m = a->beta1 * *m + (1 - a->beta1) * g;
    *v = a->beta2 * *v + (1 - a->beta2) * g * g;
    double m_hat = *m / a->correction1, v_hat = *v / a->correction2;
    *p -= a->lr * (m_hat / (sqrt(v_hat) + a->eps) + a->weight_decay * *p);
}

/* Gradients from 1e-7 to 1: eps dominates the small ones. */
static void adamw_matches_the_recursion(void) {
    static const double DECAYS[] = {0, 0.1};
    enum { N = 1001, STEPS = 100 };
    for (size_t d = 0; d < COUNT(DECAYS); d++) {
        real *p = new_drawn(N, 1), *m = new_reals(N), *v = new_reals(N), *g = new_reals(N);
        double *want_p = new_widened(p, N), *want_m = new_doubles(N), *want_v = new_doubles(N);
        double *size = new_doubles(N);
        for (size_t i = 0; i < N; i++) size[i] = pow(10, draw_uniform(-7, 0));
        for (size_t step = 1; step <= STEPS; step++) {
            double lr = 0.01 + 0.001 * (double)(step % 7), grad_scale = step % 3 ? 1 : 0.3;
            AdamW adamw = adamw_of_step(step, lr, DECAYS[d], grad_scale);
            for (size_t i = 0; i < N; i++) {
                g[i] = (real)(size[i] * (draw_normal() + 0.5));
                reference_step(&want_p[i], &want_m[i], &want_v[i], grad_scale * (double)g[i],
                               &adamw);
            }
            adamw_update(p, m, v, g, &adamw, N);
        }
        CHECK_NMSE(p, want_p, N, NMSE_FORWARD, "p, decay %g", DECAYS[d]);
        CHECK_NMSE(m, want_m, N, NMSE_FORWARD, "m, decay %g", DECAYS[d]);
        CHECK_NMSE(v, want_v, N, NMSE_GRADIENT, "v, decay %g", DECAYS[d]);
        for (size_t i = 0; i < N; i++) { /* each one, also the small ones */
            CHECK_NEAR(p[i], want_p[i], 256 * (double)REAL_EPSILON * (1 + fabs(want_p[i])));
            CHECK_NEAR(v[i], want_v[i], 256 * (double)REAL_EPSILON * want_v[i]);
        }
        free_all();
    }
}

/* In the first step the bias corrections give m = g, v = g^2: the step is lr * g / (|g| + eps). */
static void first_step_is_the_sign(void) {
    real p[3] = {1, 1, 1}, m[3] = {0}, v[3] = {0};
    const real g[3] = {3, (real)-1e-2, 0};
    AdamW adamw = adamw_of_step(1, 0.5, 0, 1);
    adamw_update(p, m, v, g, &adamw, 3);
    CHECK_NEAR(p[0], 1 - 0.5 * 3 / (3 + 1e-4), 4 * (double)REAL_EPSILON);
    CHECK_NEAR(p[1], 1 + 0.5 * 1e-2 / (1e-2 + 1e-4), 4 * (double)REAL_EPSILON);
    CHECK(p[2] == 1, "no gradient, no step: %g", (double)p[2]);
}

/* Decay is decoupled: without a gradient p becomes p * (1 - lr * decay), and m and v stay 0. */
static void decay_is_decoupled(void) {
    real p[2] = {2, -4}, m[2] = {0}, v[2] = {0};
    const real g[2] = {0, 0};
    AdamW adamw = adamw_of_step(7, 0.5, 0.25, 1);
    adamw_update(p, m, v, g, &adamw, 2);
    CHECK(p[0] == (real)1.75 && p[1] == (real)-3.5, "%g %g", (double)p[0], (double)p[1]);
    CHECK(m[0] == 0 && v[1] == 0, "m %g v %g", (double)m[0], (double)v[1]);
}

/* The bits of the plain update, and the sum of squares of what it changed. Sizes around a block, and one
 * that is computed in parallel. */
static void measuring_changes_no_bit(void) {
    static const size_t SIZES[] = {1, 5, 1023, 1024, 1025, 16400, 100003};
    for (size_t k = 0; k < COUNT(SIZES); k++) {
        const size_t N = SIZES[k];
        AdamW adamw = adamw_of_step(3, 0.01, 0.1, 0.7);
        real *p = new_drawn(N, 1), *m = new_drawn(N, 1), *v = new_drawn(N, 1), *g = new_drawn(N, 1);
        real *same_p = new_reals(N), *same_m = new_reals(N), *same_v = new_reals(N);
        for (size_t i = 0; i < N; i++) v[i] *= v[i];
        memcpy(same_p, p, N * sizeof *p);
        memcpy(same_m, m, N * sizeof *m);
        memcpy(same_v, v, N * sizeof *v);
        double *old = new_widened(p, N), want = 0;
        adamw_update(p, m, v, g, &adamw, N);
        for (size_t i = 0; i < N; i++) want += ((double)p[i] - old[i]) * ((double)p[i] - old[i]);
        double got = adamw_update_measured(same_p, same_m, same_v, g, &adamw, N);
        CHECK(memcmp(p, same_p, N * sizeof *p) == 0, "p of %zu", N);
        CHECK(memcmp(m, same_m, N * sizeof *m) == 0, "m of %zu", N);
        CHECK(memcmp(v, same_v, N * sizeof *v) == 0, "v of %zu", N);
        CHECK(want > 0 && fabs(got - want) <= 1e-12 * want, "%zu: %.17g, want %.17g", N, got, want);
        free_all();
    }
}

/* --- initial values --- */

/* Box & Muller on the words of the Philox call of element i. */
static double normal_of(uint32_t seed, const char *name, size_t i) {
    uint64_t key = hash_text(HASH_START, name);
    Philox r =
        philox(seed, STREAM_INIT, (uint32_t)(i / 4), 0, (uint32_t)key, (uint32_t)(key >> 32));
    const uint32_t *word = r.word + i % 4 / 2 * 2;
    double radius = sqrt(-2 * log(((double)word[0] + 1) / 4294967296.0));
    double angle = 2 * M_PI * (double)word[1] / 4294967296.0;
    return radius * (i % 2 ? sin(angle) : cos(angle));
}

static void normal_fill_matches_the_formula(void) {
    enum { N = 4099 };
    real *x = new_reals(N);
    normal_fill(x, 42, "block.0.attn.qkv.weight", 0.02, 0, N);
    for (size_t i = 0; i < N; i++) {
        double want = 0.02 * normal_of(42, "block.0.attn.qkv.weight", i);
        CHECK_NEAR(x[i], want, FLT_EPSILON * fabs(want));
        CHECK(x[i] == (real)(float)x[i], "element %zu is not a float", i);
    }
    free_all();
}

/* Any range can be filled by itself, with the same values. */
static void normal_fill_in_parts(void) {
    static const size_t CUTS[] = {0, 1, 2, 5, 8, 9, 15, 16, 1000, 33003, 70001};
    const size_t n = 70001;
    real *whole = new_reals(n + 1), *parts = new_reals(n + 1);
    normal_fill(whole, 1, "w", 1, 0, n);
    for (size_t i = 0; i + 1 < COUNT(CUTS); i++) {
        normal_fill(parts, 1, "w", 1, CUTS[i], CUTS[i + 1]);
        CHECK(parts[CUTS[i + 1]] == 0, "written beyond %zu", CUTS[i + 1]);
    }
    CHECK(same_bits(whole, parts, n), "parts differ from the whole");
    real *inner = new_reals(n);
    normal_fill(inner, 1, "w", 1, 6, 11);
    CHECK(inner[5] == 0 && inner[11] == 0 && same_bits(inner + 6, whole + 6, 5), "6 to 11");
    free_all();
}

static void normal_fill_is_normal(void) {
    enum { N = 200000 };
    real *x = new_reals(N);
    double mean = 0, pairs = 0, moment[5] = {0};
    normal_fill(x, 3, "tok_emb.weight", 0.5, 0, N);
    for (size_t i = 0; i < N; i++) mean += 2 * (double)x[i] / N;
    for (size_t i = 0; i < N; i++) {
        double z = 2 * (double)x[i];
        for (int k = 2; k < 5; k++) moment[k] += pow(z - mean, k) / N;
        if (i) pairs += z * 2 * (double)x[i - 1] / N;
    }
    CHECK_NEAR(mean, 0, 5 / sqrt(N));
    CHECK_NEAR(moment[2], 1, 5 * sqrt(2.0 / N));
    CHECK_NEAR(moment[3], 0, 5 * sqrt(15.0 / N));
    CHECK_NEAR(moment[4] / (moment[2] * moment[2]), 3, 5 * sqrt(24.0 / N));
    CHECK_NEAR(pairs, 0, 5 / sqrt(N));
    free_all();
}

static void normal_fill_depends_on_seed_and_name(void) {
    enum { N = 20000 };
    static const struct {
        uint32_t seed;
        const char *name;
    } OTHERS[] = {{2, "a"}, {1, "b"}, {1, "aa"}, {0, ""}};
    real *base = new_reals(N), *other = new_reals(N);
    normal_fill(base, 1, "a", 1, 0, N);
    for (size_t k = 0; k < COUNT(OTHERS); k++) {
        double correlation = 0;
        normal_fill(other, OTHERS[k].seed, OTHERS[k].name, 1, 0, N);
        for (size_t i = 0; i < N; i++) correlation += (double)base[i] * (double)other[i] / N;
        CHECK_NEAR(correlation, 0, 5 / sqrt(N));
    }
    free_all();
}

static void constants_are_floats(void) {
    real x[3] = {7, 7, 7};
    constant_fill(x, 0.1, 2);
    CHECK(x[0] == (real)0.1f && x[1] == (real)0.1f && x[2] == 7, "%.17g", (double)x[0]);
}

static const Test TESTS[] = {
    {"AdamW changes the same bits when its change is measured", measuring_changes_no_bit},
    {"AdamW matches the recursion for 100 steps", adamw_matches_the_recursion},
    {"AdamW: the first step is the sign of the gradient", first_step_is_the_sign},
    {"AdamW: weight decay is decoupled", decay_is_decoupled},
    {"normal_fill matches the formula, rounded to float", normal_fill_matches_the_formula},
    {"normal_fill of ranges equals normal_fill of all", normal_fill_in_parts},
    {"normal_fill is normally distributed", normal_fill_is_normal},
    {"normal_fill depends on seed and name", normal_fill_depends_on_seed_and_name},
    {"constant_fill rounds to float", constants_are_floats},
};

int main(int argc, char **argv) {
    ops_start(1); /* small sizes: more threads would be slower */
    return test_main(TESTS, COUNT(TESTS), argc, argv);
}

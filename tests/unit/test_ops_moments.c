/* test_ops_moments.c - moments and root mean squares against their definitions, and values for
 * which they are not defined. */
#include "tests/lib/moments.h"

/* Several shapes; every token has a different mean, far from zero. */
static void moments_of_random_matrices(void) {
    static const struct {
        size_t B, T, C;
    } SHAPES[] = {{1, 1, 1},  {1, 1, 5},  {3, 1, 7},   {1, 9, 16},
                  {5, 7, 33}, {40, 3, 4}, {2, 300, 96}};
    for (size_t s = 0; s < COUNT(SHAPES); s++) {
        const size_t T = SHAPES[s].T, R = SHAPES[s].B * T, C = SHAPES[s].C;
        real *x = new_reals(R * C);
        double *wide = mem_alloc(R * C * sizeof *wide), rms[TOKEN_GROUPS];
        for (size_t i = 0; i < R * C; i++) {
            x[i] = (real)(100 * sin((double)(i / C)) + (i / C % T ? 1 : 10) * draw_normal());
            wide[i] = (double)x[i];
        }
        Moments got[TOKEN_GROUPS];
        activation_moments(got, x, R, T, C);
        activation_rms(rms, x, R, T, C);
        for (int group = 0; group < TOKEN_GROUPS; group++) {
            Moments want = plain_moments(wide, R, T, C, group == TOKEN_FIRST);
            char label[64];
            snprintf(label, sizeof label, "shape %zu group %d", s, group);
            if (C == 1) got[group].kurtosis = want.kurtosis = 0; /* 0/0 */
            check_moments(&got[group], &want, 1e-10, label);
            if (want.tokens) CHECK_NEAR(rms[group] / want.rms, 1, 1e-12);
        }
        mem_free(wide);
    }
    free_all();
}

/* One sequence of 3 tokens with 4 features; one element is NaN or infinite. */
static void moments_of_special_values(void) {
    const real usual[] = {1, -2, 3, -4, 5, 6, 7, 9, 0, 1, 0, 1};
    const double special[] = {NAN, INFINITY, -INFINITY};
    Moments m[TOKEN_GROUPS];
    double rms[TOKEN_GROUPS];
    for (size_t k = 0; k < 3; k++) {
        for (size_t at = 0; at < 12; at++) {
            const int hit = at / 4 ? TOKEN_REST : TOKEN_FIRST, other = 1 - hit;
            real x[12];
            memcpy(x, usual, sizeof x);
            x[at] = (real)special[k];
            activation_moments(m, x, 3, 3, 4);
            activation_rms(rms, x, 3, 3, 4);
            CHECK(isnan(m[hit].variance) && isnan(m[hit].kurtosis), "value %zu at %zu", k, at);
            CHECK(!isfinite(m[hit].mean), "value %zu at %zu: mean %g", k, at, m[hit].mean);
            CHECK(k ? isinf(m[hit].absmax) && isinf(m[hit].rms) && isinf(rms[hit])
                    : isnan(m[hit].absmax) && isnan(m[hit].rms) && isnan(rms[hit]),
                  "value %zu at %zu: absmax %g rms %g", k, at, m[hit].absmax, m[hit].rms);
            CHECK(isfinite(m[other].kurtosis) && isfinite(m[other].absmax) &&
                      isfinite(m[other].rms) && isfinite(rms[other]),
                  "value %zu at %zu changes the other group", k, at);
        }
    }
}

/* A token with equal features has no kurtosis and is left out; if all are, the kurtosis is NaN. */
static void moments_of_equal_features(void) {
    real x[4 * 33];
    Moments m[TOKEN_GROUPS];
    for (size_t i = 0; i < COUNT(x); i++) x[i] = (real)(0.1 * (1 + (double)(i / 33)));
    activation_moments(m, x, 4, 2, 33);
    for (int group = 0; group < TOKEN_GROUPS; group++) {
        CHECK(m[group].variance == 0 && isnan(m[group].kurtosis), "variance %g kurtosis %g",
              m[group].variance, m[group].kurtosis);
    }
    for (size_t i = 33; i < 66; i++) x[i] = i % 2 ? 1 : -1; /* one of the two later tokens */
    activation_moments(m, x, 4, 2, 33);
    CHECK(isnan(m[TOKEN_FIRST].kurtosis), "kurtosis %g", m[TOKEN_FIRST].kurtosis);
    CHECK_NEAR(m[TOKEN_REST].kurtosis, 1, 0.01); /* of two values, half of the features each */
}

static const Test TESTS[] = {
    {"moments of random matrices", moments_of_random_matrices},
    {"moments of special values", moments_of_special_values},
    {"moments of equal features", moments_of_equal_features},
};
TEST_MAIN(TESTS)

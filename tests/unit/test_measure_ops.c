/* test_measure_ops.c - the operations behind --measure: the place of the largest |x|, the median |x|,
 * and the attention on the first token, against plain loops. */
#include "ops/ops.h"
#include "tests/lib/numbers.h"

/* --- peaks --- */

static Peak plain_peak(const real *x, size_t R, size_t T, size_t C, bool first) {
    Peak peak = {.value = 0};
    for (size_t i = 0; i < R * C; i++) {
        if ((i / C % T == 0) != first || !(fabs((double)x[i]) > fabs(peak.value))) continue;
        peak = (Peak){(double)x[i], i / C, i % C};
    }
    return peak;
}

/* The largest element is at a random place of either sign, twice in every fourth matrix; the first one
 * counts. */
static void peaks_are_found(void) {
    for (size_t n = 0; n < 400; n++) {
        const size_t T = draw_size(1, 9), C = draw_size(1, 40), R = T * draw_size(1, 30);
        real *x = new_drawn(R * C, 1);
        const size_t at = draw_size(0, R * C - 1), again = draw_size(0, R * C - 1);
        x[at] = n % 2 ? -1000 : 1000;
        if (n % 4 == 0) x[again] = -1000;
        Peak got[TOKEN_GROUPS];
        activation_peaks(got, x, R, T, C);
        for (int group = 0; group < TOKEN_GROUPS; group++) {
            const Peak want = plain_peak(x, R, T, C, group == TOKEN_FIRST);
            const bool same = got[group].value == want.value && got[group].column == want.column;
            CHECK(same && (want.value == 0 || got[group].row == want.row),
                  "case %zu: %g at %zu,%zu, want %g at %zu,%zu", n, got[group].value,
                  got[group].row, got[group].column, want.value, want.row, want.column);
        }
        free_all();
    }
}

/* A NaN is larger than all numbers, an infinity than all others; the other group does not see it. */
static void peaks_of_special_values(void) {
    for (size_t at = 0; at < 12; at++) {
        real x[12] = {1, -2, 3, -4, 5, 6, 7, 9, 0, 1, 0, 1};
        const int hit = at / 4 ? TOKEN_REST : TOKEN_FIRST;
        Peak got[TOKEN_GROUPS];
        x[at] = -INFINITY;
        activation_peaks(got, x, 3, 3, 4);
        CHECK(got[hit].value == -INFINITY && got[hit].row * 4 + got[hit].column == at, "at %zu",
              at);
        x[at] = NAN;
        activation_peaks(got, x, 3, 3, 4);
        CHECK(isnan(got[hit].value) && got[hit].row * 4 + got[hit].column == at, "at %zu", at);
        CHECK(isfinite(got[1 - hit].value), "at %zu", at);
        x[at / 4 ? 11 : 3] = NAN; /* the first one counts */
        activation_peaks(got, x, 3, 3, 4);
        CHECK(got[hit].row * 4 + got[hit].column == at, "at %zu: two", at);
    }
}

/* --- medians --- */

static int ascending(const void *a, const void *b) {
    const double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

/* Of random numbers, of few different ones, and of sorted ones, up and down. */
static void medians_match_a_sort(void) {
    for (size_t n = 1; n < 300; n++) {
        for (int kind = 0; kind < 4; kind++) {
            real *x = new_drawn(n, 1), *scratch = new_reals(n);
            double *sizes = new_doubles(n);
            for (size_t i = 0; i < n; i++) {
                if (kind == 1) x[i] = (real)draw_size(0, 3);
                if (kind > 1) x[i] = (real)(kind == 2 ? i : n - i);
                sizes[i] = fabs((double)x[i]);
            }
            qsort(sizes, n, sizeof *sizes, ascending);
            const double want = n % 2 ? sizes[n / 2] : (sizes[n / 2 - 1] + sizes[n / 2]) / 2;
            const double got = median_abs(scratch, x, n);
            CHECK(got == want, "%zu numbers, kind %d: %g, want %g", n, kind, got, want);
            x[n - 1] = NAN;
            CHECK(isnan(median_abs(scratch, x, n)), "%zu numbers with a NaN", n);
            free_all();
        }
    }
}

/* --- attention on the first token --- */

/* The softmax of all scores of a query, in double. */
static double plain_first(const real *qkv, AttentionShape s, size_t b, size_t h, size_t t) {
    const size_t ld = qkv_width(s.NH, s.NKV, s.HS), kv = s.NH + h / (s.NH / s.NKV);
    const real *q = qkv + (b * s.T + t) * ld + h * s.HS;
    double first = 0, total = 0, largest = -INFINITY;
    for (int pass = 0; pass < 2; pass++) {
        for (size_t j = s.window && t >= s.window ? t + 1 - s.window : 0; j <= t; j++) {
            const real *k = qkv + (b * s.T + j) * ld + kv * s.HS;
            double score = 0;
            for (size_t i = 0; i < s.HS; i++) score += (double)q[i] * (double)k[i];
            score *= s.scale != 0 ? (double)s.scale : 1 / sqrt((double)s.HS);
            if (s.softcap != 0) score = (double)s.softcap * tanh(score / (double)s.softcap);
            if (pass == 0) {
                largest = fmax(largest, score);
                continue;
            }
            total += exp(score - largest);
            if (j == 0) first = exp(score - largest);
        }
    }
    return first / total;
}

static void first_token_matches_softmax(void) {
    static const AttentionShape SHAPES[] = {
        {2, 90, 2, 1, 4, 0, 7, 0}, {1, 40, 2, 2, 4, 2, 0, (real)1.5},
        {1, 20, 1, 1, 4, 0, 1, 0}, {2, 80, 2, 1, 4, 0, 70, 3},
        {1, 1, 2, 1, 4, 0},        {1, 2, 1, 1, 3, 0},
        {3, 31, 4, 1, 3, 0},       {2, 65, 4, 2, 8, 0},
        {1, 130, 3, 3, 16, 0},     {2, 70, 6, 2, 5, (real)0.7},
    };
    static const Dropout OFF = {.p = 0};
    for (size_t i = 0; i < COUNT(SHAPES); i++) {
        const AttentionShape s = SHAPES[i];
        const size_t R = s.B * s.T, own = s.NH * s.HS;
        real *qkv = new_drawn(R * qkv_width(s.NH, s.NKV, s.HS), 1.5), *out = new_reals(R * own);
        real *lse = new_reals(R * s.NH), *scratch = new_reals(attention_scratch(s.T, s.HS));
        double *sums = new_doubles(s.NH);
        for (size_t h = 0; h < s.NH; h++) sums[h] = (double)h; /* is added to */
        attention_forward(out, lse, NULL, qkv, scratch, &OFF, s);
        attention_first(sums, lse, qkv, s);
        for (size_t h = 0; h < s.NH; h++) {
            double want = (double)h;
            for (size_t b = 0; b < s.B; b++) {
                for (size_t t = 1; t < s.T; t++) want += plain_first(qkv, s, b, h, t);
            }
            CHECK_NEAR(sums[h], want, (double)R * (sizeof(real) == sizeof(float) ? 2e-6 : 1e-13));
        }
        free_all();
    }
}

static const Test TESTS[] = {
    {"the largest |x| is found where it is", peaks_are_found},
    {"peaks of special values", peaks_of_special_values},
    {"medians match a sort", medians_match_a_sort},
    {"attention on the first token matches a softmax", first_token_matches_softmax},
};

int main(int argc, char **argv) {
    ops_start(1);
    return test_main(TESTS, COUNT(TESTS), argc, argv);
}

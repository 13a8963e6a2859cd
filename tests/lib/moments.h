/* moments.h - reference implementation of the moments in layers.csv, in plain loops. */
#ifndef TESTS_LIB_MOMENTS_H
#define TESTS_LIB_MOMENTS_H

#include "ops/ops.h"
#include "tests/lib/numbers.h"

/* By the definitions; of first tokens only, or of the others only. */
static inline Moments plain_moments(const double *x, size_t R, size_t T, size_t C, bool first) {
    Moments m = {0};
    size_t varied = 0;
    double squares = 0;
    for (size_t r = 0; r < R; r++) {
        double mean = 0, variance = 0, fourth = 0;
        if ((r % T == 0) != first) continue;
        m.tokens++;
        for (size_t c = 0; c < C; c++) mean += x[r * C + c] / (double)C;
        for (size_t c = 0; c < C; c++) {
            double value = x[r * C + c];
            variance += pow(value - mean, 2) / (double)C;
            fourth += pow(value - mean, 4) / (double)C;
            squares += value * value;
            if (fabs(value) > m.absmax) m.absmax = fabs(value);
        }
        m.mean += mean;
        m.variance += variance;
        if (variance > 0) m.kurtosis += fourth / (variance * variance);
        varied += variance > 0;
    }
    m.mean /= (double)m.tokens;
    m.variance /= (double)m.tokens;
    m.kurtosis /= (double)varied;
    m.rms = sqrt(squares / (double)(m.tokens * C));
    return m;
}

static inline void check_moments(const Moments *got, const Moments *want, double tolerance,
                                 const char *label) {
    CHECK(got->tokens == want->tokens, "%s: %zu tokens, want %zu", label, got->tokens,
          want->tokens);
    if (!want->tokens) return;
    const double pairs[][3] = {{got->mean, want->mean, want->rms},
                               {got->variance, want->variance, want->variance},
                               {got->rms, want->rms, want->rms},
                               {got->absmax, want->absmax, want->absmax},
                               {got->kurtosis, want->kurtosis, want->kurtosis}};
    static const char *const NAMES[] = {"mean", "variance", "rms", "absmax", "kurtosis"};
    for (size_t i = 0; i < COUNT(pairs); i++) {
        CHECK(fabs(pairs[i][0] - pairs[i][1]) <= tolerance * fabs(pairs[i][2]),
              "%s: %s is %.12g, want %.12g", label, NAMES[i], pairs[i][0], pairs[i][1]);
    }
}

#endif

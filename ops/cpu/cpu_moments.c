/* cpu_moments.c - moments of activations over the features of a token, separately for the first
 * token of a sequence and for the rest.
 *
 * One idea: a token is read twice while it is in the cache, once for its mean and once for its
 * central moments. Sums are double and run over chunks of tokens fixed by shape. The first feature
 * of a token is subtracted from the others, so the variance of equal features is exactly zero.
 * Read next: model/probe.h. */
#include "ops/cpu/cpu.h"

#include <math.h>

/* Sums over tokens; `varied` counts the tokens with a variance above 0. */
typedef struct {
    size_t tokens, varied;
    double mean, variance, kurtosis, squares, absmax;
} Sums;

/* The larger one, or NaN if one is NaN: fmax() would drop it. */
static double nan_max(double a, double b) {
    return isnan(a) || a > b ? a : b;
}

static void sums_add_token(Sums *sums, const real *x, size_t C) {
    const double origin = (double)x[0], n = (double)C;
    double offset = 0, squares = 0, absmax = 0, variance = 0, fourth = 0;
#pragma omp simd reduction(+ : offset, squares) reduction(max : absmax)
    for (size_t c = 0; c < C; c++) {
        double value = (double)x[c], size = value < 0 ? -value : value;
        offset += value - origin;
        squares += value * value;
        absmax = size > absmax ? size : absmax;
    }
    offset /= n;
#pragma omp simd reduction(+ : variance, fourth)
    for (size_t c = 0; c < C; c++) {
        double d = (double)x[c] - origin - offset;
        variance += d * d;
        fourth += d * d * (d * d);
    }
    variance /= n;
    sums->tokens++;
    sums->mean += origin + offset;
    sums->variance += variance;
    sums->squares += squares;
    sums->absmax = nan_max(sums->absmax, isnan(squares) ? squares : absmax);
    if (variance == 0) return; /* no kurtosis */
    sums->varied++;
    sums->kurtosis += fourth / n / variance / variance;
}

static void sums_add(Sums *sums, const Sums *chunk) {
    sums->tokens += chunk->tokens;
    sums->varied += chunk->varied;
    sums->mean += chunk->mean;
    sums->variance += chunk->variance;
    sums->kurtosis += chunk->kurtosis;
    sums->squares += chunk->squares;
    sums->absmax = nan_max(sums->absmax, chunk->absmax);
}

void activation_moments(Moments moments[TOKEN_GROUPS], const real *x, size_t R, size_t T,
                        size_t C) {
    Sums sums[ROW_CHUNKS][TOKEN_GROUPS] = {0};
#pragma omp parallel for schedule(static) if (R * C > PARALLEL_MIN)
    for (size_t chunk = 0; chunk < ROW_CHUNKS; chunk++) {
        size_t end = row_chunk_begin(chunk + 1, R);
        for (size_t row = row_chunk_begin(chunk, R); row < end; row++) {
            sums_add_token(&sums[chunk][row % T ? TOKEN_REST : TOKEN_FIRST], x + row * C, C);
        }
    }
    for (size_t group = 0; group < TOKEN_GROUPS; group++) {
        Sums total = {0};
        for (size_t chunk = 0; chunk < ROW_CHUNKS; chunk++) sums_add(&total, &sums[chunk][group]);
        const double n = (double)total.tokens;
        moments[group] = (Moments){.tokens = total.tokens,
                                   .mean = total.mean / n,
                                   .variance = total.variance / n,
                                   .rms = sqrt(total.squares / (n * (double)C)),
                                   .absmax = total.absmax,
                                   .kurtosis = total.kurtosis / (double)total.varied};
    }
}

void activation_rms(double rms[TOKEN_GROUPS], const real *x, size_t R, size_t T, size_t C) {
    double squares[ROW_CHUNKS][TOKEN_GROUPS] = {0};
    size_t tokens[TOKEN_GROUPS] = {R / T, R - R / T};
#pragma omp parallel for schedule(static) if (R * C > PARALLEL_MIN)
    for (size_t chunk = 0; chunk < ROW_CHUNKS; chunk++) {
        size_t end = row_chunk_begin(chunk + 1, R);
        for (size_t row = row_chunk_begin(chunk, R); row < end; row++) {
            double token = 0;
#pragma omp simd reduction(+ : token)
            for (size_t c = 0; c < C; c++) token += (double)x[row * C + c] * (double)x[row * C + c];
            squares[chunk][row % T ? TOKEN_REST : TOKEN_FIRST] += token;
        }
    }
    for (size_t group = 0; group < TOKEN_GROUPS; group++) {
        double total = 0;
        for (size_t chunk = 0; chunk < ROW_CHUNKS; chunk++) total += squares[chunk][group];
        rms[group] = sqrt(total / (double)(tokens[group] * C));
    }
}

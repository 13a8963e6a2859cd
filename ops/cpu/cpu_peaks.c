/* cpu_peaks.c - where the largest activation is, and the median activation.
 *
 * One idea: a massive activation is one number among millions, so a maximum without its place says
 * little. Only --measure asks for these, so they are plain loops.
 * Read next: cpu_moments.c, model/probe.h. */
#include "ops/cpu/cpu.h"

#include <math.h>

/* Whether `a` is to replace the peak `b`: a NaN does, unless `b` is one. */
static bool is_larger(double a, double b) {
    return isnan(b) ? false : isnan(a) || fabs(a) > fabs(b);
}

static Peak row_peak(const real *x, size_t row, size_t C) {
    Peak peak = {.row = row};
    for (size_t c = 0; c < C; c++) {
        if (!is_larger((double)x[row * C + c], peak.value)) continue;
        peak.value = (double)x[row * C + c];
        peak.column = c;
    }
    return peak;
}

void activation_peaks(Peak peaks[TOKEN_GROUPS], const real *x, size_t R, size_t T, size_t C) {
    Peak found[ROW_CHUNKS][TOKEN_GROUPS] = {0};
#pragma omp parallel for schedule(static) if (R * C > PARALLEL_MIN)
    for (size_t chunk = 0; chunk < ROW_CHUNKS; chunk++) {
        size_t end = row_chunk_begin(chunk + 1, R);
        for (size_t row = row_chunk_begin(chunk, R); row < end; row++) {
            Peak *peak = &found[chunk][row % T ? TOKEN_REST : TOKEN_FIRST];
            const Peak own = row_peak(x, row, C);
            if (is_larger(own.value, peak->value)) *peak = own;
        }
    }
    for (size_t group = 0; group < TOKEN_GROUPS; group++) {
        peaks[group] = found[0][group];
        for (size_t chunk = 1; chunk < ROW_CHUNKS; chunk++) {
            if (is_larger(found[chunk][group].value, peaks[group].value))
                peaks[group] = found[chunk][group];
        }
    }
}

static void swap(real *a, real *b) {
    const real keep = *a;
    *a = *b;
    *b = keep;
}

/* Moves the element of rank k to x[k], the smaller ones in front of it and the larger ones behind
 * (Hoare 1961, "Algorithm 65: find"). */
static void select_rank(real *x, size_t n, size_t k) {
    const ptrdiff_t rank = (ptrdiff_t)k;
    ptrdiff_t first = 0, last = (ptrdiff_t)n - 1; /* the rank is in first .. last */
    while (first < last) {
        const real pivot = x[rank];
        ptrdiff_t i = first, j = last;
        do {
            while (x[i] < pivot) i++;
            while (x[j] > pivot) j--;
            if (i <= j) swap(&x[i++], &x[j--]);
        } while (i <= j);
        if (j < rank) first = i;
        if (rank < i) last = j;
    }
}

double median_abs(real *scratch, const real *x, size_t n) {
    for (size_t i = 0; i < n; i++) {
        if (isnan(x[i])) return NAN;
        scratch[i] = x[i] < 0 ? -x[i] : x[i];
    }
    if (n == 0) return NAN;
    select_rank(scratch, n, n / 2);
    if (n % 2) return (double)scratch[n / 2];
    real below = scratch[0];
    for (size_t i = 1; i < n / 2; i++) below = scratch[i] > below ? scratch[i] : below;
    return ((double)below + (double)scratch[n / 2]) / 2;
}

/* cpu_columns.c - a factor for every feature, and sums over rows. See ops.h.
 *
 * One idea: sums over rows are partial sums of the chunks of rows_share, which are added in the order of
 * the chunks, so their bits do not depend on the number of threads. Read next: cpu_elementwise.c. */
#include "ops/cpu/cpu.h"
#include "ops/cpu/vmath.h"

void columns_piece(real *y, const real *x, real a, const real *columns, size_t rows, size_t C,
                   GradWrite write) {
    if (!columns) {
        scaled_piece(y, x, a, rows * C, write);
        return;
    }
    for (size_t row = 0; row < rows; row++) {
        const real *x_row = x + row * C;
        real *y_row = y + row * C;
        if (write == GRAD_ADD) {
            for (size_t c = 0; c < C; c++) y_row[c] = fused(a * columns[c], x_row[c], y_row[c]);
        } else {
            for (size_t c = 0; c < C; c++) y_row[c] = a * columns[c] * x_row[c];
        }
    }
}

/* Sums of one chunk begin at a multiple of 64 bytes. */
static size_t stride_of(size_t C) {
    return (C + 15) / 16 * 16;
}

size_t column_sums(size_t C) {
    return ROW_CHUNKS * stride_of(C);
}

void column_sums_piece(real *sums, size_t chunk, const real *x, const real *y, size_t rows,
                       size_t C) {
    real *sum = sums + chunk * stride_of(C);
    memset(sum, 0, C * sizeof *sum);
    for (size_t row = 0; row < rows; row++) {
        const real *x_row = x + row * C, *y_row = y + row * C;
        for (size_t c = 0; c < C; c++) sum[c] = fused(x_row[c], y_row[c], sum[c]);
    }
}

void column_sums_add(real *y, const real *sums, real a, size_t C) {
    for (size_t chunk = 0; chunk < ROW_CHUNKS; chunk++) {
        const real *sum = sums + chunk * stride_of(C);
        for (size_t c = 0; c < C; c++) y[c] = fused(a, sum[c], y[c]);
    }
}

double column_sums_total(const real *sums, size_t C) {
    double total = 0;
    for (size_t chunk = 0; chunk < ROW_CHUNKS; chunk++) {
        const real *sum = sums + chunk * stride_of(C);
        for (size_t c = 0; c < C; c++) total += (double)sum[c];
    }
    return total;
}

/* test_ops.c - elementwise operations, embeddings and dropout against plain loops in double. Linear
 * layers, attention, head, AdamW and threads have test files of their own. */
#include "ops/ops.h"
#include "base/philox.h"
#include "tests/lib/numbers.h"

/* --- whole tensors --- */

static const size_t LENGTHS[] = {1,    7,     16,   17,
                                 1000, 32768, 40001}; /* below and above PARALLEL_MIN */

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

/* With a factor of 0 the operand is not read: 0 * infinity would be NaN. */
static void factors_of_zero_and_one(void) {
    real x[3] = {INFINITY, NAN, 1}, y[3] = {1, -2, -0.0f}, s[3];
    const real before[3] = {1, -2, -0.0f};
    add_scaled(y, x, 0, 3);
    CHECK(same_bits(y, before, 3), "add_scaled by 0");
    scale(y, 1, 3);
    CHECK(same_bits(y, before, 3), "scale by 1");
    residual_piece(s, y, y, NULL, 1, 1, 0, 3);
    CHECK(s[0] == 2 && s[1] == -4, "residual without x_block: %g %g", (double)s[0], (double)s[1]);
    scaled_piece(y, x, 0, 3, GRAD_ADD);
    CHECK(same_bits(y, before, 3), "0 times x added");
    scaled_piece(y, x, 0, 3, GRAD_SET);
    for (size_t i = 0; i < 3; i++) CHECK(y[i] == 0, "0 times x set, element %zu", i);
}

static void residual_of_three_tensors(void) {
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
            residual_piece(s, x, o, block, a, b, c, n);
            CHECK_NMSE(s, want, n, NMSE_FORWARD, "factors %zu, n %zu", f, n);
            residual_piece(x, x, o, block, a, b, c, n);
            CHECK(same_bits(x, s, n), "in place, factors %zu, n %zu", f, n);
            free_all();
        }
    }
}

static void scaled_pieces(void) {
    for (size_t l = 0; l < COUNT(LENGTHS); l++) {
        size_t n = LENGTHS[l];
        real *x = new_drawn(n, 1), *y = new_drawn(n, 1), *set = new_reals(n);
        double *added = new_widened(y, n), *want = new_doubles(n);
        for (size_t i = 0; i < n; i++) {
            want[i] = (double)(real)-0.6 * (double)x[i];
            added[i] += want[i];
            set[i] = NAN;
        }
        scaled_piece(y, x, (real)-0.6, n, GRAD_ADD);
        scaled_piece(set, x, (real)-0.6, n, GRAD_SET);
        CHECK_NMSE(y, added, n, NMSE_FORWARD, "added, n %zu", n);
        CHECK_NMSE(set, want, n, NMSE_FORWARD, "set, n %zu", n);
        free_all();
    }
}

/* Adds 1 + chunk number to every row. */
static void count_rows(void *context, size_t chunk, size_t first, size_t end) {
    size_t *rows = context;
    for (size_t r = first; r < end; r++) rows[r] += 1 + chunk;
}

static void rows_are_split(void) {
    static const size_t ROWS[] = {1, 2, 15, 16, 17, 100, 5000};
    for (size_t i = 0; i < COUNT(ROWS); i++) {
        size_t R = ROWS[i], *rows = new_array(R, sizeof *rows);
        rows_share(count_rows, rows, R, 10);
        for (size_t r = 0; r < R; r++) {
            CHECK(rows[r] >= 1 && rows[r] <= 16, "row %zu of %zu: %zu", r, R, rows[r]);
            CHECK(r == 0 || rows[r] >= rows[r - 1],
                  "row %zu of %zu is in an earlier chunk than the row before", r, R);
        }
        free_all();
    }
}

static void columns_copied(void) {
    static const struct {
        size_t R, N, y_stride, x_stride;
    } CASES[] = {{1, 1, 1, 1}, {5, 3, 7, 4}, {9, 16, 16, 40}, {700, 60, 64, 61}};
    for (size_t i = 0; i < COUNT(CASES); i++) {
        const size_t R = CASES[i].R, N = CASES[i].N, to = CASES[i].y_stride,
                     from = CASES[i].x_stride;
        real *x = new_drawn((R - 1) * from + N, 1), *y = new_drawn((R - 1) * to + N, 1);
        real *before = new_copy(y, (R - 1) * to + N);
        copy_columns(y, to, x, from, R, N);
        for (size_t at = 0; at < (R - 1) * to + N; at++) {
            real want = at % to < N ? x[at / to * from + at % to] : before[at];
            CHECK(y[at] == want, "case %zu, element %zu", i, at);
        }
        free_all();
    }
}

static void sums_of_squares(void) {
    static const size_t SIZES[] = {0, 1, 15, 16, 17, 255, 257, 2048, 2049, 32769, 70000, 1000003};
    for (size_t l = 0; l < COUNT(SIZES); l++) {
        size_t n = SIZES[l];
        real *x = new_drawn(n + 1, 1);
        x[n] = (real)1e10; /* beyond the end: must not be counted */
        long double sum = 0;
        for (size_t i = 0; i < n; i++) sum += (long double)x[i] * (long double)x[i];
        double want = (double)sum;
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

/* --- embedding --- */

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

/* --- dropout --- */

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
        {.p = 0.5, .seed = 1, .step = 3, .micro = 2, .site = 4}, /* step and micro swapped */
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

static void dropout_of_zero(void) {
    const Dropout off = {.p = 0, .seed = 1};
    real x[5] = {NAN, INFINITY, -0.0f, 1, 2}, before[5];
    memcpy(before, x, sizeof x);
    dropout_apply(x, &off, 5);
    CHECK(same_bits(x, before, 5), "p = 0");
}

static const Test TESTS[] = {
    {"zero, copy, scale, add_scaled", zero_copy_scale_add},
    {"factors of 0 and 1", factors_of_zero_and_one},
    {"residual_piece", residual_of_three_tensors},
    {"scaled_piece", scaled_pieces},
    {"rows_share: every row once", rows_are_split},
    {"copy_columns copies no gaps", columns_copied},
    {"sum_of_squares", sums_of_squares},
    {"embeddings", embeddings},
    {"dropout masks and scales", dropout_masks_and_scales},
    {"dropout depends on seed, step, micro and site", dropout_depends_on_every_key},
    {"dropout of 0 changes nothing", dropout_of_zero},
};

int main(int argc, char **argv) {
    ops_start(1); /* small sizes: more threads would be slower */
    return test_main(TESTS, COUNT(TESTS), argc, argv);
}

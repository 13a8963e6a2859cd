/* test_ops_rope.c - rotary position encoding against its formula in double. */
#include "ops/ops.h"
#include "tests/lib/numbers.h"

static double dot(const real *a, const real *b, size_t n) {
    double sum = 0;
    for (size_t i = 0; i < n; i++) sum += (double)a[i] * (double)b[i];
    return sum;
}

enum { ROPES = 4 };
static const struct {
    size_t B, T, NH, HS;
} ROPE[ROPES] = {{1, 1, 1, 2}, {2, 5, 3, 8}, {1, 300, 2, 6}, {2, 130, 4, 64}};

static void rope_rotates_pairs(void) {
    for (size_t s = 0; s < ROPES; s++) {
        const size_t B = ROPE[s].B, T = ROPE[s].T, NH = ROPE[s].NH, HS = ROPE[s].HS, half = HS / 2;
        const size_t n = B * T * NH * HS;
        const Rope rope = {.theta = 10000, .width = HS, .factor = 1};
        real *table = new_reals(T * HS), *x = new_drawn(n, 1);
        double *want_table = new_doubles(T * HS), *want = new_widened(x, n);
        for (size_t row = 0; row < B * T * NH; row++) {
            size_t t = row / NH % T;
            for (size_t i = 0; i < half; i++) {
                double angle = (double)t / pow(10000, 2 * (double)i / (double)HS);
                double *pair = want_table + (t * half + i) * 2, *a = want + row * HS + i;
                double before = a[0];
                pair[0] = cos(angle);
                pair[1] = sin(angle);
                a[0] = before * pair[0] - a[half] * pair[1];
                a[half] = a[half] * pair[0] + before * pair[1];
            }
        }
        rope_table(table, T, HS, &rope);
        CHECK_NMSE(table, want_table, T * HS, NMSE_FORWARD, "table, case %zu", s);
        rope_forward(x, table, B, T, NH, HS, NH * HS);
        CHECK_NMSE(x, want, n, NMSE_FORWARD, "x, case %zu", s);
        free_all();
    }
}

/* A rotation preserves lengths; its gradient is the transpose, which is also its inverse. */
static void rope_is_a_rotation(void) {
    for (size_t s = 0; s < ROPES; s++) {
        const size_t B = ROPE[s].B, T = ROPE[s].T, NH = ROPE[s].NH, HS = ROPE[s].HS;
        const size_t n = B * T * NH * HS;
        const Rope rope = {10000, HS / 4 * 2 + 2 * (HS < 4), 8, 1, 4, 32};
        real *table = new_reals(T * HS), *x = new_drawn(n, 1), *y = new_drawn(n, 1);
        real *rotated = new_copy(x, n), *back = new_copy(y, n);
        rope_table(table, T, HS, &rope);
        rope_forward(rotated, table, B, T, NH, HS, NH * HS);
        rope_backward(back, table, B, T, NH, HS, NH * HS);
        double tolerance = 16 * (double)REAL_EPSILON;
        for (size_t row = 0; row < B * T * NH; row++) {
            const real *a = rotated + row * HS, *b = x + row * HS;
            double length = dot(b, b, HS);
            CHECK_NEAR(dot(a, a, HS), length, tolerance * length);
        }
        CHECK_NEAR(dot(rotated, y, n), dot(x, back, n), tolerance * (double)n);
        rope_backward(rotated, table, B, T, NH, HS, NH * HS);
        CHECK_NMSE(rotated, new_widened(x, n), n, NMSE_FORWARD, "forward and backward, case %zu",
                   s);
        free_all();
    }
}

static const Test TESTS[] = {
    {"rope rotates pairs", rope_rotates_pairs},
    {"rope is a rotation; backward is its transpose", rope_is_a_rotation},
};

int main(int argc, char **argv) {
    ops_start(1); /* small sizes: more threads would be slower */
    return test_main(TESTS, COUNT(TESTS), argc, argv);
}

/* test_batchnorm.c - batchnorm, whose statistics are over rows: formulas and running statistics.
 *
 * The formulas of norm_bench.h are those of one row, for the other norms. Here columns are of
 * several kinds: ordinary, tiny (eps dominates), large, shifted and constant. Tests of batchnorm in
 * a whole model: test_batchnorm_net.c. */
#include "ops/ops.h"
#include "tests/bench/norm_bench.h"

enum { GAMMA, BETA };

static const size_t ROW_COUNTS[] = {2, 3, 17, 700};

/* --- passes --- */

static NormMode mode;

/* Columns of x of all kinds, running statistics that differ from their initial values, and NaN in
 * what the norm only writes. */
static Bench column_bench(size_t rows, size_t C, double w) {
    Bench b = bench_draw(&norm_batchnorm, rows, C, w);
    for (size_t i = 0; i < rows * C; i++) {
        size_t kind = i % C % COUNT(ROWS);
        b.x[i] = (real)(ROWS[kind].mean + ROWS[kind].std * draw_normal());
    }
    b.norm.columns = new_reals(norm_batchnorm.n_columns * C);
    constant_fill(b.norm.columns, NAN, norm_batchnorm.n_columns * C);
    b.norm.running_mean = new_drawn(C, 1);
    b.norm.running_var = new_reals(C);
    for (size_t c = 0; c < C; c++) b.norm.running_var[c] = (real)draw_uniform(0.5, 2);
    b.norm.mode = &mode;
    mode = (NormMode){.training = true, .observes = true};
    return b;
}

/* The formulas for one column. */
typedef struct {
    long double mean, variance, r, gain, u_mean, u_xhat_mean, dgamma, dbeta;
    double condition, size; /* as in RowFormula; sum |dy| (|xhat| + condition) */
} ColumnFormula;

static long double xhat_at(const ColumnFormula *f, const Bench *b, size_t row, size_t c) {
    return ((long double)b->x[row * b->C + c] - f->mean) * f->r;
}

static ColumnFormula column_formula(const Bench *b, size_t c) {
    ColumnFormula f = {0};
    const long double n = (long double)b->rows;
    double largest = 0;
    f.gain = (long double)b->w * (long double)b->param[GAMMA][c];
    for (size_t row = 0; row < b->rows; row++) f.mean += (long double)b->x[row * b->C + c] / n;
    for (size_t row = 0; row < b->rows; row++) {
        long double d = (long double)b->x[row * b->C + c] - f.mean;
        f.variance += d * d / n;
        largest = fmax(largest, fabs((double)b->x[row * b->C + c]));
    }
    f.r = 1 / sqrtl(f.variance + (long double)b->norm.eps);
    f.condition = largest * (double)f.r;
    for (size_t row = 0; row < b->rows; row++) {
        long double dy = (long double)b->dy[row * b->C + c], xhat = xhat_at(&f, b, row, c);
        f.dbeta += dy;
        f.dgamma += (long double)b->w * dy * xhat;
        f.u_mean += f.gain * dy / n;
        f.u_xhat_mean += f.gain * dy * xhat / n;
        f.size += fabs((double)dy) * (1 + fabs((double)xhat) + f.condition);
    }
    return f;
}

static const double ROUNDING = 64 * (double)REAL_EPSILON;

static void check_column(const Bench *b, size_t c) {
    const ColumnFormula f = column_formula(b, c);
    const double gain = fabs((double)f.gain),
                 shift = b->norm.param[BETA] ? (double)b->norm.param[BETA][c] : 0;
    for (size_t row = 0; row < b->rows; row++) {
        const size_t at = row * b->C + c;
        double xhat = (double)xhat_at(&f, b, row, c), size = fabs(xhat) + f.condition;
        double y = (double)f.gain * xhat + shift, u = (double)f.gain * (double)b->dy[at];
        double dx = (double)f.r * (u - (double)f.u_mean - xhat * (double)f.u_xhat_mean);
        double unit = (double)f.r * gain * f.size * (1 + size) * (1 + f.condition);
        CHECK(fabs((double)b->y[at] - y) <= ROUNDING * (gain * size + fabs(y)),
              "y of %zu rows, row %zu, column %zu of %zu: %.9g, want %.9g", b->rows, row, c, b->C,
              (double)b->y[at], y);
        CHECK(fabs((double)b->dx[at] - dx) <= ROUNDING * unit,
              "dx of %zu rows, row %zu, column %zu of %zu: %.9g, want %.9g", b->rows, row, c, b->C,
              (double)b->dx[at], dx);
    }
    CHECK_NEAR(b->norm.grad[GAMMA][c], (double)f.dgamma, ROUNDING * f.size * (1 + f.condition));
    if (b->norm.grad[BETA]) CHECK_NEAR(b->norm.grad[BETA][c], (double)f.dbeta, ROUNDING * f.size);
}

static void passes_match_the_formula(void) {
    for (size_t i = 0; i < COUNT(ROW_COUNTS) * COUNT(NORM_WIDTHS); i++) {
        const size_t rows = ROW_COUNTS[i % COUNT(ROW_COUNTS)];
        const size_t C = NORM_WIDTHS[i / COUNT(ROW_COUNTS)];
        Bench b = column_bench(rows, C, NORM_FACTORS[i % COUNT(NORM_FACTORS)]);
        for (int beta = 1; beta >= 0; beta--) { /* with beta, and as with model.bias = false */
            if (!beta) b.norm.param[BETA] = b.norm.grad[BETA] = NULL;
            zero(b.dx, rows * C);
            zero(b.norm.grad[GAMMA], C);
            constant_fill(b.norm.columns, -1, norm_batchnorm.n_columns * C);
            bench_forward(&b);
            for (size_t k = 2 * C; k < norm_batchnorm.n_columns * C; k++)
                CHECK(b.norm.columns[k] == -1, "forward writes only mean and r");
            bench_backward(&b);
            for (size_t c = 0; c < C; c++) check_column(&b, c);
        }
        free_all();
    }
}

/* dx is set or added to; gradients of parameters are always added to. */
static void gradients_are_set_or_added(void) {
    enum { ROWS_IN = 40, WIDTH = 13 };
    Bench b = column_bench(ROWS_IN, WIDTH, 0.5);
    bench_forward(&b);
    bench_backward(&b);
    real *dx = new_copy(b.dx, ROWS_IN * WIDTH), *dgamma = new_copy(b.norm.grad[GAMMA], WIDTH);
    bench_backward(&b);
    for (size_t i = 0; i < ROWS_IN * WIDTH; i++) CHECK(b.dx[i] == 2 * dx[i], "added, %zu", i);
    for (size_t c = 0; c < WIDTH; c++)
        CHECK_NEAR(b.norm.grad[GAMMA][c], 2 * dgamma[c], ROUNDING * fabs((double)dgamma[c]));
    norm_backward(&b.norm, b.dx, b.dy, b.x, b.w, ROWS_IN, GRAD_SET);
    CHECK(same_bits(b.dx, dx, ROWS_IN * WIDTH), "set");
    free_all();
}

/* Invariant to a shift of a feature: the means over the batch of y - beta and of dx are 0. */
static void shifts_of_a_feature(void) {
    enum { ROWS_IN = 40, WIDTH = 13 };
    Bench b = column_bench(ROWS_IN, WIDTH, 1);
    bench_forward(&b);
    bench_backward(&b);
    for (size_t c = 0; c < WIDTH; c++) {
        const ColumnFormula f = column_formula(&b, c);
        double y = 0, dx = 0;
        for (size_t row = 0; row < ROWS_IN; row++) {
            y += (double)b.y[row * WIDTH + c] - (double)b.param[BETA][c];
            dx += (double)b.dx[row * WIDTH + c];
        }
        CHECK_NEAR(y, 0, ROWS_IN * ROUNDING * (1 + f.condition));
        CHECK_NEAR(dx, 0, ROUNDING * (double)f.r * f.size * (1 + f.condition));
    }
    free_all();
}

/* --- running statistics --- */

static void running_statistics_match_the_formula(void) {
    for (size_t i = 0; i < COUNT(ROW_COUNTS); i++) {
        enum { WIDTH = 13 };
        const size_t rows = ROW_COUNTS[i];
        Bench b = column_bench(rows, WIDTH, 1);
        double *mean = new_widened(b.norm.running_mean, WIDTH);
        double *var = new_widened(b.norm.running_var, WIDTH);
        for (int pass = 0; pass < 3; pass++) {
            for (size_t at = 0; at < rows * WIDTH; at++) b.x[at] += (real)(0.1 * draw_normal());
            bench_forward(&b);
            for (size_t c = 0; c < WIDTH; c++) {
                const ColumnFormula f = column_formula(&b, c);
                const double n = (double)rows, unbiased = (double)f.variance * n / (n - 1);
                mean[c] = 0.9 * mean[c] + 0.1 * (double)f.mean;
                var[c] = 0.9 * var[c] + 0.1 * unbiased;
                double largest = f.condition / (double)f.r;
                CHECK_NEAR(b.norm.running_mean[c], mean[c], ROUNDING * (fabs(mean[c]) + largest));
                CHECK_NEAR(b.norm.running_var[c], var[c],
                           ROUNDING *
                               (var[c] + largest * sqrt(unbiased) + largest * largest * ROUNDING));
            }
        }
        free_all();
    }
}

/* The recomputation of a block, and evaluation, do not update them. */
static void only_training_updates_them(void) {
    static const NormMode MODES[] = {{.training = true}, {.training = false}};
    enum { WIDTH = 13 };
    for (size_t i = 0; i < COUNT(MODES); i++) {
        Bench b = column_bench(40, WIDTH, 1);
        real *mean = new_copy(b.norm.running_mean, WIDTH);
        real *var = new_copy(b.norm.running_var, WIDTH);
        bench_forward(&b);
        CHECK(!same_bits(mean, b.norm.running_mean, WIDTH), "training");
        CHECK(!same_bits(var, b.norm.running_var, WIDTH), "training");
        real *y = new_copy(b.y, 40 * WIDTH);
        memcpy(mean, b.norm.running_mean, WIDTH * sizeof *mean);
        memcpy(var, b.norm.running_var, WIDTH * sizeof *var);
        mode = MODES[i];
        bench_forward(&b);
        CHECK(same_bits(mean, b.norm.running_mean, WIDTH), "mode %zu", i);
        CHECK(same_bits(var, b.norm.running_var, WIDTH), "mode %zu", i);
        CHECK(same_bits(y, b.y, 40 * WIDTH) == mode.training, "mode %zu", i);
        free_all();
    }
}

static void evaluation_uses_running_statistics(void) {
    enum { WIDTH = 13 };
    Bench b = column_bench(40, WIDTH, 0.5);
    mode = (NormMode){.training = false};
    bench_forward(&b);
    for (size_t i = 0; i < 40 * WIDTH; i++) {
        const size_t c = i % WIDTH;
        double m = (double)b.norm.running_mean[c], v = (double)b.norm.running_var[c];
        double xhat = ((double)b.x[i] - m) / sqrt(v + (double)b.norm.eps);
        double want = (double)b.w * (double)b.param[GAMMA][c] * xhat + (double)b.param[BETA][c];
        CHECK_NEAR(b.y[i], want, ROUNDING * (1 + fabs((double)b.x[i])));
    }
    free_all();
}

/* NaN, infinity, a variance that overflows, and the variance of a single row, where n - 1 is 0, do
 * not reach the running statistics. The output of the pass shows NaN. */
static void only_finite_statistics_are_kept(void) {
    enum { WIDTH = 3 };
    const real huge = (real)(sizeof(real) == sizeof(float) ? 1e30 : 1e300);
    const real bad[] = {(real)NAN, (real)INFINITY, huge};
    for (size_t k = 0; k < WIDTH * (COUNT(bad) + 1); k++) {
        const size_t i = k / WIDTH, c = k % WIDTH, rows = i < COUNT(bad) ? 20 : 1;
        Bench b = column_bench(rows, WIDTH, 1);
        real *mean = new_copy(b.norm.running_mean, WIDTH);
        real *var = new_copy(b.norm.running_var, WIDTH);
        if (rows > 1) b.x[7 * WIDTH + c] = bad[i];
        bench_forward(&b);
        CHECK(same_bits(mean, b.norm.running_mean, WIDTH), "case %zu", i);
        CHECK(same_bits(var, b.norm.running_var, WIDTH), "case %zu", i);
        if (i < 2) {
            for (size_t row = 0; row < rows; row++)
                CHECK(isnan(b.y[row * WIDTH + c]), "case %zu, row %zu", i, row);
        }
        free_all();
    }
}

static void threads_do_not_change_bits(void) {
    enum { ROWS_IN = 700, WIDTH = 97 };
    Bench b = column_bench(ROWS_IN, WIDTH, 0.7);
    real *running = new_copy(b.norm.running_mean, WIDTH);
    real *first[5];
    for (size_t threads = 1; threads <= 3; threads++) {
        const real *got[] = {b.y, b.dx, b.norm.grad[GAMMA], b.norm.running_mean, b.norm.columns};
        const size_t sizes[] = {ROWS_IN * WIDTH, ROWS_IN * WIDTH, WIDTH, WIDTH,
                                norm_batchnorm.n_columns * WIDTH};
        ops_start(threads);
        zero(b.dx, ROWS_IN * WIDTH);
        zero(b.norm.grad[GAMMA], WIDTH);
        memcpy(b.norm.running_mean, running, WIDTH * sizeof *running);
        bench_forward(&b);
        bench_backward(&b);
        for (size_t i = 0; i < COUNT(got); i++) {
            if (threads == 1) first[i] = new_copy(got[i], sizes[i]);
            CHECK(same_bits(first[i], got[i], sizes[i]), "%zu threads, %zu", threads, i);
        }
    }
    ops_start(1);
    free_all();
}

static void the_kind(void) {
    const NormKind *kind = &norm_batchnorm;
    CHECK(strcmp(kind->name, "batchnorm") == 0 && strstr(kind->equation, "batch"), "name");
    CHECK(norm_param_count(kind) == 2 && norm_param(kind, NORM_GAIN) == &kind->param[GAMMA] &&
              norm_param(kind, NORM_SHIFT) == &kind->param[BETA],
          "parameters");
    CHECK(kind->param[GAMMA].start == 1 && kind->param[GAMMA].zero == 0, "initial values");
    CHECK(kind->eps == 1e-5 && kind->eps_out == 1e-5, "eps");
    CHECK(kind->n_stats == 0, "it has no statistics per row to freeze");
    CHECK(!norm_is_rms(kind), "optim.rmsnorm_lr_scale does not apply");
    for (int i = 0; norm_kind(i); i++) {
        const NormKind *other = norm_kind(i);
        CHECK((other->gather != NULL) == (other == kind), "%s", other->name);
        CHECK((other->gather_backward != NULL) == (other == kind), "%s", other->name);
        CHECK(other->running == (other == kind), "%s", other->name);
    }
}

static const Test TESTS[] = {
    {"batchnorm: its kind; no other kind gathers", the_kind},
    {"batchnorm: both passes match the formula", passes_match_the_formula},
    {"batchnorm: gradients are set or added", gradients_are_set_or_added},
    {"batchnorm: invariant to a shift of a feature", shifts_of_a_feature},
    {"batchnorm: running statistics match the formula", running_statistics_match_the_formula},
    {"batchnorm: only training updates running statistics", only_training_updates_them},
    {"batchnorm: evaluation uses running statistics", evaluation_uses_running_statistics},
    {"batchnorm: only finite running statistics are kept", only_finite_statistics_are_kept},
    {"batchnorm: the number of threads does not change bits", threads_do_not_change_bits},
};

int main(int argc, char **argv) {
    ops_start(1);
    return test_main(TESTS, COUNT(TESTS), argc, argv);
}

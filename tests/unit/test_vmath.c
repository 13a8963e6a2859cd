/* test_vmath.c - exp, tanh, erf and sigmoid against the C library in double.
 *
 * Errors are in ulps of `real`; half an ulp is unavoidable. There are two samples: floats at equal
 * steps of their bit patterns, which covers all exponents, and floats at equal steps of their value
 * where the result is neither 0, 1 nor infinite. A double build calls the C library. */
#include "ops/cpu/vmath.h"
#include "tests/lib/numbers.h"

enum { BLOCK = 4096, BLOCKS = 1024 }; /* over 4 million floats per sample */

static double exact_sigmoid(double x) {
    return 1 / (1 + exp(-x));
}

/* Loops that the compiler vectorizes, as in ops/. */
#define DEFINE_MAP(f)                                                                              \
    static void map_##f(real *y, const real *x, size_t n) {                                        \
        for (size_t i = 0; i < n; i++) y[i] = real_##f(x[i]);                                      \
    }
DEFINE_MAP(exp)
DEFINE_MAP(tanh)
DEFINE_MAP(erf)
DEFINE_MAP(sigmoid)

typedef struct {
    const char *name;
    void (*map)(real *y, const real *x, size_t n);
    double (*exact)(double x);
    double from, to; /* where the result is neither 0, 1 nor infinite */
    double ulps;     /* as ops/cpu/vmath.h states them, from a scan of all floats */
} Function;

static const Function FUNCTIONS[] = {
    {"exp", map_exp, exp, -104, 89, 0.99},
    {"tanh", map_tanh, tanh, -10, 10, 1.86},
    {"erf", map_erf, erf, -4, 4, 1.06},
    {"sigmoid", map_sigmoid, exact_sigmoid, -87, 17, 2.49},
};

static double ulps_off(real got, double want) {
    if (isnan(want)) return isnan(got) ? 0 : INFINITY;
    if ((real)want == got) return 0; /* correctly rounded, infinity included */
    int exponent, least = sizeof(real) == sizeof(double) ? DBL_MIN_EXP : FLT_MIN_EXP;
    frexp(want, &exponent);
    if (exponent < least) exponent = least; /* denormals are equally spaced */
    return fabs((double)got - want) / ldexp(1, exponent - REAL_MANT_DIG);
}

static real at_bits(uint64_t step) { /* an odd stride covers all exponents and many mantissas */
    uint32_t bits = (uint32_t)(step * (UINT32_MAX / ((uint64_t)BLOCK * BLOCKS)));
    float x;
    memcpy(&x, &bits, sizeof x);
    return (real)x;
}

static double largest_error(const Function *function, bool by_bits, double *where) {
    real x[BLOCK], y[BLOCK];
    double worst = 0, width = function->to - function->from;
    for (size_t block = 0; block < BLOCKS; block++) {
        for (size_t i = 0; i < BLOCK; i++) {
            size_t step = block * BLOCK + i;
            x[i] = by_bits ? at_bits(step)
                           : (real)(function->from + width * (double)step / (BLOCK * BLOCKS));
        }
        function->map(y, x, BLOCK);
        for (size_t i = 0; i < BLOCK; i++) {
            if (by_bits && (double)x[i] < function->from) continue; /* tested in the edge cases */
            double error = ulps_off(y[i], function->exact((double)x[i]));
            if (error > worst) {
                worst = error;
                *where = (double)x[i];
            }
        }
    }
    return worst;
}

static void errors_are_small(void) {
    for (size_t f = 0; f < COUNT(FUNCTIONS); f++) {
        const Function *function = &FUNCTIONS[f];
        double where[2] = {0, 0}, worst[2];
        for (int by_bits = 0; by_bits < 2; by_bits++) {
            worst[by_bits] = largest_error(function, by_bits, &where[by_bits]);
            CHECK(worst[by_bits] <= function->ulps, "%s: %.4f ulp at %a", function->name,
                  worst[by_bits], where[by_bits]);
        }
        printf("    %s: at most %.4f ulp by value, %.4f by bits\n", function->name, worst[0],
               worst[1]);
    }
}

/* The result depends on the value only: alone or at any index of a vector, the bits are the
 * same. */
static void index_does_not_matter(void) {
    enum { N = 100 };
    real x[N], y[N], alone;
    for (size_t f = 0; f < COUNT(FUNCTIONS); f++) {
        for (size_t i = 0; i < N; i++) x[i] = (real)draw_uniform(-12, 12);
        for (size_t n = 1; n <= N; n += 3) {
            FUNCTIONS[f].map(y, x, n);
            for (size_t i = 0; i < n; i++) {
                FUNCTIONS[f].map(&alone, &x[i], 1);
                CHECK(same_bits(&alone, &y[i], 1), "%s: element %zu of %zu", FUNCTIONS[f].name, i,
                      n);
            }
        }
    }
}

/* Values where results overflow, underflow, saturate or are NaN. */
static void edge_cases(void) {
    static const double EDGES[] = {
        0.0,
        -0.0,
        0x1p-149,
        -0x1p-149,
        0x1p-126,
        -0x1.8p-127,
        0x1p-30,
        -0x1p-30,
        88.3762626,
        88.7228317f,
        88.722840,
        89,
        1e30,
        -1e30,
        -87.3365402f,
        -87.3365479f,
        -95,
        -103.278923f,
        -103.972076f,
        -103.9720840f,
        -104.5,
        -0x1.fffffep127,
        0x1.fffffep127,
        9.01091194,
        9.02,
        10,
        -10,
        20,
        NAN,
        INFINITY,
        -INFINITY,
        0.346573591f,
        0.34657362f,
        0.35,
        0.34999999,
        0.94f,
        0.9400001f,
        -0.94f,
        3.9999998f,
        -4,
        4.0000005f,
    };
    real x[COUNT(EDGES)], y[COUNT(EDGES)];
    for (size_t i = 0; i < COUNT(EDGES); i++) x[i] = (real)EDGES[i];
    for (size_t f = 0; f < COUNT(FUNCTIONS); f++) {
        FUNCTIONS[f].map(y, x, COUNT(EDGES));
        for (size_t i = 0; i < COUNT(EDGES); i++) {
            double want = FUNCTIONS[f].exact((double)x[i]);
            bool tiny = FUNCTIONS[f].exact == exact_sigmoid && (double)x[i] < -87;
            double error = tiny ? fabs((double)y[i] - want) * 1e7 : ulps_off(y[i], want);
            CHECK(error <= FUNCTIONS[f].ulps, "%s(%a) = %a, want %a", FUNCTIONS[f].name,
                  (double)x[i], (double)y[i], want);
            CHECK(isnan(want) || !signbit(y[i]) == !signbit(want), "%s(%a): sign of %a",
                  FUNCTIONS[f].name, (double)x[i], (double)y[i]);
        }
    }
}

static const Test TESTS[] = {
    {"exp, tanh, erf and sigmoid are as accurate as stated", errors_are_small},
    {"the index in a vector does not matter", index_does_not_matter},
    {"exp, tanh, erf and sigmoid: edge cases", edge_cases},
};
TEST_MAIN(TESTS)

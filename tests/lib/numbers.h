/* numbers.h - random numbers, guarded memory and error measures for the tests of ops/ and norm/.
 *
 * References are plain loops in double (or long double) over the same reals that the tested
 * function reads, so the only difference is the rounding of the function. The random number
 * generator is not that of the project, because a test of Philox must not use Philox. Arrays live
 * until free_all(). */
#ifndef TESTS_LIB_NUMBERS_H
#define TESTS_LIB_NUMBERS_H

#include "tests/lib/test.h"

#include <float.h>
#include <sys/mman.h>
#include <unistd.h>

#ifdef REAL_DOUBLE
#define REAL_EPSILON DBL_EPSILON
#define REAL_MANT_DIG DBL_MANT_DIG
#else
#define REAL_EPSILON FLT_EPSILON
#define REAL_MANT_DIG FLT_MANT_DIG
#endif

/* Bounds on the squared error over the squared norm. */
#define NMSE_FORWARD (sizeof(real) == sizeof(double) ? 1e-25 : 1e-12)
#define NMSE_GRADIENT (sizeof(real) == sizeof(double) ? 1e-25 : 1e-11)

#define COUNT(table) (sizeof(table) / sizeof((table)[0]))

/* splitmix64 (Steele, Lea & Flood 2014). */
static inline uint64_t draw_bits(void) {
    static uint64_t state = 20240229;
    uint64_t z = state += 0x9e3779b97f4a7c15ULL;
    z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9ULL;
    z = (z ^ z >> 27) * 0x94d049bb133111ebULL;
    return z ^ z >> 31;
}

static inline double draw_uniform(double from, double to) {
    return from + (to - from) * (double)(draw_bits() >> 11) * 0x1p-53;
}

static inline double draw_normal(void) {
    double u = draw_uniform(0, 1), angle = draw_uniform(0, 2 * M_PI);
    return sqrt(-2 * log(1 - u)) * cos(angle);
}

/* from <= size <= to */
static inline size_t draw_size(size_t from, size_t to) {
    return from + (size_t)(draw_bits() % (to - from + 1));
}

/* An array ends at a guard page without access, so an element read or written past the end crashes
 * the test. Before the array is a filler pattern, which free_all() checks. As a float it is 51,015:
 * large enough to spoil any sum that reads it, small enough that an addition changes it. Under
 * AddressSanitizer arrays are on the heap, which it guards on both sides. */
enum { ARRAYS_MAX = 256, FILLER = 0x47 };
static struct {
    unsigned char *map; /* NULL: from the heap, at `array` */
    void *array;
    size_t before, mapped; /* bytes of filler, bytes of the whole mapping */
} arrays[ARRAYS_MAX];
static size_t array_count;

static inline void *guarded(size_t bytes, size_t i) {
    const size_t page = (size_t)sysconf(_SC_PAGESIZE);
    size_t used = (page + bytes + page - 1) / page * page, before = used - bytes;
    unsigned char *map =
        mmap(NULL, used + page, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (map == MAP_FAILED || mprotect(map + used, page, PROT_NONE) != 0) abort();
    memset(map, FILLER, before);
    arrays[i].map = map;
    arrays[i].before = before;
    arrays[i].mapped = used + page;
    return map + before;
}

/* Zeroed; exactly this size is accessible. */
static inline void *new_array(size_t count, size_t size) {
    if (count > PTRDIFF_MAX / 2 / size || array_count == ARRAYS_MAX) abort();
    size_t i = array_count++;
    arrays[i].map = NULL;
    arrays[i].array = SANITIZED ? calloc(count ? count : 1, size) : guarded(count * size, i);
    if (!arrays[i].array) abort();
    return arrays[i].array;
}

static inline void free_all(void) {
    while (array_count) {
        size_t i = --array_count, changed = 0;
        for (size_t k = 0; arrays[i].map && k < arrays[i].before; k++) {
            changed += arrays[i].map[k] != FILLER;
        }
        CHECK(!changed, "%zu bytes before array %zu were written", changed, i);
        if (arrays[i].map)
            munmap(arrays[i].map, arrays[i].mapped);
        else
            free(arrays[i].array);
    }
}

static inline real *new_reals(size_t n) {
    return (real *)new_array(n, sizeof(real));
}

static inline double *new_doubles(size_t n) {
    return (double *)new_array(n, sizeof(double));
}

static inline real *new_drawn(size_t n, double std) {
    real *x = new_reals(n);
    for (size_t i = 0; i < n; i++) x[i] = (real)(std * draw_normal());
    return x;
}

static inline int *new_tokens(size_t n, size_t V) {
    int *tokens = (int *)new_array(n, sizeof(int));
    for (size_t i = 0; i < n; i++) tokens[i] = (int)draw_size(0, V - 1);
    return tokens;
}

static inline real *new_copy(const real *x, size_t n) {
    return (real *)memcpy(new_reals(n), x, n * sizeof *x);
}

static inline double *new_widened(const real *x, size_t n) {
    double *wide = new_doubles(n);
    for (size_t i = 0; i < n; i++) wide[i] = (double)x[i];
    return wide;
}

static inline bool same_bits(const real *a, const real *b, size_t n) {
    return memcmp(a, b, n * sizeof *a) == 0;
}

static inline double nmse(const real *got, const double *want, size_t n) {
    double error = 0, norm = 0;
    for (size_t i = 0; i < n; i++) {
        double distance = (double)got[i] - want[i];
        error += distance * distance;
        norm += want[i] * want[i];
    }
    return norm > 0 ? error / norm : error;
}

/* The other arguments describe the case, as for printf. */
#define CHECK_NMSE(got, want, n, bound, ...)                                                       \
    do {                                                                                           \
        double nmse_ = nmse(got, want, n);                                                         \
        if (!(nmse_ <= (bound))) printf("    NMSE %.3g is above %.3g\n", nmse_, (double)(bound));  \
        CHECK(nmse_ <= (bound), __VA_ARGS__);                                                      \
    } while (0)

/* df/d(at) by central differences with eight points; the error is O(step^8). Restores `at`. */
static inline double difference(long double (*f)(void *), void *self, real *at, double step) {
    static const double WEIGHTS[] = {4.0 / 5, -1.0 / 5, 4.0 / 105, -1.0 / 280};
    const real start = *at;
    long double sum = 0;
    for (int i = 0; i < 4; i++) {
        *at = (real)((double)start + (i + 1) * step);
        long double high = f(self);
        *at = (real)((double)start - (i + 1) * step);
        sum += (long double)WEIGHTS[i] * (high - f(self));
    }
    *at = start;
    return (double)(sum / (long double)step);
}

#endif

/* test.h - the test harness: a table of named functions, and checks that count failures.
 *
 * A test file ends with TEST_MAIN(table). Each test prints a line with "ok" or "FAIL", its seconds
 * and its name; scripts/check.sh counts them. `./test_x WORD...` runs only the tests whose names
 * contain one of the words. */
#ifndef TESTS_LIB_TEST_H
#define TESTS_LIB_TEST_H

#include "base/base.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Whether this is a build with AddressSanitizer, which has an allocator of its own. */
#ifndef __has_feature
#define __has_feature(feature) 0
#endif
#if defined(__SANITIZE_ADDRESS__) || __has_feature(address_sanitizer)
#define SANITIZED 1
#else
#define SANITIZED 0
#endif

static int test_failures; /* of the test that is running */

/* Prints the first ten failures of a test; counts all. */
#define CHECK(condition, ...)                                                                      \
    do {                                                                                           \
        if (!(condition) && test_failures++ < 10) {                                                \
            printf("    %s:%d: %s: ", __FILE__, __LINE__, #condition);                             \
            printf(__VA_ARGS__);                                                                   \
            printf("\n");                                                                          \
        }                                                                                          \
    } while (0)

#define CHECK_NEAR(got, want, tolerance)                                                           \
    do {                                                                                           \
        double got_ = (double)(got), want_ = (double)(want);                                       \
        CHECK(fabs(got_ - want_) <= (tolerance), "got %.17g, want %.17g", got_, want_);            \
    } while (0)

typedef struct {
    const char *name;
    void (*run)(void);
} Test;

static inline int test_main(const Test *tests, size_t count, int argc, char **argv) {
    int failed = 0;
    for (size_t i = 0; i < count; i++) {
        bool wanted = argc < 2;
        for (int a = 1; a < argc; a++) wanted |= strstr(tests[i].name, argv[a]) != NULL;
        if (!wanted) continue;
        test_failures = 0;
        double start = clock_seconds();
        tests[i].run();
        printf("%s %7.2f s  %s\n", test_failures ? "FAIL" : "ok  ", clock_seconds() - start,
               tests[i].name);
        fflush(stdout);
        failed += test_failures > 0;
    }
    return failed ? 1 : 0;
}

#define TEST_MAIN(table)                                                                           \
    int main(int argc, char **argv) {                                                              \
        return test_main(table, sizeof(table) / sizeof((table)[0]), argc, argv);                   \
    }

#endif

/* test_spike.c - the spike detector against a plain reference that stores everything and sorts at
 * every step; known answers; measured error rates. */
#include "base/philox.h"
#include "run/optim/health.h"
#include "tests/lib/test.h"

#include <float.h>

enum { TEST_STREAM = 1000, STEPS = 5000, TENSORS = 6 };

/* Standard normal, a pure function of its arguments (Box-Muller). */
static double gauss(uint32_t seed, size_t i) {
    Philox r = philox(seed, TEST_STREAM, (uint32_t)i, 0, 0, 0);
    double u = (r.word[0] + 0.5) * 0x1p-32, angle = (r.word[1] + 0.5) * 0x1p-31 * acos(-1.0);
    return sqrt(-2 * log(u)) * cos(angle);
}

static SpikeOptions options_of(DetectorKind detector, size_t window, size_t min_history) {
    return (SpikeOptions){detector, window, .threshold = 6, min_history, ACTION_LOG};
}

static SpikeReport observe(SpikeDetector *detector, double loss, double grad_norm) {
    return spike_observe(detector, loss, grad_norm, NULL);
}

/* --- the plain reference --- */

/* The accepted steps of a series, which determine everything else. */
typedef struct {
    size_t accepted[STEPS], n, flagged[STEPS], n_flagged;
} Plain;

static int by_value(const void *a, const void *b) {
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static double plain_median(double *x, size_t n) {
    qsort(x, n, sizeof(*x), by_value);
    return (x[(n - 1) / 2] + x[n / 2]) / 2;
}

static double plain_z(const Plain *plain, const SpikeOptions *options, bool is_loss,
                      const double *x, size_t t) {
    static double held[STEPS], distance[STEPS];
    size_t n = plain->n < options->window ? plain->n : options->window;
    if (!isfinite(x[t]) || n < options->min_history) return NAN;
    for (size_t i = 0; i < n; i++) held[i] = x[plain->accepted[plain->n - 1 - i]];
    if (options->detector == DETECTOR_SIGMA) {
        double sum = 0, squares = 0;
        if (n < 2) return NAN;
        for (size_t i = 0; i < n; i++) sum += held[i];
        for (size_t i = 0; i < n; i++) squares += pow(held[i] - sum / (double)n, 2);
        return (x[t] - sum / (double)n) / sqrt(squares / (double)(n - 1));
    }
    double median = plain_median(held, n);
    for (size_t i = 0; i < n; i++) distance[i] = fabs(held[i] - median);
    double floor = is_loss ? 0.01 * fabs(median) : 0.05;
    return (x[t] - median) / fmax(1.4826 * plain_median(distance, n), floor);
}

static void plain_take(Plain *plain, bool flagged, double x, size_t t) {
    if (!isfinite(x)) return;
    if (!flagged) {
        plain->accepted[plain->n++] = t;
        plain->n_flagged = 0;
        return;
    }
    plain->flagged[plain->n_flagged++] = t;
    if (plain->n_flagged < 16) return;
    memcpy(plain->accepted, plain->flagged, sizeof(plain->accepted));
    plain->n = 16;
    plain->n_flagged = 0;
}

static double plain_growth(const Plain *grad, size_t window, double norms[STEPS][TENSORS], size_t t,
                           size_t tensor) {
    size_t n = grad->n < window ? grad->n : window;
    double sum = 0;
    if (!isfinite(norms[t][tensor])) return INFINITY;
    for (size_t i = 0; i < n; i++) sum += norms[grad->accepted[grad->n - 1 - i]][tensor];
    return norms[t][tensor] / (sum / (double)n);
}

/* Noise with isolated spikes, bursts, two level shifts, zeros and non-finite values. */
static double wild_value(uint32_t seed, size_t t) {
    Philox r = philox(seed, TEST_STREAM, (uint32_t)t, 1, 0, 0);
    double level = t < 1500 ? 1 : t < 3500 ? 40 : 8;
    if (r.word[0] % 997 == 0) return r.word[1] % 2 ? NAN : INFINITY;
    if (r.word[0] % 499 == 0) return 0;
    if (r.word[0] % 83 == 0 || t % 700 < 9) level *= 2 + r.word[1] % 7;
    return level * exp(0.2 * gauss(seed, t));
}

static void check_score(const SpikeScore *got, double value, double z, size_t t) {
    bool same = isnan(z) ? isnan(got->z) : fabs(got->z - z) <= 1e-9 * fmax(1, fabs(z));
    CHECK(same, "z %.17g, want %.17g at step %zu", got->z, z, t);
    CHECK(got->flagged == (z > 6), "flag at step %zu, z %g", t, z);
    CHECK(got->finite == isfinite(value), "finite at step %zu", t);
    if (isnan(z)) return;
    CHECK(got->value == value, "value at step %zu", t);
    CHECK_NEAR((got->value - got->center) / got->scale, got->z, 0);
}

static void check_tensors(const SpikeReport *report, const double *growth, size_t t) {
    for (size_t k = 0; k < SPIKE_TENSORS; k++) {
        size_t rank = 0, i = report->tensor[k];
        for (size_t j = 0; j < TENSORS; j++) {
            rank += growth[j] > growth[i] || (growth[j] == growth[i] && j < i);
        }
        bool same =
            report->growth[k] == growth[i] || fabs(report->growth[k] / growth[i] - 1) < 1e-12;
        CHECK(rank == k && same, "place %zu at step %zu: tensor %zu, %g", k, t, i,
              report->growth[k]);
    }
}

static void compare_with_plain(const SpikeOptions *options, uint32_t seed) {
    static double grad[STEPS], loss[STEPS], norms[STEPS][TENSORS];
    static Plain plain_grad, plain_loss;
    plain_grad.n = plain_grad.n_flagged = plain_loss.n = plain_loss.n_flagged = 0;
    SpikeDetector *detector = spike_create(options, TENSORS);
    for (size_t t = 0; t < STEPS; t++) {
        double norm = wild_value(seed, t), growth[TENSORS];
        loss[t] = 0.5 + wild_value(seed + 1, t); /* a loss of 0 has no relative scale */
        grad[t] = options->detector == DETECTOR_SIGMA ? norm : norm == 0 ? log(DBL_MIN) : log(norm);
        for (size_t i = 0; i < TENSORS; i++) {
            norms[t][i] = norm * exp(0.1 * gauss(seed + 2, t * TENSORS + i));
            growth[i] = plain_growth(&plain_grad, options->window, norms, t, i);
        }
        double grad_z = plain_z(&plain_grad, options, false, grad, t);
        double loss_z = plain_z(&plain_loss, options, true, loss, t);
        SpikeReport report = spike_observe(detector, loss[t], norm, norms[t]);
        check_score(&report.grad, grad[t], grad_z, t);
        check_score(&report.loss, loss[t], loss_z, t);
        int grad_bit = grad_z > 6 || !isfinite(norm), loss_bit = loss_z > 6 || !isfinite(loss[t]);
        CHECK(report.spike == grad_bit + 2 * loss_bit, "spike %d at step %zu", report.spike, t);
        if (report.spike && plain_grad.n) check_tensors(&report, growth, t);
        plain_take(&plain_grad, grad_z > 6, norm, t);
        plain_take(&plain_loss, loss_z > 6, loss[t], t);
    }
    spike_free(detector);
}

static void test_reference(void) {
    const size_t windows[] = {1, 7, 16, 31, 128, 300}, histories[] = {1, 2, 16, 24, 64, 1};
    for (int kind = DETECTOR_MAD; kind <= DETECTOR_SIGMA; kind++) {
        for (uint32_t k = 0; k < 6; k++) {
            SpikeOptions options = options_of(kind, windows[k], histories[k]);
            compare_with_plain(&options, 10 * k);
        }
    }
}

/* --- known answers --- */

/* Five spikes of factor 3 in noise of 10 %: both detectors and the spike score find exactly these. */
static void test_five_spikes(void) {
    SpikeOptions sigma_options = options_of(DETECTOR_SIGMA, 128, 64);
    SpikeOptions mad_options = options_of(DETECTOR_MAD, 128, 64);
    SpikeDetector *sigma = spike_create(&sigma_options, 0), *mad = spike_create(&mad_options, 0);
    Health *health = health_create(0, 256);
    for (size_t s = 1; s <= STEPS; s++) {
        bool rare = s > 1000 && s % 800 == 403; /* 1203, 2003, ... 4403 */
        double factor = rare ? 3 : 1;
        double normal = factor * (1 + 0.1 * gauss(1, s)),
               lognormal = factor * exp(0.1 * gauss(2, s));
        SpikeReport by_sigma = observe(sigma, normal, 1), by_mad = observe(mad, 1, lognormal);
        CHECK(by_sigma.spike == (rare ? SPIKE_LOSS : SPIKE_NONE), "sigma at %zu", s);
        CHECK(by_mad.spike == (rare ? SPIKE_GRAD : SPIKE_NONE), "mad at %zu", s);
        health_observe(health, s, normal, lognormal, &by_mad, true);
    }
    HealthSummary summary = health_summary(health);
    CHECK_NEAR(summary.loss_score, 0.1, 0);
    CHECK_NEAR(summary.grad_score, 0.1, 0);
    CHECK(summary.grad_spikes == 5 && summary.loss_spikes == 0, "%zu + %zu spikes",
          summary.grad_spikes, summary.loss_spikes);
    health_free(health);
    spike_free(sigma);
    spike_free(mad);
}

static SpikeDetector *detector_after(size_t steps, size_t n_tensors, const double *norms) {
    SpikeOptions options = options_of(DETECTOR_MAD, 128, 16);
    SpikeDetector *detector = spike_create(&options, n_tensors);
    for (size_t t = 0; t < steps; t++) {
        spike_observe(detector, 2 + 0.02 * gauss(4, t), exp(0.1 * gauss(5, t)), norms);
    }
    return detector;
}

static void test_level_shift(void) {
    SpikeDetector *detector = detector_after(200, 0, NULL);
    for (size_t t = 0; t < 15; t++) CHECK(observe(detector, 2, 50).grad.flagged, "flag %zu", t);
    CHECK(!observe(detector, 2, 1).grad.flagged, "an accepted value ends the streak");
    for (size_t t = 0; t < 17; t++) {
        SpikeReport report = observe(detector, 2, 50);
        CHECK(report.grad.flagged == (t < 16), "flag %zu", t);
        CHECK(!report.loss.flagged, "the loss has its own streak");
    }
    SpikeScore score = observe(detector, 2, 50).grad;
    CHECK(score.center == log(50) && score.scale == 0.05, "the window has only the new level");
    for (size_t t = 0; t < 16; t++) CHECK(observe(detector, 2, 5000).grad.flagged, "again %zu", t);
    CHECK(!observe(detector, 2, 5000).grad.flagged, "a second shift needs 16 of its own");
    spike_free(detector);
}

static void test_silence(void) {
    for (size_t history = 2; history <= 40; history++) {
        for (int kind = DETECTOR_MAD; kind <= DETECTOR_SIGMA; kind++) {
            SpikeOptions options = options_of(kind, 64, history);
            SpikeDetector *detector = spike_create(&options, 0);
            for (size_t t = 0; t < history; t++) {
                SpikeScore score = observe(detector, 1, 1 + 0.001 * (double)(t % 2)).grad;
                CHECK(isnan(score.z) && !score.flagged, "no score at value %zu", t);
            }
            CHECK(observe(detector, 1, 100).spike == SPIKE_GRAD, "a score after %zu", history);
            spike_free(detector);
        }
    }
}

static void test_nonfinite(void) {
    SpikeDetector *detector = detector_after(200, 0, NULL);
    SpikeReport before = observe(detector, 2, 1);
    for (size_t t = 0; t < 40; t++) {
        SpikeReport report = observe(detector, t % 2 ? NAN : -INFINITY, t % 2 ? INFINITY : NAN);
        CHECK(report.spike == SPIKE_BOTH && !report.finite, "both not finite");
        CHECK(!report.grad.finite && !report.grad.flagged && isnan(report.grad.z), "gradient");
        CHECK(!report.loss.finite && !report.loss.flagged && isnan(report.loss.z), "loss");
    }
    SpikeReport after = observe(detector, 2, 1);
    CHECK_NEAR(after.grad.center, before.grad.center, 0.02);
    after = observe(detector, 2, NAN);
    CHECK(after.spike == SPIKE_GRAD && !after.finite, "the gradient alone");
    after = observe(detector, INFINITY, 1);
    CHECK(after.spike == SPIKE_LOSS && !after.finite, "the loss alone");
    for (size_t t = 0; t < 16; t++) {
        CHECK(observe(detector, 2, 50).grad.flagged, "flag %zu", t);
        CHECK(isnan(observe(detector, 2, NAN).grad.z), "neither counts nor interrupts");
    }
    CHECK(!observe(detector, 2, 50).grad.flagged, "admitted after 16 finite ones");
    spike_free(detector);
}

/* Zeros, and windows of equal values. */
static void test_degenerate(void) {
    SpikeDetector *mad = detector_after(100, 0, NULL);
    SpikeScore zero = observe(mad, 2, 0).grad;
    CHECK(zero.finite && !zero.flagged && zero.value == log(DBL_MIN), "a gradient of zero");
    spike_free(mad);
    for (int kind = DETECTOR_MAD; kind <= DETECTOR_SIGMA; kind++) {
        SpikeOptions options = options_of(kind, 100, 16);
        SpikeDetector *flat = spike_create(&options, 0), *nil = spike_create(&options, 0);
        for (size_t t = 0; t < 300; t++) {
            CHECK(observe(flat, 100, 0.7).spike == SPIKE_NONE, "constant values");
            CHECK(observe(nil, 0, 0).loss.z == 0 || t < 16, "constant zeros");
        }
        CHECK(!observe(flat, 100 + 1e-12, 0.7).loss.flagged, "rounding");
        SpikeScore edge = observe(flat, 106, 0.7).loss; /* for mad z is 6: not above it */
        CHECK(edge.flagged == (kind == DETECTOR_SIGMA), "on the threshold, z %.17g", edge.z);
        SpikeReport report = observe(flat, 106.001, 1);
        CHECK(report.spike == SPIKE_BOTH, "6 and 40 %% above a constant");
        CHECK_NEAR(spike_clip_norm(flat, &report), 0.7, 1e-12);
        CHECK(observe(nil, 0.001, 0.001).spike == SPIKE_BOTH, "above zeros");
        spike_free(flat);
        spike_free(nil);
    }
}

static void test_growth(void) {
    enum { N = 5 };
    const double usual[N] = {1, 2, 4, 8, 0}, loud[N] = {3, 2, 40, 24, 0};
    SpikeDetector *detector = detector_after(150, N, usual);
    SpikeReport report = spike_observe(detector, 2, 1, usual);
    CHECK(report.spike == SPIKE_NONE && isnan(report.growth[0]), "no tensors on a normal step");
    report = spike_observe(detector, 2, 50, loud);
    CHECK(report.tensor[0] == 2 && report.tensor[1] == 0 && report.tensor[2] == 3, "order, ties");
    CHECK(report.growth[0] == 10 && report.growth[1] == 3 && report.growth[2] == 3, "values");
    CHECK(spike_observe(detector, 90, 1, usual).tensor[0] == 0, "tensors for a loss spike too");
    const double broken[N] = {100, NAN, 4, -INFINITY, 0};
    report = spike_observe(detector, NAN, NAN, broken);
    CHECK(report.tensor[0] == 1 && report.tensor[1] == 3 && report.tensor[2] == 0, "NAN is worst");
    CHECK(isinf(report.growth[0]) && isinf(report.growth[1]) && report.growth[2] == 100, "inf");

    for (size_t t = 0; t < 16; t++) spike_observe(detector, 2, 60, loud);
    report = spike_observe(detector, 2, 6000, (const double[N]){6, 2, 80, 12, 0});
    CHECK(report.tensor[0] == 0 && report.growth[0] == 2, "the means follow a level shift");
    CHECK(report.tensor[1] == 2 && report.growth[1] == 2 && report.growth[2] == 1, "of all");
    spike_free(detector);

    SpikeDetector *young = detector_after(0, N, NULL), *small = detector_after(30, 2, usual);
    report = spike_observe(young, NAN, NAN, broken);
    CHECK(report.tensor[1] == 3 && isnan(report.growth[2]), "no history: only non-finite tensors");
    report = spike_observe(small, 2, 50, loud);
    CHECK(report.growth[1] == 1 && isnan(report.growth[2]), "fewer tensors than entries");
    spike_free(young);
    spike_free(small);
}

static void test_burst(void) {
    SpikeDetector *detector = detector_after(200, 0, NULL);
    SpikeReport first = observe(detector, 90, 50);
    for (size_t t = 1; t < 15; t++) {
        SpikeReport report = observe(detector, 90, 50);
        CHECK(report.spike == SPIKE_BOTH, "value %zu of the burst", t);
        CHECK(report.grad.z == first.grad.z && report.loss.z == first.loss.z, "%zu", t);
    }
    spike_free(detector);
}

/* --- measured error rates --- */

/* Stationary noise with the default options. docs/spikes.md quotes the numbers printed here. */
static void test_false_alarms(void) {
    enum { SERIES = 1000, LENGTH = 600 };
    for (int kind = DETECTOR_MAD; kind <= DETECTOR_SIGMA; kind++) {
        size_t judged = 0, grad_alarms = 0, loss_alarms = 0, early = 0;
        for (uint32_t seed = 0; seed < SERIES; seed++) {
            SpikeOptions options = options_of(kind, 128, 16);
            SpikeDetector *detector = spike_create(&options, 0);
            for (size_t t = 0; t < LENGTH; t++) {
                double loss = 3 + 0.1 * gauss(9000 + seed, t);
                SpikeReport report = observe(detector, loss, exp(0.1 * gauss(2000 + seed, t)));
                judged += !isnan(report.grad.z);
                grad_alarms += report.grad.flagged;
                loss_alarms += report.loss.flagged;
                early += t < 32 ? report.grad.flagged + report.loss.flagged : 0;
            }
            spike_free(detector);
        }
        double rate = 1e4 / (double)judged;
        printf("    %s: false alarms per 10,000 steps: gradient %.3f, loss %.3f (%zu of %zu in the "
               "first 32 steps)\n",
               detector_name(kind), rate * (double)grad_alarms, rate * (double)loss_alarms, early,
               grad_alarms + loss_alarms);
        CHECK(rate * (double)grad_alarms <= 1 && rate * (double)loss_alarms <= 1, "too many");
    }
}

static void test_recall(void) {
    enum { SERIES = 1000, HISTORY = 64 };
    for (int kind = DETECTOR_MAD; kind <= DETECTOR_SIGMA; kind++) {
        for (uint32_t seed = 0; seed < SERIES; seed++) {
            SpikeOptions options = options_of(kind, 128, HISTORY);
            SpikeDetector *detector = spike_create(&options, 0);
            for (size_t t = 0; t < HISTORY; t++) {
                double noise = 0.1 * gauss(20000 + seed, t);
                observe(detector, 3 + noise, kind == DETECTOR_MAD ? exp(noise) : 3 + noise);
            }
            double high = kind == DETECTOR_MAD ? exp(1.2) : 4.2;
            CHECK(observe(detector, 4.2, high).spike == SPIKE_BOTH, "12 sigma missed, %u", seed);
            spike_free(detector);
        }
    }
}

static void test_cost(void) {
    enum { N = 200, COUNT = 20000 };
    double norms[N];
    for (size_t i = 0; i < N; i++) norms[i] = 1;
    SpikeDetector *detector = detector_after(128, N, norms);
    double start = clock_seconds();
    for (size_t t = 0; t < COUNT; t++)
        spike_observe(detector, 2, 1 + 0.01 * (double)(t % 13), norms);
    double microseconds = 1e6 * (clock_seconds() - start) / COUNT;
    printf("    %.2f us per normal step, window 128, %d tensors\n", microseconds, N);
    CHECK(microseconds < 300, "%.0f us, ten times the budget", microseconds);
    spike_free(detector);
}

static const Test tests[] = {
    {"spike: z, flags and tensors equal a plain reference", test_reference},
    {"spike: five spikes in 5000 values, score 0.1 %", test_five_spikes},
    {"spike: a level shift is accepted after 16 flags", test_level_shift},
    {"spike: no score before min_history", test_silence},
    {"spike: non-finite values", test_nonfinite},
    {"spike: zeros and constant windows", test_degenerate},
    {"spike: tensors with the largest growth", test_growth},
    {"spike: a burst does not change the window", test_burst},
    {"spike: false alarms on stationary noise", test_false_alarms},
    {"spike: recall at 12 sigma", test_recall},
    {"spike: cost of a normal step", test_cost},
};
TEST_MAIN(tests)

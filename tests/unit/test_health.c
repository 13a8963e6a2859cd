/* test_health.c - the state of a whole run: divergence, the spike score of OLMo 2, the decision to
 * stop, the losses of the summary. */
#include "run/optim/health.h"
#include "tests/lib/test.h"

static const SpikeReport nothing = {.finite = true};

static void feed(Health *health, size_t *step, size_t count, double loss) {
    for (size_t i = 0; i < count; i++) {
        health_observe(health, ++*step, loss, 1, &nothing, true);
    }
}

/* The step at which a run of three constant losses diverges; 0 = never. */
static size_t diverged_at(size_t warmup, size_t n1, double loss1, size_t n2, double loss2,
                          size_t n3, double loss3) {
    Health *health = health_create(warmup, 256);
    size_t step = 0;
    feed(health, &step, n1, loss1);
    feed(health, &step, n2, loss2);
    feed(health, &step, n3, loss3);
    HealthSummary summary = health_summary(health);
    CHECK(summary.diverged == (summary.diverged_step > 0), "flag and step agree");
    health_free(health);
    return summary.diverged_step;
}

static void test_divergence(void) {
    /* ln 256 + 1 = 6.545; a mean of 2 passes 1.5 times itself when more than 33 of 100 are 5 */
    CHECK(diverged_at(0, 100, 2, 33, 5, 100, 2) == 0, "33 of 100");
    CHECK(diverged_at(0, 100, 2, 34, 5, 100, 2) == 134, "34 of 100, and it remains diverged");
    CHECK(diverged_at(0, 99, 7, 0, 0, 0, 0) == 0, "no mean before step 100");
    CHECK(diverged_at(0, 100, 6.55, 0, 0, 0, 0) == 100, "above ln V + 1");
    CHECK(diverged_at(0, 300, 6.54, 0, 0, 0, 0) == 0, "below ln V + 1");
    CHECK(diverged_at(100, 300, 7, 0, 0, 0, 0) == 101, "not within the warm-up");
    CHECK(diverged_at(250, 100, 1, 400, 2, 0, 0) == 0, "no best mean within the warm-up");
    CHECK(diverged_at(99, 100, 1, 400, 2, 0, 0) == 151, "a best mean right after it");
    CHECK(diverged_at(1000, 5, 3, 1, NAN, 300, 3) == 6, "not finite, within the warm-up too");
    CHECK(diverged_at(0, 300, 3, 1, INFINITY, 0, 0) == 301, "not finite");
}

/* 1000 values of mean 0 and sum of squares 1000: 7 standard deviations are 7.0035 unbiased, and 7
 * biased. */
static HealthSummary score_of(size_t before, double a, double b) {
    Health *health = health_create(SIZE_MAX, 256);
    size_t step = 0;
    for (size_t i = 0; i < before; i++) feed(health, &step, 1, i % 2 ? 1 : -1);
    feed(health, &step, 1, a);
    feed(health, &step, 1, b);
    HealthSummary summary = health_summary(health);
    health_free(health);
    return summary;
}

static void test_spike_score(void) {
    CHECK_NEAR(score_of(1000, 7.002, 0).loss_score, 0, 0);
    CHECK_NEAR(score_of(1000, 7.004, 0).loss_score, 100.0 / 1002, 1e-15);
    CHECK_NEAR(score_of(1000, -7.004, 0).loss_score, 0, 0);
    CHECK_NEAR(score_of(1000, 7.004, 7.004).loss_score, 100.0 / 1002, 1e-15);
    CHECK_NEAR(score_of(1000, NAN, 7.004).loss_score, 100.0 / 1002, 1e-15);
    CHECK_NEAR(score_of(3000, 7.004, 0).loss_score, 100.0 / 3002, 1e-15);
    CHECK_NEAR(score_of(1000, 0, 0).grad_score, 0, 0);
    CHECK(isnan(score_of(998, 7.004, 7.004).loss_score), "empty at 1000 steps");
    CHECK_NEAR(score_of(999, 0, 50).loss_score, 100.0 / 1001, 1e-15);
    CHECK(isnan(score_of(999, 0, NAN).loss_score), "empty at 1000 finite values");
}

/* For equal values the standard deviation is taken as 1e-12 of their mean: here 1. Exactly 7
 * standard deviations count as an outlier. */
static void test_exactly_seven(void) {
    for (int above = -1; above <= 1; above++) {
        Health *health = health_create(SIZE_MAX, 256);
        size_t step = 0;
        feed(health, &step, 1000, 1e12);
        feed(health, &step, 1, 1e12 + 7 + 0.125 * above);
        CHECK_NEAR(health_summary(health).loss_score, above < 0 ? 0 : 100.0 / 1001, 1e-15);
        health_free(health);
    }
}

static void test_stop_rule(void) {
    const SpikeReport broken = {.spike = SPIKE_BOTH}, spike = {.finite = true, .spike = SPIKE_GRAD};
    const char *names[] = {"log", "clip", "skip", "stop"};
    for (SpikeAction action = ACTION_LOG; action <= ACTION_STOP; action++) {
        Health *health = health_create(0, 256);
        size_t step = 0;
        CHECK(!strcmp(spike_action_name((int)action), names[action]), "name %d", (int)action);
        CHECK(!health_must_stop(health, action), "nothing happened");
        feed(health, &step, 50, 2);
        health_observe(health, ++step, 2, 9, &spike, action != ACTION_SKIP);
        CHECK(health_must_stop(health, action) == (action == ACTION_STOP), "after a spike");
        feed(health, &step, 1, 2);
        CHECK(!health_must_stop(health, action), "the spike is over");
        for (size_t i = 1; i <= 9; i++) {
            health_observe(health, ++step, 2, NAN, &broken, false);
            CHECK(health_must_stop(health, action) == (action != ACTION_SKIP), "%zu in a row", i);
        }
        feed(health, &step, 1, 2);
        CHECK(!health_must_stop(health, action), "a finite step resets the count");
        for (size_t i = 1; i <= 10; i++) health_observe(health, ++step, 2, NAN, &broken, false);
        CHECK(health_must_stop(health, action), "10 in a row");
        HealthSummary summary = health_summary(health);
        CHECK(summary.nonfinite_steps == 19 && summary.nonfinite_in_row == 10, "non-finite");
        CHECK(summary.skipped_steps == 19 + (action == ACTION_SKIP), "skipped");
        CHECK(summary.grad_spikes == 20 && summary.loss_spikes == 19, "spikes");
        CHECK(summary.steps == step && !summary.diverged, "the losses were finite");
        feed(health, &step, 150, 7);
        CHECK(health_must_stop(health, action) == (action == ACTION_STOP), "after divergence");
        health_free(health);
    }
}

static void test_losses(void) {
    Health *health = health_create(0, 256);
    size_t step = 0;
    HealthSummary summary = health_summary(health);
    CHECK(isnan(summary.val_loss) && isnan(summary.best_val_loss), "none yet");
    const double losses[] = {5.5, 3, 2.5, NAN, 2.75};
    for (size_t i = 0; i < 5; i++) {
        health_validation(health, 100 * i, losses[i]);
        feed(health, &step, 1, losses[i]);
    }
    summary = health_summary(health);
    CHECK(summary.val_loss == 2.75 && summary.best_val_loss == 2.5, "last and best");
    CHECK(summary.best_val_step == 200 && summary.train_loss == 2.75, "where, and training");
    health_free(health);
}

/* --- stuck --- */

enum { WARMUP = 100, EVERY = 50 };
static const double UNIGRAM = 3, AT = 2.94, BELOW = 2.9399; /* AT: 0.98 of it */

/* Whether a run with these validation losses, the first after EVERY steps, is stuck. */
static bool stuck_after(double unigram, const double *losses, size_t n) {
    Health *health = health_create(WARMUP, 256);
    size_t step = 0;
    health_expect(health, unigram);
    for (size_t i = 0; i < n; i++) {
        feed(health, &step, EVERY, 3);
        health_validation(health, step, losses[i]);
    }
    HealthSummary summary = health_summary(health);
    health_free(health);
    return health_is_stuck(&summary);
}
#define STUCK_AFTER(unigram, ...)                                                                  \
    stuck_after(unigram, (const double[]){__VA_ARGS__},                                            \
                sizeof((const double[]){__VA_ARGS__}) / sizeof(double))

/* Steps 50 and 100 are in the warm-up. */
static void test_stuck_losses(void) {
    CHECK(!STUCK_AFTER(UNIGRAM, 5, 5, 5, 5), "two after the warm-up");
    CHECK(STUCK_AFTER(UNIGRAM, 5, 5, 5, 5, 5), "three after the warm-up");
    CHECK(STUCK_AFTER(UNIGRAM, 1, 1, AT, AT, AT), "exactly 0.98");
    CHECK(!STUCK_AFTER(UNIGRAM, 5, 5, AT, AT, BELOW), "learned at the end");
    CHECK(!STUCK_AFTER(UNIGRAM, 5, 5, AT, AT, AT, AT, BELOW, AT, AT), "recovered in between");
    CHECK(STUCK_AFTER(UNIGRAM, 1, 1, 1, 1, AT, AT, AT), "fell back");
    CHECK(!STUCK_AFTER(UNIGRAM, 5, 5, 5, NAN, 5, 5), "a value that is not finite");
    CHECK(!STUCK_AFTER((double)NAN, 5, 5, 5, 5, 5, 5), "no unigram entropy: builtin:random");
    Health *health = health_create(0, 256);
    for (size_t step = 1; step <= 9; step++) health_validation(health, step, 5);
    HealthSummary summary = health_summary(health);
    CHECK(!health_is_stuck(&summary), "nothing to compare with");
    health_free(health);
}

/* Whether a run with these ratios of gradients, one every EVERY steps, is stuck. */
static bool stuck_by(const double *ratios, size_t n) {
    Health *health = health_create(WARMUP, 256);
    size_t step = 0;
    for (size_t i = 0; i < n; i++) {
        feed(health, &step, EVERY, 3);
        health_gradients(health, step, 2 * ratios[i], 2);
    }
    HealthSummary summary = health_summary(health);
    health_free(health);
    return health_is_stuck(&summary);
}
#define STUCK_BY(...)                                                                              \
    stuck_by((const double[]){__VA_ARGS__}, sizeof((const double[]){__VA_ARGS__}) / sizeof(double))

static void test_stuck_gradients(void) {
    CHECK(!STUCK_BY(0, 0, 0, 0), "two after the warm-up");
    CHECK(STUCK_BY(0, 0, 0, 0, 0), "three after the warm-up");
    CHECK(STUCK_BY(1, 1, 9e-7, 9e-7, 9e-7), "below 1e-6");
    CHECK(!STUCK_BY(1, 1, 1.1e-6, 1.1e-6, 1.1e-6), "above 1e-6");
    CHECK(!STUCK_BY(0, 0, 0, 0, 0, 1e-3), "recovered");
    CHECK(!STUCK_BY(0, 0, 0, NAN, 0, 0), "a gradient that is not finite");
}

static const Test tests[] = {
    {"health: divergence", test_divergence},
    {"health: spike score of OLMo 2", test_spike_score},
    {"health: exactly seven standard deviations are an outlier", test_exactly_seven},
    {"health: decision to stop, and counters", test_stop_rule},
    {"health: losses", test_losses},
    {"health: stuck at the unigram entropy", test_stuck_losses},
    {"health: stuck by vanishing gradients", test_stuck_gradients},
};
TEST_MAIN(tests)

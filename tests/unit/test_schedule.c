/* test_schedule.c - every schedule against its closed form, with exact end points. */
#include "run/optim/schedule.h"
#include "tests/lib/test.h"

enum { STEPS = 10000, WARMUP = 500 };
#define LR 1e-3
#define RATIO 0.1

static OptimOptions options_of(Schedule schedule, size_t warmup, double decay_fraction) {
    return (OptimOptions){
        .lr = LR,
        .min_lr_ratio = RATIO,
        .schedule = schedule,
        .warmup_steps = warmup,
        .decay_fraction = decay_fraction,
    };
}

/* The formulas of docs/schedules.md, independently implemented, in units of lr. */
static double closed_form(Schedule schedule, double s, double w, double n, double fraction) {
    if (s <= w) return s / w;
    double p = (s - w) / (n - w), d = fmax(w, n - floor(fraction * n));
    switch (schedule) {
    case SCHEDULE_COSINE:
        return RATIO + (1 - RATIO) * (1 + cos(acos(-1.0) * p)) / 2;
    case SCHEDULE_LINEAR:
        return 1 + (RATIO - 1) * p;
    case SCHEDULE_WSD:
        return s <= d ? 1 : RATIO + (1 - RATIO) * (1 - sqrt((s - d) / (n - d)));
    default:
        return 1;
    }
}

static void test_closed_forms(void) {
    const double fractions[] = {0, 0.2, 0.5, 1};
    const size_t warmups[] = {0, 1, WARMUP, STEPS - 1};
    for (int schedule = 0; schedule <= SCHEDULE_CONSTANT; schedule++) {
        for (size_t k = 0; k < 16; k++) {
            double fraction = fractions[k % 4];
            size_t warmup = warmups[k / 4];
            OptimOptions options = options_of(schedule, warmup, fraction);
            double before = INFINITY;
            for (size_t s = 1; s <= STEPS; s++) {
                double lr = schedule_lr(&options, s, STEPS);
                double want = closed_form(schedule, (double)s, (double)warmup, STEPS, fraction);
                CHECK_NEAR(lr / LR, want, 1e-12);
                CHECK(lr >= LR * RATIO || s < warmup, "%s: below min at %zu",
                      schedule_name(schedule), s);
                CHECK(s <= warmup || lr <= before, "%s rises at %zu", schedule_name(schedule), s);
                CHECK(s > warmup || s == 1 || lr > before, "warm-up falls at %zu", s);
                before = lr;
            }
        }
    }
}

/* Rates and lengths whose products and quotients are rounded, such as 0.3 * 0.7 or 49 * (1 / 49). */
static void test_end_points(void) {
    const double rates[] = {1e-3, 0.3, 6e-4, 1.0 / 3.0, 0.7e-5};
    const double ratios[] = {0, 0.1, 0.7, 1.0 / 3.0, 1};
    for (int schedule = 0; schedule <= SCHEDULE_CONSTANT; schedule++) {
        for (size_t k = 0; k < 25; k++) {
            OptimOptions options = options_of(schedule, 49, 0.2);
            options.lr = rates[k % 5];
            options.min_lr_ratio = ratios[k / 5];
            double last =
                schedule == SCHEDULE_CONSTANT ? options.lr : options.lr * options.min_lr_ratio;
            for (size_t steps = 50; steps < 1000; steps += 41) {
                CHECK(schedule_lr(&options, 49, steps) == options.lr, "lr(W), %zu steps", steps);
                CHECK(schedule_lr(&options, steps, steps) == last, "lr(steps), %zu steps", steps);
                CHECK(schedule_lr(&options, steps + 9, steps) == last, "past %zu steps", steps);
            }
        }
    }
}

static void test_warmup_longer_than_run(void) {
    for (int schedule = 0; schedule <= SCHEDULE_CONSTANT; schedule++) {
        OptimOptions options = options_of(schedule, 200, 1);
        for (size_t s = 1; s <= 100; s++) {
            CHECK_NEAR(schedule_lr(&options, s, 100) / LR, (double)s / 200, 1e-15);
        }
        CHECK(schedule_lr(&options, 200, 200) == LR, "a run that ends with its warm-up");
    }
}

static void test_wsd_fractions(void) {
    OptimOptions never = options_of(SCHEDULE_WSD, WARMUP, 0);
    OptimOptions whole = options_of(SCHEDULE_WSD, WARMUP, 1);
    OptimOptions fifth = options_of(SCHEDULE_WSD, WARMUP, 0.2);
    CHECK(schedule_lr(&never, STEPS, STEPS) == LR, "fraction 0 never decays");
    CHECK(schedule_lr(&whole, WARMUP, STEPS) == LR, "fraction 1 decays from the warm-up on");
    CHECK(schedule_lr(&whole, WARMUP + 1, STEPS) < LR, "fraction 1 decays from the warm-up on");
    CHECK(schedule_lr(&whole, STEPS, STEPS) == LR * RATIO, "fraction 1 ends at the minimum");
    CHECK(schedule_lr(&fifth, 8000, STEPS) == LR, "the last step at the full rate");
    CHECK(schedule_lr(&fifth, 8001, STEPS) < LR, "the first step of the decay");
}

static void test_gamma(void) {
    GammaWarmup off = {.steps = 0, .from = 0.1, .to = 0.5};
    for (size_t t = 0; t < 5; t++) CHECK(schedule_gamma(&off, t) == 1, "off at t = %zu", t);

    const double starts[] = {0.1, 0.7, 0, 0.1}, ends[] = {1, 0.1, 1.0 / 3.0, 0};
    for (size_t k = 0; k < 4; k++) { /* 0.7 + (0.1 - 0.7) is not 0.1 */
        for (size_t steps = 1; steps < 200; steps++) {
            GammaWarmup warmup = {.steps = steps, .from = starts[k], .to = ends[k]};
            CHECK(schedule_gamma(&warmup, 0) == starts[k], "step 1 has `from`");
            CHECK(schedule_gamma(&warmup, steps) == ends[k], "t = steps is exact");
            CHECK(schedule_gamma(&warmup, steps + 1000) == ends[k], "it stays exact");
            CHECK(steps == 1 || schedule_gamma(&warmup, steps - 1) != ends[k], "not before");
        }
    }

    GammaWarmup article = {.steps = 5000, .from = 0.1, .to = 1};
    for (size_t t = 0; t < 6000; t++) {
        CHECK_NEAR(schedule_gamma(&article, t), 0.1 + 0.9 * fmin(1, (double)t / 5000), 1e-15);
    }
}

/* The formula of docs/schedules.md, independently implemented. */
static void test_branch(void) {
    const size_t lengths[] = {1, 3, 49, 1000};
    const double starts[] = {0, 0.1, 1.0 / 3.0, 1};
    for (size_t i = 0; i < 5 * 2 * 16; i++) {
        size_t block = 3 * (i % 5), order = i / 5 % 2, steps = lengths[i / 10 % 4];
        BranchWarmup warmup = {.steps = steps, .from = starts[i / 40], .order = (int)order};
        size_t ends = order ? steps : steps * (block + 1);
        double before = -1;
        for (size_t t = 0; t < ends + 5; t++) {
            BranchRamp ramp = schedule_branch(&warmup, t);
            double a = branch_factor(&ramp, block), progress = fmin(1, (double)t / (double)ends);
            CHECK_NEAR(a, warmup.from + (1 - warmup.from) * progress, 1e-15);
            CHECK(t > 0 || a == warmup.from, "step 1 has `from`");
            CHECK((a == 1) == (t >= ends || warmup.from == 1), "block %zu, t %zu: %.17g", block, t,
                  a);
            CHECK(a > before || a == 1, "block %zu falls at %zu", block, t);
            before = a;
        }
        BranchRamp late = schedule_branch(&warmup, 1000000000);
        CHECK(branch_factor(&late, block) == 1, "it stays exact");
    }
    BranchWarmup off = {.steps = 0, .from = 0.3, .order = BRANCH_EQUAL};
    BranchRamp none = schedule_branch(&off, 0), prores = {0};
    CHECK(branch_factor(&none, 0) == 1 && branch_factor(&none, 7) == 1, "off");
    CHECK(branch_factor(&prores, 3) == 1, "a pass without branch-warmup");
    prores = schedule_branch(&(BranchWarmup){.steps = 1000}, 600); /* clip(t/(T*l),0,1) */
    CHECK_NEAR(branch_factor(&prores, 0), 0.6, 1e-15);
    CHECK_NEAR(branch_factor(&prores, 1), 0.3, 1e-15);
    CHECK_NEAR(branch_factor(&prores, 11), 0.05, 1e-15);
}

static void test_names(void) {
    const char *const names[] = {"cosine", "wsd", "linear", "constant"};
    for (int i = 0; i < 4; i++) CHECK(!strcmp(schedule_name(i), names[i]), "name %d", i);
    CHECK(!schedule_name(4) && !schedule_name(-1), "NULL outside the list");
}

static const Test tests[] = {
    {"schedule: closed forms and monotonicity over 10,000 steps", test_closed_forms},
    {"schedule: end points exact", test_end_points},
    {"schedule: warm-up longer than the run", test_warmup_longer_than_run},
    {"schedule: wsd with fractions 0, 0.2, 1", test_wsd_fractions},
    {"schedule: gamma-warmup", test_gamma},
    {"schedule: branch-warmup", test_branch},
    {"schedule: names", test_names},
};
TEST_MAIN(tests)

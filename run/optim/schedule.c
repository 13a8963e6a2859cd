/* schedule.c - see schedule.h. */
#include "run/optim/schedule.h"

#include "base/words.h"

#include <math.h>

const char *optimizer_name(int i) {
    static const char *const names[] = {[OPTIMIZER_ADAMW] = "adamw", [OPTIMIZER_MUON] = "muon"};
    return NAME_AT(names, i);
}

const char *muon_scale_name(int i) {
    static const char *const names[] = {[MUON_JORDAN] = "jordan", [MUON_MOONSHOT] = "moonshot"};
    return NAME_AT(names, i);
}

const char *schedule_name(int i) {
    static const char *const names[] = {
        [SCHEDULE_COSINE] = "cosine",
        [SCHEDULE_WSD] = "wsd",
        [SCHEDULE_LINEAR] = "linear",
        [SCHEDULE_CONSTANT] = "constant",
    };
    return NAME_AT(names, i);
}

/* The last step with the peak learning rate. */
static size_t decay_start(const OptimOptions *options, size_t steps) {
    size_t warmup = options->warmup_steps;
    if (options->schedule == SCHEDULE_CONSTANT) return SIZE_MAX;
    if (options->schedule != SCHEDULE_WSD) return warmup;
    size_t start = steps - (size_t)floor(options->decay_fraction * (double)steps);
    return start > warmup ? start : warmup;
}

/* The remaining fraction of lr - min at progress `p` (0..1) of the decay. */
static double decay_shape(int schedule, double p) {
    switch (schedule) {
    case SCHEDULE_COSINE:
        return 0.5 * (1 + cos(M_PI * p));
    case SCHEDULE_WSD:
        return 1 - sqrt(p);
    default:
        return 1 - p;
    }
}

static double rate_of(const OptimOptions *options, double lr, size_t step, size_t steps) {
    double min = lr * options->min_lr_ratio;
    size_t warmup = options->warmup_steps, start = decay_start(options, steps);
    if (step < warmup) return lr * (double)step / (double)warmup;
    /* The end points are returned, not computed, so that they are exact. */
    if (step <= start) return lr;
    if (step >= steps) return min;
    double p = (double)(step - start) / (double)(steps - start);
    return min + (lr - min) * decay_shape(options->schedule, p);
}

double schedule_lr(const OptimOptions *options, size_t step, size_t steps) {
    return rate_of(options, options->lr, step, steps);
}

double schedule_lr_factor(const OptimOptions *options, int norm) {
    return norm_is_rms(norm_kind(norm)) ? options->rmsnorm_lr_scale : 1;
}

/* Jordan's updates have a spectral norm of about 1 and his own rate; those of Moonshot have the RMS of
 * AdamW's, and its rate. */
double schedule_muon_peak(const OptimOptions *options) {
    static const double JORDAN_LR = 0.02;
    if (options->muon_lr > 0) return options->muon_lr;
    return options->muon_scale == MUON_MOONSHOT ? options->lr : JORDAN_LR;
}

double schedule_muon_lr(const OptimOptions *options, size_t step, size_t steps) {
    return rate_of(options, schedule_muon_peak(options), step, steps);
}

double schedule_gamma(const GammaWarmup *warmup, size_t t) {
    if (warmup->steps == 0) return 1;
    if (t >= warmup->steps) return warmup->to;
    return warmup->from + (warmup->to - warmup->from) * ((double)t / (double)warmup->steps);
}

BranchRamp schedule_branch(const BranchWarmup *warmup, size_t t) {
    if (warmup->steps == 0) return (BranchRamp){0};
    return (BranchRamp){.on = true,
                        .from = warmup->from,
                        .progress = (double)t / (double)warmup->steps,
                        .order = warmup->order};
}

/* spike.c - see spike.h. A window is stored twice, in order of arrival and sorted, so that median
 * and MAD cost one pass over the window and no sorting. There are no running sums, so rounding
 * errors do not accumulate. */
#include "run/optim/spike.h"

#include "base/words.h"

#include <float.h>
#include <math.h>
#include <string.h>

enum { ADMIT_AFTER = 16 }; /* flagged values in a row that are accepted as a new level */

static const double MAD_TO_SIGMA = 1.4826; /* for normally distributed values */
static const double GRAD_FLOOR = 0.05;     /* minimum scale of ln(grad_norm): 5 % of noise */
static const double LOSS_FLOOR = 0.01;     /* minimum scale of the loss, relative to its median */
static const double MEAN_ROUNDING = 1e-12; /* relative to the mean: above its rounding error */

/* The accepted values of the loss or of the gradient norm, and the flagged values that may replace
 * them. For the gradient, the norms of all tensors are stored with each value; for the loss,
 * tensors = 0. */
typedef struct {
    size_t window, tensors;
    double floor, floor_relative; /* minimum scale; the second one is multiplied by |center| */
    size_t count, next;           /* number of values, slot of the next one */
    double *values;               /* (window) by slot */
    double *sorted;               /* (window) the same, ascending */
    double *norms;                /* (window, tensors) by slot */
    size_t streak;                /* flagged values in a row so far */
    double *streak_values;        /* (ADMIT_AFTER) */
    double *streak_norms;         /* (ADMIT_AFTER, tensors) */
} Series;

struct SpikeDetector {
    SpikeOptions options;
    Series grad, loss;
    Arena arena;
};

const char *detector_name(int i) {
    static const char *const names[] = {[DETECTOR_MAD] = "mad", [DETECTOR_SIGMA] = "sigma"};
    return NAME_AT(names, i);
}

const char *spike_action_name(int i) {
    static const char *const names[] = {
        [ACTION_LOG] = "log",
        [ACTION_CLIP] = "clip",
        [ACTION_SKIP] = "skip",
        [ACTION_STOP] = "stop",
    };
    return NAME_AT(names, i);
}

/* --- windows --- */

static void series_plan(Series *series, Arena *arena) {
    series->values = arena_take(arena, series->window, sizeof(double));
    series->sorted = arena_take(arena, series->window, sizeof(double));
    series->norms = arena_take(arena, size_mul(series->window, series->tensors), sizeof(double));
    series->streak_values = arena_take(arena, ADMIT_AFTER, sizeof(double));
    series->streak_norms =
        arena_take(arena, size_mul(ADMIT_AFTER, series->tensors), sizeof(double));
}

/* Both windows. Called twice: to measure the memory, and to assign it. */
static void detector_plan(SpikeDetector *detector) {
    series_plan(&detector->grad, &detector->arena);
    series_plan(&detector->loss, &detector->arena);
}

static SpikeDetector detector_of(const SpikeOptions *options, size_t n_tensors) {
    SpikeDetector detector = {.options = *options};
    /* DBL_MIN: if the whole window is zero, a value of zero has z = 0 and not 0/0. */
    detector.grad = (Series){.tensors = n_tensors, .floor = GRAD_FLOOR};
    detector.loss = (Series){.floor = DBL_MIN, .floor_relative = LOSS_FLOOR};
    detector.grad.window = detector.loss.window = options->window;
    detector_plan(&detector);
    return detector;
}

double spike_bytes(const SpikeOptions *options, size_t n_tensors) {
    return detector_of(options, n_tensors).arena.needed;
}

SpikeDetector *spike_create(const SpikeOptions *options, size_t n_tensors) {
    if (options->window < 1) die(EXIT_INTERNAL, "spike_create: the window must be at least 1");
    SpikeDetector *detector = mem_alloc(sizeof(*detector));
    *detector = detector_of(options, n_tensors);
    arena_bind(&detector->arena);
    detector_plan(detector);
    return detector;
}

void spike_free(SpikeDetector *detector) {
    if (!detector) return;
    arena_free(&detector->arena);
    mem_free(detector);
}

/* The index of the first element of x (n, ascending) that is not below `value`. */
static size_t sorted_find(const double *x, size_t n, double value) {
    size_t low = 0;
    while (low < n) {
        size_t middle = low + (n - low) / 2;
        if (x[middle] < value)
            low = middle + 1;
        else
            n = middle;
    }
    return low;
}

static void series_push(Series *series, double value, const double *norms) {
    double *sorted = series->sorted;
    size_t slot = series->next;
    if (series->count == series->window) {
        size_t oldest = sorted_find(sorted, series->count, series->values[slot]);
        series->count--;
        memmove(sorted + oldest, sorted + oldest + 1, (series->count - oldest) * sizeof(*sorted));
    }
    size_t place = sorted_find(sorted, series->count, value);
    memmove(sorted + place + 1, sorted + place, (series->count - place) * sizeof(*sorted));
    sorted[place] = value;
    series->count++;
    series->values[slot] = value;
    for (size_t i = 0; i < series->tensors; i++) {
        series->norms[slot * series->tensors + i] = norms[i];
    }
    series->next = (slot + 1) % series->window;
}

/* Accepts a value, or stores a flagged one until ADMIT_AFTER in a row are accepted as a new level.
 * Values that are not finite neither count nor interrupt a streak. */
static void series_accept(Series *series, const SpikeScore *score, const double *norms) {
    if (!score->finite) return;
    if (!score->flagged) {
        series->streak = 0;
        series_push(series, score->value, norms);
        return;
    }
    size_t tensors = series->tensors, k = series->streak++;
    series->streak_values[k] = score->value;
    for (size_t i = 0; i < tensors; i++) series->streak_norms[k * tensors + i] = norms[i];
    if (series->streak < ADMIT_AFTER) return;
    series->count = series->next = series->streak = 0;
    for (k = 0; k < ADMIT_AFTER; k++) {
        series_push(series, series->streak_values[k], series->streak_norms + k * tensors);
    }
}

/* --- statistics --- */

static double sorted_median(const double *x, size_t n) {
    return n % 2 ? x[n / 2] : 0.5 * (x[n / 2 - 1] + x[n / 2]);
}

/* Median of |x - median|. Walks from the middle outwards, always to the nearer side, which visits
 * the absolute deviations in ascending order. */
static double sorted_mad(const double *x, size_t n, double median) {
    size_t left = n / 2, right = n / 2; /* x[left..right) has been visited */
    double previous = 0, last = 0;
    for (size_t i = 0; i <= n / 2; i++) {
        bool go_left = left > 0 && (right == n || median - x[left - 1] < x[right] - median);
        previous = last;
        last = go_left ? median - x[--left] : x[right++] - median;
    }
    return n % 2 ? last : 0.5 * (previous + last);
}

void spike_mean_scale(const double *x, size_t n, double *mean, double *scale) {
    double sum = 0, squares = 0;
    for (size_t i = 0; i < n; i++) sum += x[i];
    *mean = sum / (double)n;
    for (size_t i = 0; i < n; i++) squares += (x[i] - *mean) * (x[i] - *mean);
    *scale = fmax(sqrt(squares / (double)(n - 1)), fmax(MEAN_ROUNDING * fabs(*mean), DBL_MIN));
}

static SpikeScore series_score(const Series *series, const SpikeOptions *options, double value) {
    SpikeScore score = {
        .value = value, .z = NAN, .center = NAN, .scale = NAN, .finite = isfinite(value)};
    size_t least = options->detector == DETECTOR_SIGMA ? 2 : 1;
    if (least < options->min_history) least = options->min_history;
    if (!score.finite || series->count < least) return score;
    if (options->detector == DETECTOR_SIGMA) {
        spike_mean_scale(series->values, series->count, &score.center, &score.scale);
    } else {
        score.center = sorted_median(series->sorted, series->count);
        double mad = sorted_mad(series->sorted, series->count, score.center);
        double floor = fmax(series->floor, series->floor_relative * fabs(score.center));
        score.scale = fmax(MAD_TO_SIGMA * mad, floor);
    }
    score.z = (value - score.center) / score.scale;
    score.flagged = score.z > options->threshold;
    return score;
}

/* --- tensors --- */

/* NAN (0/0) without any accepted step, and for a gradient that has always been zero. */
static double tensor_growth(const Series *grad, size_t tensor, double norm) {
    if (!isfinite(norm)) return INFINITY;
    double sum = 0;
    for (size_t k = 0; k < grad->count; k++) sum += grad->norms[k * grad->tensors + tensor];
    return norm * (double)grad->count / sum;
}

static void report_tensors(SpikeReport *report, const Series *grad, const double *norms) {
    for (size_t i = 0; i < grad->tensors; i++) {
        double growth = tensor_growth(grad, i, norms[i]);
        size_t place = SPIKE_TENSORS;
        if (isnan(growth)) continue;
        /* Unused entries are NAN, hence the negation. */
        while (place > 0 && !(report->growth[place - 1] >= growth)) place--;
        if (place == SPIKE_TENSORS) continue;
        for (size_t k = SPIKE_TENSORS - 1; k > place; k--) {
            report->growth[k] = report->growth[k - 1];
            report->tensor[k] = report->tensor[k - 1];
        }
        report->growth[place] = growth;
        report->tensor[place] = i;
    }
}

/* --- one step --- */

/* ln(0) would put -inf into the window, so a zero gradient counts as the smallest normal number. */
static double grad_coordinate(const SpikeOptions *options, double grad_norm) {
    if (options->detector == DETECTOR_SIGMA) return grad_norm;
    return log(grad_norm < DBL_MIN ? DBL_MIN : grad_norm);
}

SpikeReport spike_observe(SpikeDetector *detector, double loss, double grad_norm,
                          const double *tensor_norms) {
    const SpikeOptions *options = &detector->options;
    SpikeReport report = {
        .grad = series_score(&detector->grad, options, grad_coordinate(options, grad_norm)),
        .loss = series_score(&detector->loss, options, loss),
        .growth = {NAN, NAN, NAN},
    };
    report.finite = report.grad.finite && report.loss.finite;
    if (report.grad.flagged || !report.grad.finite) report.spike |= SPIKE_GRAD;
    if (report.loss.flagged || !report.loss.finite) report.spike |= SPIKE_LOSS;
    if (report.spike) report_tensors(&report, &detector->grad, tensor_norms);
    series_accept(&detector->grad, &report.grad, tensor_norms);
    series_accept(&detector->loss, &report.loss, NULL);
    return report;
}

/* --- checkpoints --- */

static void series_tensors(Series *series, const char *prefix, Tensor **list) {
    size_t window = series->window, tensors = series->tensors;
    tensor_add(list, prefix, "count", TENSOR_I64, 1, 0, &series->count);
    tensor_add(list, prefix, "next", TENSOR_I64, 1, 0, &series->next);
    tensor_add(list, prefix, "values", TENSOR_F64, window, 0, series->values);
    tensor_add(list, prefix, "streak", TENSOR_I64, 1, 0, &series->streak);
    tensor_add(list, prefix, "streak_values", TENSOR_F64, ADMIT_AFTER, 0, series->streak_values);
    if (!tensors) return;
    tensor_add(list, prefix, "norms", TENSOR_F64, window, tensors, series->norms);
    tensor_add(list, prefix, "streak_norms", TENSOR_F64, ADMIT_AFTER, tensors,
               series->streak_norms);
}

void spike_tensors(SpikeDetector *detector, Tensor **list) {
    series_tensors(&detector->grad, "spike.grad.", list);
    series_tensors(&detector->loss, "spike.loss.", list);
}

/* Slots are filled in order, so the slots in use are the first `count`. Rebuilds `sorted`. */
static bool series_restored(Series *series) {
    bool valid = series->count <= series->window && series->streak < ADMIT_AFTER &&
                 series->next < series->window &&
                 (series->count == series->window || series->next == series->count);
    for (size_t k = 0; valid && k < series->count; k++) {
        double value = series->values[k];
        size_t place = sorted_find(series->sorted, k, value);
        memmove(series->sorted + place + 1, series->sorted + place,
                (k - place) * sizeof(*series->sorted));
        series->sorted[place] = value;
        valid = isfinite(value);
    }
    return valid;
}

bool spike_restored(SpikeDetector *detector) {
    return series_restored(&detector->grad) && series_restored(&detector->loss);
}

double spike_clip_norm(const SpikeDetector *detector, const SpikeReport *report) {
    double center = report->grad.center;
    return detector->options.detector == DETECTOR_MAD ? exp(center) : center;
}

/* health.c - see health.h. It stores the last thousand finite values of the loss and the gradient
 * norm. Means are recomputed from them each time, so rounding errors do not accumulate. */
#include "run/optim/health.h"

#include <math.h>

enum {
    SCORE_WINDOW = 1000,    /* values before the one that is scored */
    DIVERGENCE_STEPS = 100, /* training losses in a mean */
    NONFINITE_LIMIT = 10,   /* in a row, with action skip */
};
static const double SCORE_SIGMAS = 7;
static const double DIVERGENCE_RATIO = 1.5;
static const double DIVERGENCE_ABOVE_UNIFORM = 1; /* nats above ln V, the loss of a uniform guess */
static const double STUCK_RATIO = 0.98;           /* of the unigram entropy */
static const double VANISHED_RATIO = 1e-6;        /* of the gradient at the last block */

typedef struct {
    double values[SCORE_WINDOW]; /* ring buffer: value number i is in slot i % SCORE_WINDOW */
    size_t count;                /* number of finite values so far */
    size_t outliers;
} History;

struct Health {
    size_t warmup_steps;
    double loss_limit;
    double stuck_limit; /* NAN = none, and no loss reaches it */
    double best_mean;   /* of DIVERGENCE_STEPS losses; INFINITY = none yet */
    size_t last_spike;  /* SPIKE_NONE .. SPIKE_BOTH */
    size_t diverged;    /* 1 plus the first step; 0 = never */
    History loss, grad;
    HealthSummary summary; /* without `diverged`, `diverged_step` and the scores */
};

Health *health_create(size_t warmup_steps, size_t vocab) {
    Health *health = mem_alloc(sizeof(*health));
    health->warmup_steps = warmup_steps;
    health->loss_limit = log((double)vocab) + DIVERGENCE_ABOVE_UNIFORM;
    health->stuck_limit = NAN;
    health->best_mean = INFINITY;
    health->summary.train_loss = NAN;
    health->summary.val_loss = health->summary.best_val_loss = NAN;
    return health;
}

void health_free(Health *health) {
    mem_free(health);
}

void health_expect(Health *health, double unigram_entropy) {
    health->stuck_limit = STUCK_RATIO * unigram_entropy;
}

/* Compares `value` with the full window before it, then adds it, outlier or not. */
static void history_push(History *history, double value) {
    if (!isfinite(value)) return;
    if (history->count >= SCORE_WINDOW) {
        double mean, scale;
        spike_mean_scale(history->values, SCORE_WINDOW, &mean, &scale);
        history->outliers += value - mean >= SCORE_SIGMAS * scale;
    }
    history->values[history->count++ % SCORE_WINDOW] = value;
}

static double history_recent_mean(const History *history) {
    double sum = 0;
    for (size_t i = 1; i <= DIVERGENCE_STEPS; i++) {
        sum += history->values[(history->count - i) % SCORE_WINDOW];
    }
    return sum / DIVERGENCE_STEPS;
}

/* During warm-up a mean counts neither as diverged nor as the best: the learning rate has not yet
 * reached the value that may make the run diverge. */
static bool loss_diverges(Health *health, size_t step, double loss) {
    if (!isfinite(loss)) return true;
    if (step <= health->warmup_steps || health->loss.count < DIVERGENCE_STEPS) return false;
    double mean = history_recent_mean(&health->loss);
    bool too_high = mean > DIVERGENCE_RATIO * health->best_mean || mean > health->loss_limit;
    health->best_mean = fmin(health->best_mean, mean);
    return too_high;
}

static void mark_diverged(Health *health, size_t step) {
    if (!health->diverged) health->diverged = step + 1;
}

void health_observe(Health *health, size_t step, double loss, double grad_norm,
                    const SpikeReport *report, bool applied) {
    HealthSummary *summary = &health->summary;
    history_push(&health->loss, loss);
    history_push(&health->grad, grad_norm);
    if (loss_diverges(health, step, loss)) mark_diverged(health, step);
    summary->steps++;
    summary->grad_spikes += (report->spike & SPIKE_GRAD) != 0;
    summary->loss_spikes += (report->spike & SPIKE_LOSS) != 0;
    summary->skipped_steps += !applied;
    summary->nonfinite_steps += !report->finite;
    summary->nonfinite_in_row = report->finite ? 0 : summary->nonfinite_in_row + 1;
    summary->train_loss = loss;
    health->last_spike = (size_t)report->spike;
}

void health_validation(Health *health, size_t step, double val_loss) {
    HealthSummary *summary = &health->summary;
    StuckSigns *signs = &summary->signs;
    bool stuck = step > health->warmup_steps && val_loss >= health->stuck_limit;
    signs->losses = stuck ? signs->losses + 1 : 0;
    summary->val_loss = val_loss;
    if (!isfinite(val_loss)) mark_diverged(health, step);
    if (!isfinite(val_loss) || val_loss >= summary->best_val_loss) return;
    summary->best_val_loss = val_loss;
    summary->best_val_step = step;
}

void health_gradients(Health *health, size_t step, double first, double last) {
    StuckSigns *signs = &health->summary.signs;
    bool vanished = step > health->warmup_steps && first < VANISHED_RATIO * last;
    signs->gradients = vanished ? signs->gradients + 1 : 0;
}

bool health_is_stuck(const HealthSummary *summary) {
    return summary->signs.losses >= STUCK_TIMES || summary->signs.gradients >= STUCK_TIMES;
}

bool health_must_stop(const Health *health, SpikeAction action) {
    size_t nonfinite = health->summary.nonfinite_in_row;
    if (nonfinite > 0) return action != ACTION_SKIP || nonfinite >= NONFINITE_LIMIT;
    return action == ACTION_STOP && (health->last_spike != SPIKE_NONE || health->diverged);
}

static double history_score(const History *history, size_t steps) {
    if (history->count <= SCORE_WINDOW) return NAN;
    return 100.0 * (double)history->outliers / (double)steps;
}

HealthSummary health_summary(const Health *health) {
    HealthSummary summary = health->summary;
    summary.diverged = health->diverged > 0;
    summary.diverged_step = health->diverged ? health->diverged - 1 : 0;
    summary.loss_score = history_score(&health->loss, summary.steps);
    summary.grad_score = history_score(&health->grad, summary.steps);
    return summary;
}

static void history_tensors(History *history, const char *prefix, Tensor **list) {
    tensor_add(list, prefix, "count", TENSOR_I64, 1, 0, &history->count);
    tensor_add(list, prefix, "outliers", TENSOR_I64, 1, 0, &history->outliers);
    tensor_add(list, prefix, "values", TENSOR_F64, SCORE_WINDOW, 0, history->values);
}

void health_tensors(Health *health, Tensor **list) {
    HealthSummary *summary = &health->summary;
    const struct {
        const char *name;
        TensorType type;
        void *data;
    } scalars[] = {
        {"best_mean", TENSOR_F64, &health->best_mean},
        {"last_spike", TENSOR_I64, &health->last_spike},
        {"diverged", TENSOR_I64, &health->diverged},
        {"steps", TENSOR_I64, &summary->steps},
        {"grad_spikes", TENSOR_I64, &summary->grad_spikes},
        {"loss_spikes", TENSOR_I64, &summary->loss_spikes},
        {"skipped_steps", TENSOR_I64, &summary->skipped_steps},
        {"nonfinite_steps", TENSOR_I64, &summary->nonfinite_steps},
        {"nonfinite_in_row", TENSOR_I64, &summary->nonfinite_in_row},
        {"train_loss", TENSOR_F64, &summary->train_loss},
        {"val_loss", TENSOR_F64, &summary->val_loss},
        {"best_val_loss", TENSOR_F64, &summary->best_val_loss},
        {"best_val_step", TENSOR_I64, &summary->best_val_step},
    };
    for (size_t i = 0; i < sizeof scalars / sizeof *scalars; i++) {
        tensor_add(list, "health.", scalars[i].name, scalars[i].type, 1, 0, scalars[i].data);
    }
    history_tensors(&health->loss, "health.loss.", list);
    history_tensors(&health->grad, "health.grad.", list);
}

void health_sign_tensors(Health *health, Tensor **list) {
    StuckSigns *signs = &health->summary.signs;
    tensor_add(list, "health.", "stuck_losses", TENSOR_I64, 1, 0, &signs->losses);
    tensor_add(list, "health.", "stuck_gradients", TENSOR_I64, 1, 0, &signs->gradients);
}

void health_forget_signs(Health *health) {
    health->summary.signs = (StuckSigns){0};
}

bool health_restored(const Health *health) {
    const HealthSummary *summary = &health->summary;
    return health->last_spike <= SPIKE_BOTH && health->diverged <= summary->steps + 1 &&
           summary->signs.losses <= summary->steps && summary->signs.gradients <= summary->steps;
}

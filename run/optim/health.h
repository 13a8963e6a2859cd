/* health.h - the state of a whole run: diverged, stuck, number of spikes, the decision to stop.
 *
 * One idea: it observes every step once, after the update, and only counts; spike.h judges single
 * steps. All thresholds are constants in health.c, not options, so that the summaries of different
 * runs are comparable.
 * Definitions: docs/spikes.md. A Health owns its memory, allocated once at creation.
 * Read next: run/log/runlog.h. */
#ifndef RUN_OPTIM_HEALTH_H
#define RUN_OPTIM_HEALTH_H

#include "run/optim/spike.h"

typedef struct Health Health;
Health *health_create(size_t warmup_steps, size_t vocab);
void health_free(Health *health);

/* The unigram entropy (data/unigram.h) that validation losses are compared with; NAN, as without this
 * call, = never. */
void health_expect(Health *health, double unigram_entropy);

/* Records step `step` (1..): its training loss, the gradient norm before clipping, the report of the
 * detector and whether the update was applied. */
void health_observe(Health *health, size_t step, double loss, double grad_norm,
                    const SpikeReport *report, bool applied);
/* Records the validation loss measured after `step` steps (0 = at initialization). */
void health_validation(Health *health, size_t step, double val_loss);

/* Records the gradients of the stream at the inputs of the first and of the last block, where they
 * were measured at step `step`. */
void health_gradients(Health *health, size_t step, double first, double last);

/* Whether the run must end early, with exit code EXIT_DIVERGED:
 *   - the last step was not finite: with ACTION_SKIP after 10 such steps in a row, else at once;
 *   - the last step was finite: with ACTION_STOP, if it was flagged or the run has diverged. */
bool health_must_stop(const Health *health, SpikeAction action);

/* Signs of a run that does not learn. Each counts after the warm-up, in a row, up to the last time it
 * was measured; STUCK_TIMES of one make a run stuck. */
enum { STUCK_TIMES = 3 };
typedef struct {
    size_t losses;    /* validation losses of at least 0.98 of the unigram entropy */
    size_t gradients; /* gradients at the first block below 1e-6 of those at the last */
} StuckSigns;

typedef struct {
    size_t steps;                    /* observed */
    size_t grad_spikes, loss_spikes; /* records of each kind in spikes.csv, with non-finite steps */
    size_t skipped_steps;            /* steps whose update was not applied */
    size_t nonfinite_steps, nonfinite_in_row; /* in all; consecutive, up to the last step */
    bool diverged;
    size_t diverged_step; /* the first; 0 = none */
    /* The spike score of OLMo 2, in percent of all steps; NAN until 1000 finite values are known. */
    double loss_score, grad_score;
    double train_loss, val_loss, best_val_loss; /* last, last, lowest; NAN = none yet */
    size_t best_val_step;
    StuckSigns signs;
} HealthSummary;

bool health_is_stuck(const HealthSummary *summary);

HealthSummary health_summary(const Health *health);

/* The state for a checkpoint: appends tensors that refer to it to `list`. After they have been
 * filled from a file, health_restored must be called: false if the values are invalid. */
void health_tensors(Health *health, Tensor **list);
/* The same for the two counts of StuckSigns, which checkpoints of earlier versions lack; after such a
 * checkpoint they start at 0. */
enum { HEALTH_SIGN_TENSORS = 2 };
void health_sign_tensors(Health *health, Tensor **list);
void health_forget_signs(Health *health);
bool health_restored(const Health *health);

#endif

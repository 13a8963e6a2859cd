/* health.h - what can be said of a whole run: did it diverge, how often did it spike, must it stop.
 *
 * One idea: it sees every step once, after the fact, and only counts; the judgement of a single
 * step is spike.h's. All limits are constants of health.c, not options, so that summaries of
 * different runs compare.
 * Definitions: docs/spikes.md. A Health owns its memory, taken once at creation.
 * Read next: run/log/runlog.h. */
#ifndef RUN_OPTIM_HEALTH_H
#define RUN_OPTIM_HEALTH_H

#include "run/optim/spike.h"

typedef struct Health Health;
Health *health_create(size_t warmup_steps, size_t vocab);
void health_free(Health *health);

/* Tells of update `step` (1..): its training loss, gradient norm before clipping, the detector's
 * report and whether the update was applied. */
void health_observe(Health *health, size_t step, double loss, double grad_norm,
                    const SpikeReport *report, bool applied);
/* Tells of the validation loss measured after `step` updates (0 = at initialisation). */
void health_validation(Health *health, size_t step, double val_loss);

/* The only rule for ending a run early, by exit code EXIT_DIVERGED. After a non-finite step: at
 * once, but with ACTION_SKIP only after 10 in a row. After a finite one: with ACTION_STOP, when
 * that step was flagged or the run has diverged. */
bool health_must_stop(const Health *health, SpikeAction action);

typedef struct {
    size_t steps;                    /* observed */
    size_t grad_spikes, loss_spikes; /* rows of each kind in spikes.csv, non-finite ones included */
    size_t skipped_steps;            /* whose update was not applied */
    size_t nonfinite_steps, nonfinite_in_row; /* the second up to now */
    bool diverged;
    size_t diverged_step; /* the first; 0 = none */
    /* The spike score of OLMo 2 in percent of all steps; NAN up to 1000 finite values. */
    double loss_score, grad_score;
    double train_loss, val_loss, best_val_loss; /* last, last, lowest; NAN = none yet */
    size_t best_val_step;
} HealthSummary;

HealthSummary health_summary(const Health *health);

/* Everything it remembers, for a checkpoint: appends to `list` where it lies. After those arrays
 * were filled from a file health_restored must be called: false where they make no sense. */
void health_tensors(Health *health, Tensor **list);
bool health_restored(const Health *health);

#endif

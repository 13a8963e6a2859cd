/* trainer.h - one run: what it is made of, one update, one validation.
 *
 * One idea: an update judges before it applies. Loss and gradient norm are looked at first, so that
 * a non-finite or unwanted step never reaches the weights; whatever happens, the step has used up
 * its row, its batch and its learning rate, which are all functions of its number. A Run owns
 * everything it points to but its config. Read next: train.c. */
#ifndef RUN_TRAIN_TRAINER_H
#define RUN_TRAIN_TRAINER_H

#include "data/dataset.h"
#include "model/model.h"
#include "run/config/config.h"
#include "run/optim/health.h"
#include "run/log/manifest.h"
#include "run/optim/optimizer.h"
#include "run/log/progress.h"
#include "run/log/runlog.h"

typedef struct {
    const Config *config;
    const char *dir; /* where it is written, the caller's; NULL in a test */
    Dataset *data;
    Model *model;
    Optimizer optimizer;
    SpikeDetector *detector;
    Health *health;
    Probe *probe; /* NULL where log.layers_every is 0 */
    RunLog log;
    Manifest manifest;
    Progress progress;
    int *tokens, *targets; /* (B,T) */
    uint64_t data_hash;    /* of all training files */
    LogRow row;            /* of the update that is going on */
    SpikeReport report;    /* of the last update */
    double *losses;        /* (accum,B,T) of its tokens, the caller's; NULL = not kept */
    double train_seconds;  /* spent in updates, evaluation and logging left out */
    size_t failed_saves;   /* checkpoints in a row that could not be written */
} Run;

/* Builds data, model, optimizer and detector; takes all memory and writes nothing. */
void run_open(Run *run, const Config *config, int argc, char **argv);
void run_close(Run *run);

/* Update `step` (1..): forward, backward, judge, apply, and log what was seen but for val_loss.
 * False where a stop was requested between its micro-batches: then nothing has happened. */
bool run_update(Run *run, size_t step, LogRow *row);
/* Whether validation is due after `step` updates (0 = before the first), and its mean loss, which
 * means nothing where a stop was requested meanwhile. */
bool run_wants_validation(const Run *run, size_t step);
double run_validate(Run *run, size_t step);

/* What the run came to, so far. */
Summary run_summary(const Run *run, int code);

#endif

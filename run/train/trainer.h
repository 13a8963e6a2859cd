/* trainer.h - a run: its parts, one update, one validation.
 *
 * One idea: an update is checked before it is applied. Loss and gradient norm are inspected first,
 * so a non-finite or rejected step never reaches the weights. In any case the step consumes its log
 * record, its batch and its learning rate, which are functions of the step number alone. A Run owns
 * everything it points to except its config. Read next: train.c. */
#ifndef RUN_TRAIN_TRAINER_H
#define RUN_TRAIN_TRAINER_H

#include "data/dataset.h"
#include "model/model.h"
#include "run/config/config.h"
#include "run/log/manifest.h"
#include "run/log/progress.h"
#include "run/log/runlog.h"
#include "run/optim/health.h"
#include "run/optim/optimizer.h"
#include "run/train/nonfinite.h"

typedef struct {
    const Config *config;
    const char *dir; /* the run directory, owned by the caller; NULL in a test */
    Dataset *data;
    Model *model;
    Optimizer optimizer;
    SpikeDetector *detector;
    Health *health;
    Probe *probe; /* NULL if log.layers_every is 0 */
    double
        *changes; /* (tensors) norms of the last measured update; NULL if log.layers_every is 0 */
    real *peaks;  /* (L,TOKEN_GROUPS) largest attention logits of the update; NULL without
                    log.max_logit */
    RunLog log;
    Manifest manifest;
    Progress progress;
    int *tokens, *targets; /* (B,T) */
    uint64_t data_hash;    /* of all training files */
    uint64_t val_hash;     /* of the files of data.val */
    LogRow row;            /* log record of the current step */
    SpikeReport report;    /* of the last update */
    NonFinite nonfinite;   /* the same, where it first was not finite */
    double *losses; /* (accum,B,T) per token of the last update, the caller's; NULL = not kept */
    double train_seconds; /* spent in updates, without evaluation and logging */
    size_t failed_saves;  /* consecutive failures to write a checkpoint */
    bool begun;           /* it has its initial weights (run_begin) */
    bool restored;        /* it continues a checkpoint */
    size_t planned_steps; /* train.steps of the checkpoint that it continues */
} Run;

/* Builds data, model, optimizer and detector. Allocates all memory and writes nothing. */
void run_open(Run *run, const Config *config, int argc, char **argv);
void run_close(Run *run);

/* Update `step` (1..): forward, backward, check, apply, and log everything except val_loss. Returns
 * false if a stop was requested between micro-batches; the state is then unchanged. */
bool run_update(Run *run, size_t step, LogRow *row);
/* Whether validation is due after `step` updates (0 = before the first), and the mean validation
 * loss, which is undefined if a stop was requested meanwhile. */
bool run_wants_validation(const Run *run, size_t step);
double run_validate(Run *run, size_t step);

/* The summary of the run so far. */
Summary run_summary(const Run *run, int code);

#endif

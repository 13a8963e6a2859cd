/* memory.h - the memory that a run needs, computed before anything is allocated.
 *
 * One idea: every module that allocates at startup can report how much without allocating. The sum
 * is the peak of the run, and a run that cannot fit is refused before its first buffer.
 * Plain data. Read next: run/commands/dryrun.c, which prints it. */
#ifndef RUN_TRAIN_MEMORY_H
#define RUN_TRAIN_MEMORY_H

#include "model/model.h"
#include "run/config/config.h"

typedef struct {
    ModelSize model;
    double tokens;   /* a batch, its targets, the work space of the dataset */
    double detector; /* windows of the spike detector */
    double probe;    /* statistics for layers.csv and tensors.csv */
    double lists;    /* parameter registry, blocks, gradient norms per tensor */
    double scratch;  /* of Muon */
} MemoryPlan;

/* MODEL_RECOMPUTE or MODEL_TRAIN, by train.recompute. */
ModelUse memory_use(const Config *config);
/* Plans a run of `config` with a vocabulary of V tokens; false if the options of the model
 * contradict each other. */
bool memory_plan(MemoryPlan *plan, const Config *config, size_t V);
/* The bytes of the whole plan, and those outside the model. */
double memory_total(const MemoryPlan *plan);
double memory_others(const MemoryPlan *plan);

/* Ends the program (EXIT_USAGE) if the run does not fit this machine. The message has the bytes
 * needed, the bytes available, and the keys that save most when halved. */
void memory_require(const Config *config, size_t V);

#endif

/* memory.h - all that a run will hold, known before it holds anything.
 *
 * One idea: every module that takes memory once can say how much without taking it, so the sum is
 * what a run peaks at, and a run that cannot fit is refused before its first buffer.
 * Plain data. Read next: run/commands/dryrun.c, which prints it. */
#ifndef RUN_TRAIN_MEMORY_H
#define RUN_TRAIN_MEMORY_H

#include "model/model.h"
#include "run/config/config.h"

typedef struct {
    ModelSize model;
    double rows;     /* token rows: a batch, its targets, the dataset's work space */
    double detector; /* windows of the spike detector */
    double probe;    /* statistics for layers.csv */
    double lists;    /* the registry of parameters, the blocks, gradient norms, divergence */
} MemoryPlan;

/* What train.recompute makes of the model. */
ModelUse memory_use(const Config *config);
/* What a run of `config` over a vocabulary of V takes; false where the options of the model
 * contradict each other. */
bool memory_plan(MemoryPlan *plan, const Config *config, size_t V);
/* The bytes of all of it, and of what is not the model. */
double memory_total(const MemoryPlan *plan);
double memory_others(const MemoryPlan *plan);

/* Ends the program (EXIT_USAGE) where the run does not fit this machine, with one sentence: bytes
 * needed, bytes there, and the keys whose halves would save most. */
void memory_require(const Config *config, size_t V);

#endif

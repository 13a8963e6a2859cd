/* peri_class.h - PeriForCausalLM: the class of `transformers` that computes every model of this program.
 *
 * One idea: the Python file knows no topology. config.json lists the tensors, the slots and the
 * coefficients after they are resolved, so one class is enough for all rows of the table and for what
 * model.wire and model.layers make of them. Nothing is owned. Read next: modeling_peri.py. */
#ifndef RUN_MODELS_PERI_CLASS_H
#define RUN_MODELS_PERI_CLASS_H

#include "model/model.h"

#include <stdio.h>

/* The file of the class, without a NUL, and the name that config.json has for it. */
extern const char peri_class_source[], peri_class_source_end[];
#define PERI_CLASS_FILE "modeling_peri.py"
#define PERI_CLASS_NAME "PeriForCausalLM"
#define PERI_CLASS_TYPE "peri_c"

/* What config.json has besides the model. */
typedef struct {
    const char *config;    /* of the run, as JSON */
    const char *equations; /* the hash of those of the run */
    real w;                /* the factor of gamma-warmup ... */
    BranchRamp ramp;       /* ... and that of branch-warmup, at the step of the weights */
    int eos;               /* the token that ends a text, -1 = none */
} PeriFacts;

/* Prints config.json. */
void peri_class_config(FILE *out, const Model *model, const PeriFacts *facts);

#endif

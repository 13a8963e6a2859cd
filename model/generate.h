/* generate.h - text from a model, one token after the other.
 *
 * One idea: the same forward pass as in training, with the wiring of the model, so placement of
 * norms cannot differ between training and sampling. After the prompt it runs on one token at a
 * time, which reads the keys and values of the others where the pass left them; past `context` the
 * last half of the row begins a new one. 
 * Read next: run/. */
#ifndef MODEL_GENERATE_H
#define MODEL_GENERATE_H

#include "model/model.h"

typedef struct {
    size_t tokens; /* how many to draw */
    Sampling sampling;
    uint32_t seed;
    real gamma;        /* w of gamma-warmup */
    BranchRamp branch; /* a of branch-warmup */
} GenerateOptions;

/* Continues prompt (n >= 1 tokens) by options->tokens tokens and hands each, as it is drawn, to
 * `emit`, which may end the sample by returning false. Needs room for one row in the model. */
void generate(Model *model, const int *prompt, size_t n, const GenerateOptions *options,
              bool (*emit)(int token, void *context), void *context);

#endif

/* generate.h - sampling from a model, token by token.
 *
 * One idea: generation runs the forward pass of training, so it cannot differ from it in the
 * placement of norms. The first pass runs the prompt. Each later pass runs one token, which attends
 * to the keys and values that earlier passes left in the buffers of the model. When the sequence
 * has `context` tokens, its last half becomes the start of a new one.
 * Whoever calls owns model and prompt. Read next: ../run/commands/sample.h. */
#ifndef MODEL_GENERATE_H
#define MODEL_GENERATE_H

#include "model/model.h"

typedef struct {
    size_t tokens; /* number of tokens to sample */
    Sampling sampling;
    uint32_t seed;
    real gamma;        /* w of gamma-warmup */
    BranchRamp branch; /* a of branch-warmup */
} GenerateOptions;

/* Continues the prompt (n >= 1 tokens) by options->tokens tokens. Each sampled token goes to `emit`,
 * which may return false to end the sample. The model needs a batch of at least 1. */
void generate(Model *model, const int *prompt, size_t n, const GenerateOptions *options,
              bool (*emit)(int token, void *context), void *context);

#endif

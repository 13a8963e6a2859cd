/* generate.c - see generate.h. */
#include "model/generate.h"
#include "base/philox.h"

#include <string.h>

/* Uniform in [0,1) with 53 bits, for token i of the sample. */
static double uniform(uint32_t seed, size_t i) {
    uint64_t u = philox_u64(philox(seed, STREAM_SAMPLE, (uint32_t)i, (uint32_t)(i >> 32), 0, 0));
    return (double)(u >> 11) / 9007199254740992.0;
}

void generate(Model *model, const int *prompt, size_t n, const GenerateOptions *options,
              bool (*emit)(int token, void *context), void *context) {
    const size_t T = model->shape.T, keep = T / 2 ? T / 2 : 1;
    int *window = mem_alloc(size_mul(T + 1, sizeof *window));
    size_t used = n <= T ? n : keep; /* tokens of the sequence */
    size_t done = 0;                 /* of these, tokens whose keys and values are cached */
    /* With recomputation the blocks share one buffer for keys and values: nothing is cached. */
    const bool caches = model->use != MODEL_RECOMPUTE;
    memcpy(window, prompt + n - used, used * sizeof *window);
    for (size_t i = 0; i < options->tokens; i++) {
        if (used > T) { /* the context is full: continue with its last half */
            memmove(window, window + used - keep, keep * sizeof *window);
            used = keep;
            done = 0;
        }
        Pass pass = {.tokens = window + done,
                     .B = 1,
                     .T = used - done,
                     .past = done,
                     .gamma = options->gamma,
                     .branch = options->branch};
        model_forward(model, &pass);
        real *logits = model_logits(model, pass.T - 1);
        done = caches ? used : 0;
        int token =
            sample_token(logits, options->sampling, uniform(options->seed, i), model->shape.V);
        window[used++] = token;
        if (!emit(token, context)) break;
    }
    mem_free(window);
}

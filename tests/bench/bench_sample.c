/* bench_sample.c - sampling speed with the KV cache, and with the whole sequence computed again for
 * every token; one line per config.
 *
 *   bench_sample CONFIG... */
#include "model/generate.h"
#include "ops/ops.h"
#include "run/config/config.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

static bool keep_on(int token, void *context) {
    (void)token;
    (void)context;
    return true;
}

/* Seconds to generate a sequence of full length, token by token. */
static double seconds_of(Model *model, bool whole) {
    const size_t T = model->shape.T;
    int *sequence = mem_alloc(T * sizeof(int));
    double start = clock_seconds();
    if (whole) {
        for (size_t used = 1; used <= T; used++) {
            Pass pass = {.tokens = sequence, .B = 1, .T = used, .gamma = 1};
            model_forward(model, &pass);
            real *logits = model_logits(model, used - 1);
            if (used < T) sequence[used] = sample_token(logits, (Sampling){0}, 0, model->shape.V);
        }
    } else {
        GenerateOptions options = {.tokens = T, .gamma = 1};
        generate(model, sequence, 1, &options, keep_on, NULL);
    }
    double seconds = clock_seconds() - start;
    mem_free(sequence);
    return seconds;
}

int main(int argc, char **argv) {
    ops_exec_tuned(argv);
    config_start();
    ops_start(0);
    for (int i = 1; i < argc; i++) {
        Config config;
        double whole = HUGE_VAL, kept = HUGE_VAL;
        if (!config_load(&config, argv[i], NULL, 0)) return EXIT_USAGE;
        size_t V = config.data.vocab_size ? config.data.vocab_size : 256, T = config.model.context;
        Model *model = model_create(&config.model, &config.gamma_warmup, V, 1, MODEL_FORWARD);
        model_init(model, 1);
        for (int turn = 0; turn < 3; turn++) {
            whole = fmin(whole, seconds_of(model, true));
            kept = fmin(kept, seconds_of(model, false));
        }
        printf("config=%s context=%zu whole_tokens_per_s=%.0f kept_tokens_per_s=%.0f times=%.1f\n",
               config.name, T, (double)T / whole, (double)T / kept, whole / kept);
        model_free(model);
        config_free(&config);
    }
    return EXIT_DONE;
}

/* sequences.c - see sequences.h. */
#include "run/measure/sequences.h"

#include "run/optim/schedule.h"

static Sequences allocate(size_t S, size_t T) {
    const size_t cells = size_mul(S, T);
    return (Sequences){.S = S,
                       .T = T,
                       .tokens = mem_alloc(size_mul(cells + 1, sizeof(int))),
                       .targets = mem_alloc(size_mul(cells + 1, sizeof(int)))};
}

Sequences sequences_val(const Dataset *data, size_t first, size_t S, size_t T) {
    Sequences sequences = allocate(S, T);
    if (S) dataset_val_batch(data, sequences.tokens, sequences.targets, first, S);
    return sequences;
}

Sequences sequences_train(const Config *config, size_t wanted, size_t B, size_t T) {
    const size_t batches = (wanted + B - 1) / B;
    Sequences sequences = allocate(size_mul(batches, B), T);
    Dataset *data = dataset_open(&config->data, T, B, 1, 0, (uint32_t)config->train.seed);
    for (size_t i = 0; i < batches; i++) {
        const size_t at = i * B * T;
        dataset_train_batch(data, sequences.tokens + at, sequences.targets + at, i + 1, 0);
    }
    dataset_close(data);
    return sequences;
}

void sequences_drop(Sequences *sequences) {
    mem_free(sequences->tokens);
    mem_free(sequences->targets);
    *sequences = (Sequences){0};
}

void work_add(Work *work, size_t sequences) {
    if (!work) return;
    work->done += sequences;
    work->tell(work->context, work->done, work->total);
}

Pass sequences_pass(const StoredModel *stored, const Sequences *sequences, size_t first, size_t B) {
    const size_t at = first * sequences->T;
    return (Pass){.tokens = sequences->tokens + at,
                  .targets = sequences->targets + at,
                  .B = B,
                  .T = sequences->T,
                  .gamma = (real)schedule_gamma(&stored->config.gamma_warmup, stored->step),
                  .branch = schedule_branch(&stored->config.branch_warmup, stored->step)};
}

/* size.c - see size.h. */
#include "model/size.h"

#include "base/machine.h"

#include <stdio.h>

GroupSize size_total(const ModelSize *size) {
    GroupSize total = {0};
    for (int i = 0; i < GROUPS; i++) {
        total.tensors += size->group[i].tensors;
        total.parameters += size->group[i].parameters;
        total.weights += size->group[i].weights;
        total.buffers += size->group[i].buffers;
    }
    return total;
}

double size_bytes(const ModelSize *size) {
    GroupSize total = size_total(size);
    double copies = size->training ? 4 : 1; /* values, gradients, m, v */
    return copies * total.weights + total.buffers;
}

/* The greatest extent that a matrix product sees, and what makes it. */
static size_t widest(const Shape *s, const char **keys) {
    const struct {
        size_t extent;
        const char *keys;
    } extents[] = {
        {s->B * s->T, "train.batch * model.context"},
        {s->V, "data.vocab_size"},
        {s->F, "model.d_ff"},
        {(s->NH + 2 * s->NKV) * s->HS, "the width of queries, keys and values together"},
    };
    size_t most = 0;
    for (size_t i = 0; i < sizeof extents / sizeof *extents; i++) {
        if (extents[i].extent <= most) continue;
        most = extents[i].extent;
        *keys = extents[i].keys;
    }
    return most;
}

bool size_fits(const ModelSize *size, double others, char *sentence, size_t length) {
    const MachineMemory there = machine_memory();
    const char *keys = "";
    double needed = size_bytes(size) + others + machine_resident();
    size_t most = widest(&size->shape, &keys);
    bool counts = most <= INT32_MAX;
    if (counts && needed <= there.bytes) return true;
    char need[BYTES_TEXT], have[BYTES_TEXT], uncounted[160] = "";
    if (!counts) {
        snprintf(uncounted, sizeof uncounted,
                 "%s = %zu is more than the %d that BLAS counts to, and ", keys, most, INT32_MAX);
    }
    snprintf(sentence, length, "too large: %sit needs %.0f bytes (%s) of memory, and %s %.0f (%s)",
             uncounted, needed, bytes_text(need, needed), there.what, there.bytes,
             bytes_text(have, there.bytes));
    return false;
}

double model_flops_per_token(const ModelSize *size) {
    const Shape *s = &size->shape;
    size_t products = size_total(size).parameters - size->positions;
    double attention = (double)s->L * (double)s->T * (double)(s->NH * s->HS);
    return 6 * (double)products + 6 * attention;
}

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
    double copies = size->training ? 2 : 1; /* values, gradients */
    return copies * total.weights + size->moments + total.buffers;
}

/* The largest extent of a matmul, and the keys that determine it. */
static size_t largest_extent(const Shape *s, const char **keys) {
    const struct {
        size_t extent;
        const char *keys;
    } extents[] = {
        {s->B * s->T, "train.batch * model.context"},
        {s->V, "data.vocab_size"},
        {s->F, "model.d_ff"},
        {(s->NH + 2 * s->NKV) * s->HS, "the width of queries, keys and values together"},
    };
    size_t largest = 0;
    for (size_t i = 0; i < sizeof extents / sizeof *extents; i++) {
        if (extents[i].extent <= largest) continue;
        largest = extents[i].extent;
        *keys = extents[i].keys;
    }
    return largest;
}

bool size_fits(const ModelSize *size, double others, char *sentence, size_t length) {
    const MachineMemory memory = machine_memory();
    const char *keys = "";
    double needed = size_bytes(size) + others + machine_resident();
    size_t largest = largest_extent(&size->shape, &keys);
    bool fits_blas = largest <= INT32_MAX;
    if (fits_blas && needed <= memory.bytes) return true;
    char need[BYTES_TEXT], have[BYTES_TEXT], blas[160] = "";
    if (!fits_blas) {
        snprintf(blas, sizeof blas, "%s = %zu is above %d, the limit of BLAS, and ", keys, largest,
                 INT32_MAX);
    }
    snprintf(sentence, length, "too large: %sit needs %.0f bytes (%s) of memory, and %s %.0f (%s)",
             blas, needed, bytes_text(need, needed), memory.what, memory.bytes,
             bytes_text(have, memory.bytes));
    return false;
}

double model_flops_per_token(const ModelSize *size) {
    const Shape *s = &size->shape;
    size_t parameters = size_total(size).parameters - size->positions;
    return 6 * (double)parameters + 12 * size->keys * (double)(s->NH * s->HS);
}

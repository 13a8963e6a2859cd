/* validate.c - see validate.h. */
#include "run/train/validate.h"

#include "run/io/stop.h"

#include <string.h>

double validate(Model *model, const Dataset *data, size_t T, real gamma, BranchRamp branch,
                int *tokens, int *targets, double *losses) {
    const size_t batch = model->shape.B, sequences = dataset_val_rows(data);
    double total = 0;
    for (size_t first = 0; first < sequences && !stop_requested(); first += batch) {
        size_t count = sequences - first < batch ? sequences - first : batch;
        dataset_val_batch(data, tokens, targets, first, count);
        Pass pass = {.tokens = tokens,
                     .targets = targets,
                     .B = count,
                     .T = T,
                     .gamma = gamma,
                     .branch = branch};
        model_forward(model, &pass);
        total += model_loss(model, &pass);
        if (losses) memcpy(losses + first * T, model->losses, count * T * sizeof *losses);
    }
    return total / (double)(sequences * T);
}

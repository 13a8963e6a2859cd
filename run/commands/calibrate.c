/* calibrate.c - see calibrate.h. */
#include "run/commands/calibrate.h"

#include "base/words.h"
#include "run/optim/schedule.h"

#include <string.h>

const char *norms_mode_name(int i) {
    static const char *const names[] = {
        [NORMS_REAL] = "real",
        [NORMS_FROZEN] = "frozen",
        [NORMS_FROZEN_FIRST] = "frozen_first",
        [NORMS_IDENTITY] = "identity",
    };
    return NAME_AT(names, i);
}

NormsMode norms_mode(const char *name) {
    int mode = name ? name_meant(norms_mode_name, NULL, name) : NORMS_REAL;
    if (mode < 0)
        die(EXIT_USAGE, "--norms takes real, frozen, frozen_first or identity, not \"%s\"", name);
    return (NormsMode)mode;
}

/* The statistics (n_sites) of every norm over training sequences, for mem_free. */
static ScaleSums *observe(StoredModel *stored, const Config *config) {
    Model *model = stored->model;
    const size_t T = model->shape.T, B = model->shape.B;
    ScaleSums *sums = mem_alloc(size_mul(model->n_sites + 1, sizeof *sums));
    int *tokens = mem_alloc(size_mul(B * T, sizeof(int)));
    int *targets = mem_alloc(size_mul(B * T, sizeof(int)));
    Dataset *data = dataset_open(&config->data, T, B, 1, 0, (uint32_t)config->train.seed);
    for (size_t first = 0; first < CALIBRATION_SEQUENCES; first += B) {
        dataset_train_batch(data, tokens, targets, 1 + first / B, 0);
        Pass pass = {.tokens = tokens,
                     .B = B,
                     .T = T,
                     .scale_sums = sums,
                     .gamma = (real)schedule_gamma(&stored->config.gamma_warmup, stored->step),
                     .branch = schedule_branch(&stored->config.branch_warmup, stored->step)};
        model_forward(model, &pass);
    }
    dataset_close(data);
    mem_free(tokens);
    mem_free(targets);
    return sums;
}

void calibrate(StoredModel *stored, const Config *config, NormsMode mode) {
    Model *model = stored->model;
    if (mode == NORMS_REAL) return;
    ScaleSums *sums = mode == NORMS_IDENTITY ? NULL : observe(stored, config);
    for (size_t i = 0; i < model->n_sites; i++) {
        NormSite *site = &model->site[i];
        if (norm_site_is_frozen(site)) continue;
        if (mode == NORMS_IDENTITY)
            norm_site_identity(site, model->shape.T);
        else
            norm_site_freeze(site, &sums[i], model->shape.T, mode == NORMS_FROZEN_FIRST);
    }
    mem_free(sums);
}

/* calibrate.c - see calibrate.h. */
#include "run/measure/calibrate.h"

#include "base/words.h"

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

ScaleSums *calibrate_observe(const StoredModel *stored, const Sequences *sequences, Work *work) {
    Model *model = stored->model;
    const size_t S = sequences->S, B = model->shape.B;
    ScaleSums *sums = mem_alloc(size_mul(model->n_sites + 1, sizeof *sums));
    for (size_t first = 0; first < S; first += B) {
        Pass pass = sequences_pass(stored, sequences, first, S - first < B ? S - first : B);
        pass.scale_sums = sums;
        model_forward(model, &pass);
        work_add(work, pass.B);
    }
    return sums;
}

void calibrate_norm(NormSite *site, NormsMode mode, const ScaleSums *sums, size_t T) {
    if (mode == NORMS_IDENTITY)
        norm_site_identity(site, T);
    else if (mode != NORMS_REAL)
        norm_site_freeze(site, sums, T, mode == NORMS_FROZEN_FIRST);
}

void calibrate(StoredModel *stored, const Config *config, NormsMode mode, size_t T) {
    Model *model = stored->model;
    ScaleSums *sums = NULL;
    if (mode == NORMS_FROZEN || mode == NORMS_FROZEN_FIRST) {
        Sequences sequences = sequences_train(config, CALIBRATION_SEQUENCES, model->shape.B, T);
        sums = calibrate_observe(stored, &sequences, NULL);
        sequences_drop(&sequences);
    }
    for (size_t i = 0; i < model->n_sites; i++) {
        if (!norm_site_is_frozen(&model->site[i]))
            calibrate_norm(&model->site[i], mode, sums ? &sums[i] : NULL, T);
    }
    mem_free(sums);
}

/* measurement.c - see measurement.h. */
#include "run/measure/measurement.h"

#include "base/stb_ds.h"
#include "data/targets.h"
#include "run/optim/schedule.h"

#include <math.h>

/* --- the sequences --- */

Material material_read(const StoredModel *stored, const Config *config, size_t T, size_t rows,
                       bool from_text) {
    const size_t V = stored->model->shape.V, fit = MATERIAL_TOKENS / T;
    const size_t wanted = rows ? rows : fit ? fit : 1;
    Dataset *data = dataset_open_val(&config->data, T, wanted, &stored->vocab, V);
    const size_t S = dataset_val_rows(data);
    if (!S)
        die(EXIT_USAGE, "the run has no validation data (data.val_fraction is 0): name a text "
                        "after RUN, or --set data.val=FILE");
    Material material = {.measured = sequences_val(data, 0, S, T),
                         .of_training = !from_text,
                         .bytes_per_token = targets_bytes(data, T)};
    dataset_close(data);
    if (!from_text) {
        material.constants = sequences_train(config, CALIBRATION_SEQUENCES, config->train.batch, T);
        return material;
    }
    data = dataset_open_val(&config->data, T, S + CALIBRATION_SEQUENCES, &stored->vocab, V);
    material.constants = sequences_val(data, S, dataset_val_rows(data) - S, T);
    dataset_close(data);
    return material;
}

void material_free(Material *material) {
    sequences_drop(&material->measured);
    sequences_drop(&material->constants);
}

/* --- the numbers --- */

size_t measurement_passes(const StoredModel *stored, const Material *material) {
    const size_t constants = material->constants.S;
    const size_t evaluations = replaced_evaluations(stored->model, constants > 0);
    return size_mul(material->measured.S, evaluations + 1) + constants;
}

Measurement measurement_take(StoredModel *stored, const Material *material, Work *work) {
    Model *model = stored->model;
    work->total = measurement_passes(stored, material);
    const double w = schedule_gamma(&stored->config.gamma_warmup, stored->step);
    const Sequences *measured = &material->measured;
    Measurement m = {.step = stored->step,
                     .S = measured->S,
                     .T = measured->T,
                     .parameters = params_total(&model->params),
                     .constants = material->constants.S,
                     .of_training = material->of_training,
                     .bytes_per_token = material->bytes_per_token,
                     .activations = activations_measure(stored, measured, work),
                     .gains = gains_measure(model, w)};
    m.loss = m.activations.loss;
    m.val_bpb = bits_per_byte(m.loss, m.bytes_per_token);
    for (size_t i = 0; i < model->n_sites; i++) m.frozen += norm_site_is_frozen(&model->site[i]);
    ScaleSums *sums = m.constants ? calibrate_observe(stored, &material->constants, work) : NULL;
    m.replaced = replaced_measure(stored, measured, sums, work);
    mem_free(sums);
    if (!m.frozen) m.folding = folding_apply(model, (real)w);
    return m;
}

void measurement_free(Measurement *measurement) {
    activations_free(&measurement->activations);
    arrfree(measurement->gains);
    arrfree(measurement->replaced);
    folding_free(&measurement->folding);
}

/* --- the time --- */

double measurement_estimate(const StoredModel *stored, const Material *material) {
    const Pass pass = sequences_pass(stored, &material->measured, 0, 1);
    double best = INFINITY;
    for (int i = 0; i < 2; i++) { /* the first pass also fetches the weights */
        const double start = clock_seconds();
        model_forward(stored->model, &pass);
        model_loss(stored->model, &pass);
        best = fmin(best, clock_seconds() - start);
    }
    return best * (double)measurement_passes(stored, material);
}

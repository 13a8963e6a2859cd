/* resolved.c - see resolved.h. */
#include "run/log/resolved.h"

#include <math.h>

/* `lr` is the peak. `std` is without the rules of model.init, and NAN for vectors, which have other initial
 * values. Of vectors only gains decay, those of blocks, by the switches. */
static TensorFactors values_of(const Config *config, const Wiring *wiring, TensorKind kind) {
    const OptimOptions *optim = &config->optim;
    const ModelOptions *model = &config->model;
    const TensorFactors factors = wiring->scaling.tensor[kind];
    const bool vector = kind == TENSOR_HIDDEN_VECTOR || kind == TENSOR_OUTER_VECTOR;
    const bool decays = optim->decay_gamma_in || optim->decay_gamma_out;
    const double decay =
        !vector || (decays && kind == TENSOR_HIDDEN_VECTOR) ? optim->weight_decay : 0;
    const double std = kind == TENSOR_EMBEDDING ? options_embed_std(model) : model->init_std;
    return (TensorFactors){.std = vector ? NAN : factors.std * std,
                           .lr = factors.lr * schedule_lr_factor(optim, model->norm) * optim->lr,
                           .eps = factors.eps * optim->eps,
                           .decay = factors.decay * decay};
}

void resolved_print(FILE *out, const Config *config, const Wiring *wiring) {
    if (wiring->scaling.kind == SCALING_NONE) return;
    fprintf(out, "%-13s%-15s %12s %12s %12s %12s\n", "resolved", "tensors", "initial std",
            "peak lr", "eps", "weight_decay");
    for (TensorKind kind = 0; kind < TENSOR_KINDS; kind++) {
        const TensorFactors v = values_of(config, wiring, kind);
        char std[32] = "-";
        if (!wiring_has_tensors(wiring, &config->model, kind)) continue;
        if (!isnan(v.std)) snprintf(std, sizeof std, "%.9g", v.std);
        fprintf(out, "%-13s%-15s %12s %12.9g %12.9g %12.9g\n", "", tensor_kind_name((int)kind), std,
                v.lr, v.eps, v.decay);
    }
}

void resolved_print_json(Json *json, const Config *config, const Wiring *wiring) {
    const Scaling *scaling = &wiring->scaling;
    const ModelOptions *model = &config->model;
    if (scaling->kind == SCALING_NONE) return;
    json_open(json, "scaling");
    json_string(json, "kind", scaling_name(scaling->kind));
    json_number(json, "width", scaling->width);
    json_number(json, "depth", scaling->depth);
    json_number(json, "branch", scaling->branch);
    json_number(json, "logits", scaling->logits);
    json_number(json, "scores", scaling_scores(scaling, options_head_dim(model)));
    json_list_open(json, "tensors");
    for (TensorKind kind = 0; kind < TENSOR_KINDS; kind++) {
        const TensorFactors v = values_of(config, wiring, kind);
        if (!wiring_has_tensors(wiring, model, kind)) continue;
        json_item(json);
        json_open(json, NULL);
        json->layout = JSON_INLINE;
        json_string(json, "kind", tensor_kind_name((int)kind));
        json_number(json, "init_std", v.std);
        json_number(json, "lr", v.lr);
        json_number(json, "eps", v.eps);
        json_number(json, "weight_decay", v.decay);
        json_close(json);
        json->layout = JSON_LINES;
    }
    json_list_close(json);
    json_close(json);
}

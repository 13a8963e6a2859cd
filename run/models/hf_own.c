/* hf_own.c - see hf_own.h. */
#include "run/models/hf_own.h"

#include "base/stb_ds.h"
#include "base/text_out.h"
#include "run/models/peri_class.h"

#include <cJSON.h>
#include <string.h>

static const Architecture OWN = {
    .model_type = PERI_CLASS_TYPE,
    .class_name = PERI_CLASS_NAME,
    .defaults = "{}",
    .field = {[FIELD_LAYERS] = "num_hidden_layers",
              [FIELD_POSITIONS] = "max_position_embeddings",
              [FIELD_VOCAB] = "vocab_size"},
};

bool hf_own_is(const cJSON *config) {
    const cJSON *type = cJSON_GetObjectItemCaseSensitive(config, "model_type");
    return cJSON_IsString(type) && strcmp(type->valuestring, PERI_CLASS_TYPE) == 0;
}

bool hf_own_model(const HfModel *model) {
    return model->architecture == &OWN;
}

/* Whether the factor of branch-warmup is the same in all sublayers as without it. */
static bool is_ramped(const cJSON *block, const char *sublayer) {
    const cJSON *object = cJSON_GetObjectItemCaseSensitive(block, sublayer);
    const cJSON *ramp = cJSON_GetObjectItemCaseSensitive(object, "branch_warmup");
    return cJSON_IsNumber(ramp) && ramp->valuedouble != 1;
}

static void check_warm_ups(Fields *fields) {
    const cJSON *gamma = cJSON_GetObjectItemCaseSensitive(fields->config, "gamma_scale"), *block;
    bool warm = cJSON_IsNumber(gamma) && gamma->valuedouble != 1;
    cJSON_ArrayForEach(block, cJSON_GetObjectItemCaseSensitive(fields->config, "blocks")) {
        warm = warm || is_ramped(block, "attn") || is_ramped(block, "mlp");
    }
    if (warm)
        fields_need(fields, "a warm-up that is over: it was exported while gamma-warmup or "
                            "branch-warmup had a factor other than 1");
}

/* The config of the run without its warm-ups, which are over. */
static char *keys_of(const cJSON *run) {
    cJSON *copy = cJSON_Duplicate(run, true);
    cJSON_DeleteItemFromObjectCaseSensitive(copy, "gamma_warmup");
    cJSON_DeleteItemFromObjectCaseSensitive(copy, "branch_warmup");
    char *printed = cJSON_Print(copy), *keys = text_format("%s", printed);
    cJSON_free(printed);
    cJSON_Delete(copy);
    return keys;
}

void hf_own_config(Fields *fields, HfModel *model, size_t context) {
    enum { LAYERS_MAX = 1024, ANY = 2147483647 };
    const cJSON *run = cJSON_GetObjectItemCaseSensitive(fields->config, "config");
    fields_use(fields, &OWN);
    model->architecture = &OWN;
    model->V = fields_size(fields, FIELD_VOCAB, 0, ANY);
    model->L = fields_size(fields, FIELD_LAYERS, 0, LAYERS_MAX);
    model->positions = model->context = fields_size(fields, FIELD_POSITIONS, 0, ANY);
    check_warm_ups(fields);
    if (context && context != model->positions)
        fields_need(fields, "the context of its run, %zu", model->positions);
    if (!cJSON_IsObject(run)) fields_need(fields, "the config of its run, a field config");
    if (!arrlenu(fields->needs)) model->keys = keys_of(run);
}

char *hf_own_weights(Params *params, const Weights *weights) {
    for (size_t i = 0; i < params_count(params); i++) {
        const Param *param = &params->list[i];
        const size_t rank = param->shape[1] ? 2 : 1;
        const WeightTensor *tensor = weights_find(weights, param->name);
        if (!tensor) return text_format("it has no tensor %s", param->name);
        if (tensor->rank != rank || tensor->shape[0] != param->shape[0] ||
            (rank == 2 && tensor->shape[1] != param->shape[1]) || tensor->type >= WEIGHT_TYPES)
            return text_format("tensor %s has another shape than its config.json says",
                               param->name);
        weights_read(params->values + param->offset, tensor, 0, param->shape[0]);
    }
    if (arrlenu(weights->tensors) != params_count(params))
        return text_format("it has tensors that its config.json does not have");
    return params_finite(params) ? NULL : text_format("its weights are not finite");
}

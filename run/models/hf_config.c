/* hf_config.c - see hf_config.h. */
#include "run/models/hf_config.h"

#include "base/stb_ds.h"
#include "base/text_out.h"
#include "run/config/report.h"
#include "run/io/json_out.h"
#include "run/models/hf_fields.h"
#include "run/models/hf_layers.h"
#include "run/models/hf_own.h"

#include <cJSON.h>
#include <math.h>
#include <string.h>

/* --- the row of the table --- */

static const Architecture *find_row(Fields *fields, const char *type) {
    bool known = false;
    char *words = NULL, shown[SHOWN_SIZE];
    for (size_t i = 0; architecture_at(i); i++) {
        const Architecture *row = architecture_at(i);
        bool holds = strcmp(row->model_type, type) == 0;
        known |= holds;
        fields_use(fields, row);
        for (int w = 0; w < WHENS && row->when[w].field; w++)
            holds = holds && fields_flag(fields, row->when[w].field, false) == row->when[w].value;
        if (holds) {
            arrfree(words);
            return row;
        }
        if (i && strcmp(architecture_at(i - 1)->model_type, row->model_type) == 0) continue;
        text_add(&words, "%s%s", i ? ", " : "", row->model_type);
    }
    if (!known)
        fields_need(fields, "the architecture \"%s\"; known are %s", text_printable(type, shown),
                    words);
    else
        fields_need(fields, "another form of %s than the table of architectures has", type);
    arrfree(words);
    return NULL;
}

/* --- what this program has nothing for --- */

static bool is_harmless(const Fields *fields, const cJSON *value, Harmless harmless) {
    const cJSON *width = fields_item(fields, fields->row->field[FIELD_WIDTH]);
    if (!value || cJSON_IsNull(value)) return true;
    switch (harmless) {
    case HARMLESS_TRUE:
        return cJSON_IsTrue(value);
    case HARMLESS_WIDTH:
        return cJSON_IsNumber(value) && cJSON_IsNumber(width) &&
               value->valuedouble == width->valuedouble;
    case HARMLESS_ONE:
        return cJSON_IsNumber(value) && value->valuedouble <= 1;
    case HARMLESS_FALSE:
        break;
    }
    return cJSON_IsFalse(value) || (cJSON_IsNumber(value) && value->valuedouble == 0);
}

static void check_unsupported(Fields *fields) {
    for (size_t i = 0; unsupported_at(i); i++) {
        const Unsupported *entry = unsupported_at(i);
        if (!is_harmless(fields, fields_item(fields, entry->field), entry->harmless))
            fields_need(fields, "%s (%s)", entry->need, entry->field);
    }
}

/* --- sizes --- */

static void read_sizes(Fields *fields, HfModel *model, size_t context) {
    const Architecture *row = fields->row;
    enum { WIDTH_MAX = 65536, LAYERS_MAX = 1024, HIDDEN_MAX = 1048576, ANY = 2147483647 };
    model->C = fields_size(fields, FIELD_WIDTH, 0, WIDTH_MAX);
    model->L = fields_size(fields, FIELD_LAYERS, 0, LAYERS_MAX);
    model->NH = fields_size(fields, FIELD_HEADS, 0, WIDTH_MAX);
    model->V = fields_size(fields, FIELD_VOCAB, 0, ANY);
    model->positions = fields_size(fields, FIELD_POSITIONS, 0, ANY);
    if (arrlenu(fields->needs)) return;
    model->NKV =
        row->kv_heads ? row->kv_heads : fields_size(fields, FIELD_KV_HEADS, model->NH, WIDTH_MAX);
    model->HS = fields_size(fields, FIELD_HEAD_DIM, model->C / model->NH, WIDTH_MAX);
    model->F = fields_size(fields, FIELD_HIDDEN, 4 * model->C, HIDDEN_MAX);
    const size_t usual = model->positions < IMPORT_CONTEXT ? model->positions : IMPORT_CONTEXT;
    model->context = context ? context : usual;
    if (model->context > model->positions)
        fields_need(fields, "model.context of at most %zu: its positions end there",
                    model->positions);
    if (arrlenu(fields->needs)) return;
    if (model->NH % model->NKV)
        fields_need(fields, "query heads (%zu) in equal groups for its key heads (%zu)", model->NH,
                    model->NKV);
}

/* --- numbers --- */

static double eps_of(Fields *fields) {
    const Architecture *row = fields->row;
    const double eps = row->eps > 0 ? row->eps : fields_number(fields, FIELD_EPS, 0);
    if (!(eps > 0 && eps < 1)) fields_need(fields, "an eps of its norms between 0 and 1");
    return eps;
}

static void read_factors(Fields *fields, HfModel *model) {
    const double usual = 1 / sqrt((double)model->HS),
                 divisor = fields_number(fields, FIELD_LOGIT_DIVISOR, 1);
    double score = fields_number(fields, FIELD_SCORE_FACTOR, usual);
    const double size = fields_number(fields, FIELD_SCORE_SIZE, 0);
    if (size > 0) score = 1 / sqrt(size);
    if (fields->row->score > 0) score = fields->row->score;
    model->score = score == usual ? 1 : score * sqrt((double)model->HS);
    model->logit = fields_number(fields, FIELD_LOGIT_FACTOR, 1) / divisor;
    if (!(isfinite(model->score) && isfinite(model->logit) && model->logit != 0))
        fields_need(fields, "factors of scores and logits that are finite and not 0");
    const bool has_final = fields->row->tensor[PLACE_FINAL] != NULL;
    if (model->logit != 1 && !has_final)
        fields_need(fields, "a factor of the logits without a final norm");
}

static unsigned biases_of(Fields *fields) {
    const Architecture *row = fields->row;
    unsigned biases = row->biases;
    for (int i = 0; i < BIAS_FIELDS && row->bias_field[i].field; i++) {
        if (fields_flag(fields, row->bias_field[i].field, false))
            biases |= row->bias_field[i].biases;
    }
    return biases;
}

static const char *mlp_of(Fields *fields) {
    const Architecture *row = fields->row;
    char shown[SHOWN_SIZE];
    const char *activation = fields_text(fields, FIELD_ACTIVATION);
    if (!activation) {
        fields_need(fields, "a field %s", row->field[FIELD_ACTIVATION]);
        return NULL;
    }
    const bool tanh = row->tanh_gelu && strcmp(activation, "gelu") == 0;
    const char *mlp = architecture_mlp(tanh ? "gelu_new" : activation, row->gated);
    if (!mlp)
        fields_need(fields, "the activation \"%s\" in %s MLP", text_printable(activation, shown),
                    row->gated ? "a gated" : "an ungated");
    return mlp;
}

/* --- our keys --- */

enum { WORD_SIZE = 32 };

/* The word of each layer as a pattern, "local*5 rope". */
static void put_pattern(Json *json, const char *key, size_t L, const Layers *layers,
                        const char *(*word)(const Layers *, size_t, char[WORD_SIZE])) {
    char *pattern = NULL, own[WORD_SIZE], next[WORD_SIZE];
    for (size_t i = 0, same; i < L; i += same) {
        const char *name = word(layers, i, own);
        for (same = 1; i + same < L && strcmp(word(layers, i + same, next), name) == 0;) same++;
        text_add(&pattern, "%s%s", i ? " " : "", name);
        if (same > 1) text_add(&pattern, "*%zu", same);
    }
    json_string(json, key, pattern);
    arrfree(pattern);
}

static const char *rope_word(const Layers *layers, size_t i, char own[WORD_SIZE]) {
    static const char *const words[] = {"rope", "local", "none"};
    (void)own;
    return words[layers->rope[i]];
}

static const char *window_text(const Layers *layers, size_t i, char own[WORD_SIZE]) {
    snprintf(own, WORD_SIZE, "%zu", layers->window);
    return layers->slides[i] ? own : "all";
}

static void put_rope(Json *json, const HfModel *model, const Layers *layers) {
    const RopeTable *table = &layers->table;
    json_string(json, "position", "rope");
    json_exact(json, "rope_theta", table->theta);
    json_exact(json, "rope_fraction", (double)model->rotary / (double)model->HS);
    if (layers->uses[LAYER_LOCAL] || layers->uses[LAYER_NO_ROPE])
        put_pattern(json, "rope_layers", model->L, layers, rope_word);
    if (layers->uses[LAYER_LOCAL]) json_exact(json, "rope_local_theta", layers->local.theta);
    if (table->factor == 1) return;
    json_exact(json, "rope_factor", table->factor);
    json_exact(json, "rope_low_freq", table->low);
    json_exact(json, "rope_high_freq", table->high);
    json_exact(json, "rope_original", table->original);
}

static void put_position(Json *json, const HfModel *model, const Layers *layers) {
    const bool learned = model->architecture->rotation == ROTATE_NONE;
    if (learned)
        json_string(json, "position", "learned");
    else if (!layers->uses[LAYER_ROPE] && !layers->uses[LAYER_LOCAL])
        json_string(json, "position", "none");
    else
        put_rope(json, model, layers);
}

static void put_scales(Json *json, Fields *fields) {
    const double branch = fields_number(fields, FIELD_BRANCH, 1);
    if (fields->row->field[FIELD_LOGIT_CAP])
        json_exact(json, "softcap_logits", fields_number(fields, FIELD_LOGIT_CAP, 0));
    if (fields->row->field[FIELD_SCORE_CAP])
        json_exact(json, "softcap_attn", fields_number(fields, FIELD_SCORE_CAP, 0));
    if (fields->row->embed_sqrt) json_exact(json, "embed_scale", 0);
    if (fields->row->field[FIELD_EMBED_SCALE])
        json_exact(json, "embed_scale", fields_number(fields, FIELD_EMBED_SCALE, 1));
    if (branch == 1) return;
    json_open(json, "wire");
    json_exact(json, "attn.branch", branch);
    json_exact(json, "mlp.branch", branch);
    json_close(json);
}

/* The sites of biases; nothing where model.bias alone says it, as betas that no norm has. */
static void put_biases(Json *json, const HfModel *model) {
    char words[64] = "";
    const unsigned all = BIASED_NORM | BIASED_LINEAR, own = model->biases & all;
    const bool betas = strcmp(model->architecture->norm, "layernorm") == 0;
    json_boolean(json, "bias", own != 0);
    if (model->biases & BIASED_HEAD) json_boolean(json, "head_bias", true);
    if (!own || (own | (betas ? 0 : BIASED_NORM)) == all) return;
    for (int site = 0; site < BIAS_SITES; site++) {
        if (!(own >> site & 1)) continue;
        if (*words) strcat(words, " ");
        strcat(words, bias_site_name(site));
    }
    json_string(json, "bias_at", words);
}

static void put_model(Json *json, Fields *fields, const HfModel *model, const Layers *layers) {
    const Architecture *row = model->architecture;
    json_string(json, "topology", row->topology);
    json_string(json, "norm", row->norm);
    json_exact(json, "norm_eps", eps_of(fields));
    json_integer(json, "n_layer", model->L);
    json_integer(json, "n_head", model->NH);
    json_integer(json, "n_kv_head", model->NKV);
    if (model->HS * model->NH != model->C) json_integer(json, "head_dim", model->HS);
    json_integer(json, "d_model", model->C);
    json_integer(json, "d_ff", model->F);
    json_integer(json, "context", model->context);
    const char *mlp = mlp_of(fields);
    if (mlp) json_string(json, "mlp", mlp);
    put_position(json, model, layers);
    if (row->qk_norms) json_string(json, "qk_norm", "on");
    if (row->embed_norm) json_string(json, "embed_norm", "on");
    put_biases(json, model);
    json_boolean(json, "tie_embeddings", model->tied);
    put_scales(json, fields);
    if (layers->window) put_pattern(json, "window", model->L, layers, window_text);
}

static char *keys_of(Fields *fields, const HfModel *model, const Layers *layers) {
    TextOut text;
    Json json = {.out = text_begin(&text)};
    json_open(&json, NULL);
    json_open(&json, "model");
    put_model(&json, fields, model, layers);
    json_close(&json);
    json_open(&json, "data");
    json_integer(&json, "vocab_size", model->V);
    json_close(&json);
    json_close(&json);
    return text_end(&text);
}

/* --- a model --- */

static void read_model(Fields *fields, HfModel *model, size_t context) {
    Layers layers = {0};
    check_unsupported(fields);
    read_sizes(fields, model, context);
    model->tied = fields_flag(fields, fields->row->field[FIELD_TIED], true);
    model->biases = biases_of(fields);
    if (model->HS) {
        read_factors(fields, model);
        layers = layers_read(fields, model);
    }
    /* With anything amiss, sizes and lists of layers may be incomplete: the rest is only asked for its needs. */
    char *keys = NULL;
    if (arrlenu(fields->needs)) {
        (void)eps_of(fields);
        (void)mlp_of(fields);
    } else {
        keys = keys_of(fields, model, &layers);
    }
    if (arrlenu(fields->needs))
        mem_free(keys);
    else
        model->keys = keys;
    layers_free(&layers);
}

HfModel hf_config_read(const cJSON *config, size_t context) {
    HfModel model = {0};
    Fields fields = {.config = config};
    const cJSON *type = cJSON_GetObjectItemCaseSensitive(config, "model_type");
    const bool own = hf_own_is(config);
    if (own)
        hf_own_config(&fields, &model, context);
    else if (!cJSON_IsString(type))
        fields_need(&fields, "a field model_type in config.json");
    else
        model.architecture = find_row(&fields, type->valuestring);
    if (!own && model.architecture && !arrlenu(fields.needs)) read_model(&fields, &model, context);
    fields_free(&fields);
    model.needs = fields.needs;
    return model;
}

void hf_config_free(HfModel *model) {
    for (size_t i = 0; i < arrlenu(model->needs); i++) mem_free(model->needs[i]);
    arrfree(model->needs);
    mem_free(model->keys);
    *model = (HfModel){0};
}

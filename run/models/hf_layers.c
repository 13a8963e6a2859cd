/* hf_layers.c - see hf_layers.h. */
#include "run/models/hf_layers.h"

#include "base/stb_ds.h"
#include "run/config/report.h"

#include <cJSON.h>
#include <math.h>
#include <string.h>

static const char THETA[] = "rope_theta rotary_emb_base";

/* --- the frequencies --- */

/* Models of 2023 have rope_scaling, those of 2025 rope_parameters. */
static const cJSON *rope_object(const Fields *fields) {
    const cJSON *object = fields_item(fields, "rope_parameters rope_scaling");
    return cJSON_IsObject(object) ? object : NULL;
}

static double theta_of(Fields *fields, const cJSON *object) {
    const cJSON *item = fields_item(fields, THETA);
    const double usual = item && cJSON_IsNumber(item) ? item->valuedouble : 10000;
    const double theta = fields_value(fields, object, "rope_theta", usual);
    if (theta >= 1) return theta;
    fields_need(fields, "a rope_theta of at least 1");
    return usual;
}

static RopeTable table_of(Fields *fields, const cJSON *object) {
    RopeTable table = {theta_of(fields, object), 1, 1, 4, 8192};
    const cJSON *item = cJSON_GetObjectItemCaseSensitive(object, "rope_type");
    char shown[SHOWN_SIZE];
    if (!item) item = cJSON_GetObjectItemCaseSensitive(object, "type");
    const char *type = item && cJSON_IsString(item) ? item->valuestring : "default";
    const double factor = fields_value(fields, object, "factor", 1);
    /* What "dynamic" changes begins beyond max_position_embeddings, which no context exceeds. */
    if (strcmp(type, "default") == 0 || strcmp(type, "dynamic") == 0) return table;
    if (!(factor >= 1)) fields_need(fields, "a factor of RoPE of at least 1");
    table.factor = factor;
    if (strcmp(type, "linear") == 0) { /* all frequencies are below one wave in 1 token */
        table.high = 2;
        table.original = 1;
    } else if (strcmp(type, "llama3") == 0) {
        table.low = fields_value(fields, object, "low_freq_factor", 0);
        table.high = fields_value(fields, object, "high_freq_factor", 0);
        table.original = fields_value(fields, object, "original_max_position_embeddings", 0);
        if (!(table.low >= 0 && table.high > table.low && table.original >= 1))
            fields_need(fields,
                        "low_freq_factor, high_freq_factor and original_max_position_embeddings");
    } else {
        fields_need(fields, "RoPE frequencies of the type \"%s\" (rope_scaling)",
                    text_printable(type, shown));
    }
    return table;
}

static bool same_table(const RopeTable *a, const RopeTable *b) {
    return a->theta == b->theta && a->factor == b->factor && a->low == b->low &&
           a->high == b->high && a->original == b->original;
}

static void read_rotary(Fields *fields, HfModel *model, const cJSON *object) {
    const char *names = fields->row->field[FIELD_FRACTION];
    const double usual = fields_number(fields, FIELD_FRACTION, 1);
    const double fraction = fields_value(fields, object, "partial_rotary_factor", usual);
    const size_t part = fraction > 0 && fraction <= 1 ? (size_t)((double)model->HS * fraction) : 0;
    if (!names && fraction != 1)
        fields_need(fields, "heads that rotate in part, which %s does not have",
                    fields->row->class_name);
    model->rotary = fields_size(fields, FIELD_ROTARY, part ? part : 1, model->HS);
    if (model->rotary % 2 || model->HS % 2)
        fields_need(fields, "an even number of rotated features in a head of %zu", model->HS);
}

static void read_tables(Fields *fields, HfModel *model, Layers *layers) {
    const cJSON *object = rope_object(fields);
    const cJSON *full = cJSON_GetObjectItemCaseSensitive(object, "full_attention");
    const cJSON *local = cJSON_GetObjectItemCaseSensitive(object, "sliding_attention");
    const bool nested = cJSON_IsObject(full) || cJSON_IsObject(local);
    if (nested && fields->row->local_rope != LOCAL_THETA)
        fields_need(fields, "RoPE of its own in each type of layer (rope_parameters)");
    layers->table = table_of(fields, nested ? full : object);
    layers->local = nested ? table_of(fields, local) : layers->table;
    if (nested && layers->local.factor != 1)
        fields_need(fields, "a factor of RoPE in layers with a window");
    read_rotary(fields, model, nested ? full : object);
    if (nested || fields->row->local_rope != LOCAL_THETA) return;
    const cJSON *theta = fields_item(fields, "rope_local_base_freq");
    layers->local = (RopeTable){layers->table.theta, 1, 1, 4, 8192};
    if (cJSON_IsNumber(theta)) layers->local.theta = theta->valuedouble;
    if (!(layers->local.theta >= 1)) fields_need(fields, "a rope_local_base_freq of at least 1");
}

/* --- the layers --- */

/* Whether layer i is of a type with a window, as the list says. */
static bool is_local(Fields *fields, const cJSON *types, size_t i) {
    const cJSON *item = cJSON_GetArrayItem(types, (int)i);
    const char *type = item && cJSON_IsString(item) ? item->valuestring : "";
    char shown[SHOWN_SIZE];
    if (strcmp(type, "sliding_attention") == 0 || strcmp(type, "local") == 0) return true;
    if (strcmp(type, "full_attention") != 0 && strcmp(type, "global") != 0)
        fields_need(fields, "layers of the type \"%s\"", text_printable(type, shown));
    return false;
}

/* The same where no list does. */
static bool is_local_by_pattern(const Fields *fields, size_t i) {
    const cJSON *pattern = fields_item(fields, fields->row->field[FIELD_PATTERN]);
    const cJSON *first = fields_item(fields, "max_window_layers");
    if (cJSON_IsString(pattern) && *pattern->valuestring)
        return pattern->valuestring[i % strlen(pattern->valuestring)] == 'L';
    if (cJSON_IsNumber(pattern) && pattern->valuedouble >= 1)
        return fmod((double)i + 1, floor(pattern->valuedouble)) != 0;
    if (cJSON_IsNumber(first)) return (double)i >= first->valuedouble;
    return true;
}

static void read_windows(Fields *fields, const HfModel *model, Layers *layers) {
    const cJSON *types = fields_item(fields, fields->row->field[FIELD_TYPES]);
    const bool used = fields_flag(fields, "use_sliding_window", true);
    const double window = used ? fields_number(fields, FIELD_WINDOW, 0) : 0;
    const bool slides = window >= 1 && window < (double)model->context;
    if (types && (!cJSON_IsArray(types) || cJSON_GetArraySize(types) != (int)model->L)) {
        fields_need(fields, "one type for each layer (%s)", fields->row->field[FIELD_TYPES]);
        types = NULL;
    }
    layers->window = slides ? (size_t)window : 0;
    const size_t before = arrlenu(fields->needs);
    for (size_t i = 0; i < model->L; i++) {
        const bool local = types ? is_local(fields, types, i) : is_local_by_pattern(fields, i);
        const bool has_window = local && window >= 1;
        LayerRope rope = LAYER_ROPE;
        if (fields->row->local_rope == LOCAL_THETA && local) rope = LAYER_LOCAL;
        if (fields->row->local_rope == LOCAL_ONLY && !local && window >= 1) rope = LAYER_NO_ROPE;
        arrput(layers->rope, rope);
        arrput(layers->slides, has_window && slides);
        if (arrlenu(fields->needs) > before) return;
    }
}

static void read_no_rope(Fields *fields, const HfModel *model, Layers *layers) {
    const cJSON *list = fields_item(fields, fields->row->field[FIELD_NO_ROPE]);
    const cJSON *interval = fields_item(fields, "no_rope_layer_interval");
    if (!fields->row->field[FIELD_NO_ROPE]) return;
    const bool every = !list && cJSON_IsNumber(interval) && interval->valuedouble >= 1;
    if (list && (!cJSON_IsArray(list) || cJSON_GetArraySize(list) != (int)model->L)) {
        fields_need(fields, "one number for each layer (no_rope_layers)");
        return;
    }
    for (size_t i = 0; i < model->L; i++) {
        const cJSON *item = list ? cJSON_GetArrayItem(list, (int)i) : NULL;
        const bool none = item ? !(cJSON_IsNumber(item) && item->valuedouble != 0)
                               : every && fmod((double)i + 1, floor(interval->valuedouble)) == 0;
        if (none) layers->rope[i] = LAYER_NO_ROPE;
    }
}

Layers layers_read(Fields *fields, HfModel *model) {
    Layers layers = {0};
    const bool rope = fields->row->rotation != ROTATE_NONE;
    model->rotary = model->HS;
    if (rope) read_tables(fields, model, &layers);
    read_windows(fields, model, &layers);
    if (rope && arrlenu(layers.rope) == model->L) read_no_rope(fields, model, &layers);
    for (size_t i = 0; i < arrlenu(layers.rope); i++) {
        if (!rope) layers.rope[i] = LAYER_NO_ROPE;
        if (layers.rope[i] == LAYER_LOCAL && same_table(&layers.table, &layers.local))
            layers.rope[i] = LAYER_ROPE;
        layers.uses[layers.rope[i]] = true;
    }
    return layers;
}

void layers_free(Layers *layers) {
    arrfree(layers->rope);
    arrfree(layers->slides);
    *layers = (Layers){0};
}

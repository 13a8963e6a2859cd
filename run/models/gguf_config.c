/* gguf_config.c - see gguf_parts.h: the metadata of a GGUF file as a config.json. */
#include "run/models/gguf_parts.h"

#include "base/stb_ds.h"
#include "base/text_out.h"
#include "run/io/json_out.h"

#include <stdlib.h>
#include <string.h>

static const GgufArchitecture ARCHITECTURES[] = {
    {"llama", "llama", "silu", true},
    {"qwen2", "qwen2", "silu", false},
    {"qwen3", "qwen3", "silu", false},
    {"granite", "granite", "silu", true},
    {"starcoder2", "starcoder2", "gelu_pytorch_tanh", false},
};
enum { ARCHITECTURE_COUNT = sizeof ARCHITECTURES / sizeof *ARCHITECTURES };

static const GgufRow KEYS[] = {
    {"embedding_length", "hidden_size", GGUF_CONFIG_INTEGER},
    {"feed_forward_length", "intermediate_size", GGUF_CONFIG_INTEGER},
    {"block_count", "num_hidden_layers", GGUF_CONFIG_INTEGER},
    {"attention.head_count", "num_attention_heads", GGUF_CONFIG_INTEGER},
    {"context_length", "max_position_embeddings", GGUF_CONFIG_INTEGER},
    {"attention.layer_norm_rms_epsilon", "rms_norm_eps", GGUF_CONFIG_NUMBER, .but = "starcoder2"},
    {"attention.layer_norm_epsilon", "norm_epsilon", GGUF_CONFIG_NUMBER, .only = "starcoder2"},
    {"attention.scale", "attention_multiplier", GGUF_CONFIG_NUMBER, .only = "granite"},
    {"embedding_scale", "embedding_multiplier", GGUF_CONFIG_NUMBER, .only = "granite"},
    {"residual_scale", "residual_multiplier", GGUF_CONFIG_NUMBER, .only = "granite"},
    {"logit_scale", "logits_scaling", GGUF_CONFIG_NUMBER, .only = "granite"},
    {"rope.freq_base", "rope_theta", GGUF_CONFIG_NUMBER, .optional = true},
    {"attention.head_count_kv", NULL, GGUF_CONFIG_OTHER},
    {"attention.key_length", NULL, GGUF_CONFIG_OTHER},
    {"attention.value_length", NULL, GGUF_CONFIG_OTHER},
    {"rope.dimension_count", NULL, GGUF_CONFIG_OTHER},
    {"rope.scaling.type", NULL, GGUF_CONFIG_OTHER},
    {"expert_count", NULL, GGUF_CONFIG_OTHER},
    {"expert_used_count", NULL, GGUF_CONFIG_OTHER},
    {"vocab_size", NULL, GGUF_CONFIG_OTHER},         /* the rows of the embedding say it */
    {"tensor_data_layout", NULL, GGUF_CONFIG_OTHER}, /* where the converter had the file from */
};
enum { KEY_COUNT = sizeof KEYS / sizeof *KEYS, KEY_LENGTH = 128 };

/* The architecture's name, a dot and the key. */
static const char *full(const GgufModel *model, const char *key, char name[KEY_LENGTH]) {
    snprintf(name, KEY_LENGTH, "%s.%s", model->architecture->name, key);
    return name;
}

const GgufArchitecture *gguf_architecture(const char *model_type) {
    for (size_t i = 0; i < ARCHITECTURE_COUNT; i++) {
        if (strcmp(ARCHITECTURES[i].model_type, model_type) == 0) return &ARCHITECTURES[i];
    }
    return NULL;
}

const GgufRow *gguf_row(const GgufArchitecture *architecture, size_t i) {
    const char *name = architecture->name;
    for (const GgufRow *row = KEYS; row < KEYS + KEY_COUNT; row++) {
        const bool here =
            row->only ? !strcmp(row->only, name) : !row->but || strcmp(row->but, name);
        if (here && i-- == 0) return row;
    }
    return NULL;
}

/* --- checks --- */

static void find_architecture(GgufFile *gguf, GgufModel *model) {
    GgufText name;
    if (!gguf_string(gguf, "general.architecture", &name))
        gguf_refuse(gguf, "it has no key general.architecture");
    for (size_t i = 0; i < ARCHITECTURE_COUNT; i++) {
        if (gguf_is(name, ARCHITECTURES[i].name)) model->architecture = &ARCHITECTURES[i];
    }
    if (model->architecture) return;
    TextOut list;
    FILE *out = text_begin(&list);
    for (size_t i = 0; i < ARCHITECTURE_COUNT; i++)
        fprintf(out, "%s%s", i ? ", " : "", ARCHITECTURES[i].name);
    char *known = text_end(&list), *printable = gguf_printable(name);
    gguf_refuse(gguf,
                "general.architecture is \"%s\"; the architectures that are read from GGUF are %s",
                printable, known);
    mem_free(known);
    mem_free(printable);
}

/* Keys that change what a model computes have the name of the architecture in front. */
static void check_keys(GgufFile *gguf, const GgufModel *model) {
    const char *prefix = model->architecture->name;
    const GgufRow *row;
    const size_t length = strlen(prefix);
    for (size_t i = 0; i < arrlenu(gguf->keys); i++) {
        const GgufText name = gguf->keys[i].name;
        if (name.length <= length || memcmp(name.at, prefix, length) != 0 || name.at[length] != '.')
            continue;
        const GgufText rest = {name.at + length + 1, name.length - length - 1};
        size_t at = 0;
        while ((row = gguf_row(model->architecture, at)) && !gguf_is(rest, row->key)) at++;
        if (!row)
            gguf_refuse(gguf, "key %.*s is set, which this program does not know", (int)name.length,
                        name.at);
    }
    for (size_t i = 0; (row = gguf_row(model->architecture, i)); i++) {
        char key[KEY_LENGTH];
        if (row->config && !row->optional && !gguf_find(gguf, full(model, row->key, key)))
            gguf_refuse(gguf, "it has no key %s", key);
    }
}

/* Refuses a string that is set to something else. */
static void check_string(GgufFile *gguf, const char *key, const char *wanted) {
    GgufText text;
    if (!gguf_string(gguf, key, &text) || gguf_is(text, wanted)) return;
    char *printable = gguf_printable(text);
    gguf_refuse(gguf, "key %s is \"%s\"; this program reads \"%s\" only", key, printable, wanted);
    mem_free(printable);
}

/* Refuses an integer that is set to something else. */
static void check_integer(GgufFile *gguf, const char *key, size_t wanted) {
    const size_t value = gguf_integer(gguf, key, wanted);
    if (value != wanted)
        gguf_refuse(gguf, "key %s is %zu; this program reads %zu only", key, value, wanted);
}

bool gguf_model(GgufFile *gguf, GgufModel *model) {
    char key[KEY_LENGTH];
    find_architecture(gguf, model);
    if (gguf->error) return false;
    check_keys(gguf, model);
    check_string(gguf, "general.type", "model");
    check_string(gguf, full(model, "rope.scaling.type", key), "none");
    check_integer(gguf, full(model, "expert_count", key), 0);
    check_integer(gguf, full(model, "expert_used_count", key), 0);
    if (gguf_integer(gguf, "split.count", 1) > 1)
        gguf_refuse(gguf, "it is one of several files of a model: merge them first");
    const size_t width = gguf_integer(gguf, full(model, "embedding_length", key), 0);
    model->blocks = gguf_integer(gguf, full(model, "block_count", key), 0);
    if (model->blocks > arrlenu(gguf->tensors))
        gguf_refuse(gguf, "key %s is %zu, but the file has %zu tensors", key, model->blocks,
                    arrlenu(gguf->tensors));
    model->heads = gguf_integer(gguf, full(model, "attention.head_count", key), 0);
    model->kv_heads = gguf_integer(gguf, full(model, "attention.head_count_kv", key), model->heads);
    if (!model->heads || !model->kv_heads) gguf_refuse(gguf, "key %s is 0", key);
    if (gguf->error) return false;
    const bool given = gguf_find(gguf, full(model, "attention.key_length", key));
    if (!given && width % model->heads)
        gguf_refuse(gguf, "a width of %zu is not a multiple of %zu heads", width, model->heads);
    model->head_size = gguf_integer(gguf, key, width / model->heads);
    check_integer(gguf, full(model, "attention.value_length", key), model->head_size);
    check_integer(gguf, full(model, "rope.dimension_count", key), model->head_size);
    return !gguf->error;
}

/* --- the text --- */

/* A number as it was written before it became a float: the shortest that reads back as the same float. */
static void print_number(Json *json, const char *name, GgufType type, double value) {
    char text[JSON_EXACT];
    if (type == GGUF_F32) {
        for (int digits = 6; digits <= 9; digits++) {
            snprintf(text, sizeof text, "%.*g", digits, value);
            if (strtof(text, NULL) == (float)value) break;
        }
    } else {
        json_exact_text(value, text);
    }
    json_key(json, name);
    fputs(text, json->out);
}

static void print_key(Json *json, GgufFile *gguf, const GgufModel *model, const GgufRow *row) {
    char key[KEY_LENGTH];
    const GgufKey *found = gguf_find(gguf, full(model, row->key, key));
    if (!found) return;
    if (row->kind == GGUF_CONFIG_INTEGER)
        json_integer(json, row->config, gguf_integer(gguf, key, 0));
    else
        print_number(json, row->config, found->type, gguf_number(gguf, key, 0));
}

static void print_token(Json *json, GgufFile *gguf, const char *name, const char *key) {
    if (gguf_find(gguf, key)) json_integer(json, name, gguf_integer(gguf, key, 0));
}

static void print_rope(Json *json, const GgufModel *model) {
    if (model->rope_factor == 1) return;
    json_open(json, "rope_scaling");
    json_string(json, "rope_type", "llama3");
    json_number(json, "factor", model->rope_factor);
    json_number(json, "low_freq_factor", 1);
    json_number(json, "high_freq_factor", 4);
    json_integer(json, "original_max_position_embeddings", 8192);
    json_close(json);
}

char *gguf_config(GgufFile *gguf, const GgufModel *model) {
    TextOut text;
    Json json = {.out = text_begin(&text), .layout = JSON_LINES};
    char key[KEY_LENGTH];
    const GgufRow *row;
    json_open(&json, NULL);
    json_string(&json, "model_type", model->architecture->model_type);
    json_string(&json, "hidden_act", model->architecture->activation);
    for (size_t i = 0; (row = gguf_row(model->architecture, i)); i++) {
        if (row->config) print_key(&json, gguf, model, row);
    }
    if (!gguf_find(gguf, full(model, "rope.freq_base", key)))
        json_integer(&json, "rope_theta", 10000);
    print_rope(&json, model);
    json_integer(&json, "num_key_value_heads", model->kv_heads);
    json_integer(&json, "head_dim", model->head_size);
    json_integer(&json, "vocab_size", model->vocab);
    json_boolean(&json, "tie_word_embeddings", model->tied);
    if (strcmp(model->architecture->name, "starcoder2") == 0) {
        json_boolean(&json, "use_bias", model->attention_bias);
    } else {
        json_boolean(&json, "attention_bias", model->attention_bias);
        json_boolean(&json, "mlp_bias", model->mlp_bias);
    }
    print_token(&json, gguf, "bos_token_id", "tokenizer.ggml.bos_token_id");
    print_token(&json, gguf, "eos_token_id", "tokenizer.ggml.eos_token_id");
    json_close(&json);
    fputc('\n', json.out);
    return text_end(&text);
}

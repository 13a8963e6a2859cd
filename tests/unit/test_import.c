/* test_import.c - models of Hugging Face classes compute here what transformers computes: the small models of
 * tests/oracle/imports.bin, which tests/oracle/imports.py made. The limit is 1e-9 of the largest logit in double and 1e-4
 * in float. */
#include "run/models/hf_weights.h"
#include "run/models/json_document.h"
#include "run/models/safetensors_open.h"

#include "base/stb_ds.h"
#include "base/text_out.h"
#include "run/config/config.h"
#include "run/io/files.h"
#include "tests/lib/nets.h"

#include <cJSON.h>

enum { FIXTURE_MAX = 1 << 24, CASES_MIN = 40 };

typedef struct {
    char name[64];
    const char *config;
    const unsigned char *weights;
    size_t config_size, weights_size, T, V;
    const int *tokens; /* (T) */
    double *logits;    /* (T,V) */
} Case;

static Case *cases; /* stb_ds array */

/* --- the file --- */

static void read_cases(void) {
    size_t size;
    char *text = file_contents("tests/oracle/imports.bin", FIXTURE_MAX, &size);
    if (!text) die(EXIT_DATA, "tests/oracle/imports.bin is missing: run this from the root");
    for (size_t at = 0; at < size;) {
        Case c = {.config = NULL};
        int head = 0;
        if (sscanf(text + at, "%63s %zu %zu %zu %zu%n", c.name, &c.config_size, &c.weights_size,
                   &c.T, &c.V, &head) != 5)
            die(EXIT_DATA, "tests/oracle/imports.bin: byte %zu", at);
        c.config = text + at + head + 1;
        c.weights = (const unsigned char *)c.config + c.config_size;
        const unsigned char *numbers = c.weights + c.weights_size;
        int *tokens = mem_alloc(c.T * sizeof *tokens);
        c.logits = mem_alloc(c.T * c.V * sizeof *c.logits);
        memcpy(tokens, numbers, c.T * sizeof *tokens);
        memcpy(c.logits, numbers + c.T * sizeof *tokens, c.T * c.V * sizeof *c.logits);
        c.tokens = tokens;
        arrput(cases, c);
        at = (size_t)(numbers - (const unsigned char *)text) + c.T * sizeof *tokens +
             c.T * c.V * sizeof *c.logits;
    }
}

/* --- one model --- */

typedef struct {
    HfModel hf;
    Weights weights;
    Config config;
    Model *model;
} Imported;

static bool import_case(Imported *imported, const Case *c) {
    char *error;
    *imported = (Imported){.model = NULL};
    cJSON *json = json_document_text(c->config, c->config_size, c->name, &error);
    CHECK(json, "%s: %s", c->name, error);
    imported->hf = hf_config_read(json, 0);
    cJSON_Delete(json);
    for (size_t i = 0; i < arrlenu(imported->hf.needs); i++)
        CHECK(false, "%s needs %s", c->name, imported->hf.needs[i]);
    if (!imported->hf.keys) return false;
    if (!config_parse(&imported->config, imported->hf.keys, c->name)) return false;
    error = safetensors_scan(&imported->weights, c->weights, c->weights_size);
    CHECK(!error, "%s: %s", c->name, error);
    imported->model = model_create(&imported->config.model, &imported->config.gamma_warmup,
                                   imported->hf.V, 1, MODEL_FORWARD);
    error = hf_weights_read(&imported->model->params, &imported->hf, &imported->weights);
    CHECK(!error, "%s: %s", c->name, error);
    return !error;
}

static void import_free(Imported *imported) {
    model_free(imported->model);
    config_free(&imported->config);
    weights_free(&imported->weights);
    hf_config_free(&imported->hf);
}

/* The largest difference of a logit, relative to the largest logit. */
static double difference(const Imported *imported, const Case *c) {
    double largest = 0, size = 0;
    const Pass pass = {.tokens = c->tokens, .B = 1, .T = c->T, .gamma = 1};
    model_forward(imported->model, &pass);
    for (size_t t = 0; t < c->T; t++) {
        const real *logits = model_logits(imported->model, t);
        for (size_t v = 0; v < c->V; v++) {
            const double d = fabs((double)logits[v] - c->logits[t * c->V + v]);
            if (!(d <= largest)) largest = d;
            size = fmax(size, fabs(c->logits[t * c->V + v]));
        }
    }
    return largest / size;
}

static void logits(void) {
    const double limit = sizeof(real) == sizeof(float) ? 1e-4 : 1e-9;
    double worst = 0;
    CHECK(arrlenu(cases) >= CASES_MIN, "%zu cases", arrlenu(cases));
    for (size_t i = 0; i < arrlenu(cases); i++) {
        Imported imported;
        if (import_case(&imported, &cases[i])) {
            const double d = difference(&imported, &cases[i]);
            CHECK(d < limit, "%s: %.3g", cases[i].name, d);
            if (!(d <= worst)) worst = d;
        }
        import_free(&imported);
    }
    printf("note: the logits of %zu models differ by at most %.2g\n", arrlenu(cases), worst);
}

/* --- the table --- */

static HfModel read_text(const char *json) {
    char *error;
    cJSON *config = json_document_text(json, strlen(json), "test", &error);
    if (!config) die(EXIT_INTERNAL, "%s", error);
    HfModel model = hf_config_read(config, 0);
    cJSON_Delete(config);
    return model;
}

/* Every row is that of a case, and docs/models.md has a line for every class. */
static void rows(void) {
    bool used[128] = {false};
    size_t length;
    char *page = file_contents("docs/models.md", FIXTURE_MAX, &length);
    for (size_t i = 0; i < arrlenu(cases); i++) {
        Imported imported;
        if (import_case(&imported, &cases[i]))
            used[imported.hf.architecture - architecture_at(0)] = true;
        import_free(&imported);
    }
    for (size_t i = 0; architecture_at(i); i++) {
        const Architecture *row = architecture_at(i);
        char *line = text_format("\n| `%s` | %s | ", row->model_type, row->class_name);
        CHECK(used[i], "row %zu, %s, has no case", i, row->model_type);
        CHECK(page && strstr(page, line), "docs/models.md has no line for %s", row->model_type);
        mem_free(line);
    }
    mem_free(page);
}

#define SIZES                                                                                      \
    "\"hidden_size\": 16, \"num_hidden_layers\": 2, \"num_attention_heads\": 4, "                  \
    "\"intermediate_size\": 20, \"max_position_embeddings\": 4096, \"vocab_size\": 29"

/* A context, and words of the only need. */
static void needs(void) {
    static const struct {
        const char *json, *need;
    } NEEDS[] = {
        {"{}", "a field model_type"},
        {"{\"model_type\": 3}", "a field model_type"},
        {"{\"model_type\": \"mamba\"}", "the architecture \"mamba\"; known are llama, "},
        {"{\"model_type\": \"falcon\", \"multi_query\": true, \"alibi\": true, " SIZES "}",
         "ALiBi"},
        {"{\"model_type\": \"llama\", \"num_key_value_heads\": 3, " SIZES "}", "equal groups"},
        {"{\"model_type\": \"llama\", \"head_dim\": 5, " SIZES "}",
         "an even number of rotated features"},
        {"{\"model_type\": \"llama\", \"attention_bias\": 1, " SIZES "}", "true or false"},
        {"{\"model_type\": \"llama\", \"rope_parameters\": {\"partial_rotary_factor\": 0.5}, " SIZES
         "}",
         "rotate in part"},
        {"{\"model_type\": \"llama\", \"hidden_act\": \"gelu\", " SIZES "}",
         "\"gelu\" in a gated MLP"},
        {"{\"model_type\": \"llama\", \"rms_norm_eps\": 0, " SIZES "}", "an eps"},
        {"{\"model_type\": \"llama\", \"rope_theta\": 0, " SIZES "}", "rope_theta"},
        {"{\"model_type\": \"llama\", \"rope_scaling\": {\"type\": \"yarn\", \"factor\": 4}, " SIZES
         "}",
         "RoPE frequencies of the type \"yarn\""},
        {"{\"model_type\": \"llama\", \"rope_scaling\": {\"rope_type\": \"llama3\", \"factor\": "
         "4}, " SIZES "}",
         "low_freq_factor"},
        {"{\"model_type\": \"ministral\", \"layer_types\": [\"full_attention\"], " SIZES "}",
         "for each layer"},
        {"{\"model_type\": \"gemma3_text\", \"sliding_window\": 5, \"layer_types\": "
         "[\"sliding_attention\", \"x\"], " SIZES "}",
         "layers of the type \"x\""},
        {"{\"model_type\": \"opt\", \"ffn_dim\": 20, \"word_embed_proj_dim\": 8, " SIZES "}",
         "a projection of the embedding"},
    };
    for (size_t i = 0; i < sizeof NEEDS / sizeof *NEEDS; i++) {
        HfModel model = read_text(NEEDS[i].json);
        const size_t count = arrlenu(model.needs);
        CHECK(count == 1 && strstr(model.needs[0], NEEDS[i].need), "%s: %zu needs, %s",
              NEEDS[i].json, count, count ? model.needs[0] : "none");
        CHECK(!model.keys, "%s has keys", NEEDS[i].json);
        hf_config_free(&model);
    }
}

/* The context is at most 1,024 unless the user chooses one; what is null is absent. */
static void contexts(void) {
    HfModel model = read_text("{\"model_type\": \"mistral\", \"sliding_window\": null, " SIZES "}");
    CHECK(model.context == IMPORT_CONTEXT && model.positions == 4096, "%zu", model.context);
    CHECK(model.keys && strstr(model.keys, "\"context\": 1024"), "%s", model.keys);
    hf_config_free(&model);
}

int main(int argc, char **argv) {
    static const Test tests[] = {
        {"import: logits of every case", logits},
        {"import: every row has a case and a line in docs/models.md", rows},
        {"import: what a model needs", needs},
        {"import: the context", contexts},
    };
    config_start();
    read_cases();
    return test_main(tests, sizeof tests / sizeof *tests, argc, argv);
}

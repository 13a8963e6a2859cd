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

int main(int argc, char **argv) {
    static const Test tests[] = {{"import: logits of every case", logits}};
    config_start();
    read_cases();
    return test_main(tests, sizeof tests / sizeof *tests, argc, argv);
}

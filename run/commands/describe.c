/* describe.c - see describe.h. */
#include "run/commands/describe.h"

#include "base/text_out.h"
#include "model/equations.h"
#include "norm/norm.h"
#include "run/io/json_out.h"
#include "run/log/resolved.h"

#include <stdio.h>
#include <string.h>

/* On stderr: it is not part of the equations. */
static void print_lr(const Config *config) {
    const OptimOptions *optim = &config->optim;
    const double factor = schedule_lr_factor(optim, config->model.norm);
    if (factor != 1)
        fprintf(stderr, "learning rate %.9g * optim.lr = %.9g (optim.rmsnorm_lr_scale)\n", factor,
                factor * optim->lr);
    if (optim->kind == OPTIMIZER_MUON)
        fprintf(stderr,
                "optimizer     muon for the matrices of the blocks, learning rate %.9g, %s scale; "
                "adamw for all other tensors\n",
                factor * schedule_muon_peak(optim), muon_scale_name(optim->muon_scale));
}

static void print_resolved(const Config *config) {
    char error[256];
    Wiring wiring;
    if (!wiring_resolve(&wiring, &config->model, error, sizeof error)) die(EXIT_USAGE, "%s", error);
    resolved_print(stdout, config, &wiring);
    wiring_free(&wiring);
}

/* --- JSON --- */

static void print_json_lines(Json *json, const char *text) {
    json_list_open(json, "text");
    while (*text) {
        const size_t length = strcspn(text, "\n");
        char *line = text_format("%.*s", (int)length, text);
        json_item(json);
        json_print_string(json->out, line);
        mem_free(line);
        text += length + (text[length] == '\n');
    }
    json_list_close(json);
}

/* A number, or an object as in model.wire. */
static void print_json_coefficient(Json *json, const char *name, const CoefficientWiring *w) {
    if (w->learn == LEARN_NOT) {
        json_number(json, name, w->value);
        return;
    }
    json_open(json, name);
    json_string(json, "learn", learn_name((int)w->learn));
    json_number(json, "start", w->value);
    json_number(json, "lr_scale", w->lr_scale);
    json_close(json);
}

static void print_json_sublayer(Json *json, const char *name, const SublayerWiring *w) {
    json_open(json, name);
    for (int slot = 0; slot < SLOTS; slot++)
        json_string(json, slot_name(slot), wire_kind_name((int)w->slot[slot]));
    json_string(json, "read", wire_read_name((int)w->read));
    for (CoefficientName i = 0; i < COEFFICIENTS; i++)
        print_json_coefficient(json, coefficient_name((int)i), &w->coefficient[i]);
    json_number(json, "gain", w->gain);
    json_number(json, "dual", w->dual);
    json_number(json, "out_gain", w->out_gain);
    if (w->branch_scale != 1) json_number(json, "branch_scale", w->branch_scale);
    json_close(json);
}

static void print_json_wiring(Json *json, const Wiring *wiring) {
    static const char *const QKV[] = {[QKV_PLAIN] = "none",
                                      [QK_WHOLE] = "q and k over all heads",
                                      [QK_HEAD] = "q and k per head",
                                      [QKV_HEAD] = "q, k and v per head"};
    static const char *const FINALS[] = {
        [FINAL_NONE] = "x", [FINAL_NORM] = "N(x)", [FINAL_DUAL] = "x + N(d)"};
    const bool bare = wiring->final == FINAL_DUAL && !wiring->final_norm;
    json_boolean(json, "embed_norm", wiring->embed_norm);
    json_string(json, "head", bare ? "x + d" : FINALS[wiring->final]);
    json_string(json, "init", init_name((int)wiring->init));
    json_list_open(json, "blocks");
    for (size_t l = 0; l < wiring->L; l++) {
        const BlockWiring *block = &wiring->block[l];
        json_item(json);
        json_open(json, NULL);
        json->layout = JSON_INLINE;
        json_string(json, "topology", block->row);
        json_string(json, "qkv_norms", QKV[block->qkv]);
        print_json_sublayer(json, "attn", &block->attn);
        print_json_sublayer(json, "mlp", &block->mlp);
        json_close(json);
        json->layout = JSON_LINES;
    }
    json_list_close(json);
}

static void print_json(const Config *config, const char *text, const char *hash) {
    const NormKind *norm = norm_kind(config->model.norm);
    char error[256];
    Wiring wiring;
    if (!wiring_resolve(&wiring, &config->model, error, sizeof error)) die(EXIT_USAGE, "%s", error);
    Json json = {.out = stdout};
    json_open(&json, NULL);
    json_string(&json, "name", config->name);
    json_string(&json, "topology", topology_name(config->model.topology));
    json_string(&json, "norm", norm->name);
    json_string(&json, "equations", hash);
    json_string(&json, "precision", precision_name(config->model.precision));
    json_string(&json, "stream_precision", stream_precision_name(config->model.stream_precision));
    const double factor = schedule_lr_factor(&config->optim, config->model.norm);
    json_string(&json, "optimizer", optimizer_name(config->optim.kind));
    json_number(&json, "lr", factor * config->optim.lr);
    if (config->optim.kind == OPTIMIZER_MUON)
        json_number(&json, "muon_lr", factor * schedule_muon_peak(&config->optim));
    resolved_print_json(&json, config, &wiring);
    print_json_wiring(&json, &wiring);
    print_json_lines(&json, text);
    json_close(&json);
    putchar('\n');
    wiring_free(&wiring);
}

void describe(const Config *config, bool as_json) {
    char hash[17],
        *text = equations_text(&config->model, &config->gamma_warmup, &config->branch_warmup);
    equations_hash(hash, &config->model, &config->gamma_warmup, &config->branch_warmup);
    if (as_json)
        print_json(config, text, hash);
    else
        printf("%sequations    %s\n", text, hash);
    if (!as_json) {
        equations_print_precision(stdout, &config->model);
        print_resolved(config);
    }
    mem_free(text);
    print_lr(config);
}

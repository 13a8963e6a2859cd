/* describe.c - see describe.h. */
#include "run/commands/describe.h"

#include "base/text_out.h"
#include "model/equations.h"
#include "norm/norm.h"
#include "run/io/json_out.h"
#include "run/log/resolved.h"
#include "run/log/wiring_out.h"

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
    wiring_print_json(&json, &wiring, config->model.position == POSITION_ROPE, NULL);
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

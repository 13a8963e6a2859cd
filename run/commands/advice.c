/* advice.c - see advice.h. */
#include "run/commands/advice.h"

#include "model/wiring.h"
#include "norm/norm.h"

#include <string.h>

typedef enum { PUBLISHED, MEASURED, FOLKLORE } Basis;

static const char *const BASES[] = {
    [PUBLISHED] = "published: ",
    [MEASURED] = "measured here: docs/claims.md#",
    [FOLKLORE] = "folklore: ",
};

enum { DEEP = 24, POST = 1 << SLOT_POST, PRE = 1 << SLOT_IN, PERI = 1 << SLOT_IN | 1 << SLOT_OUT };

/* Whether every block has norms in exactly these slots. */
static bool has_slots(const Config *config, const Wiring *wiring, unsigned slots) {
    return norm_kind(config->model.norm) != &norm_none && wiring_is_plain(wiring, slots);
}

static bool is_post(const Config *config, const Wiring *wiring) {
    return has_slots(config, wiring, POST);
}

static bool is_post_at_high_lr(const Config *config, const Wiring *wiring) {
    return has_slots(config, wiring, POST) && config->optim.lr >= 4e-3;
}

static bool is_pre(const Config *config, const Wiring *wiring) {
    return has_slots(config, wiring, PRE);
}

static bool is_deep_pre(const Config *config, const Wiring *wiring) {
    return has_slots(config, wiring, PRE) && config->model.n_layer >= DEEP;
}

static bool is_deep_post(const Config *config, const Wiring *wiring) {
    return has_slots(config, wiring, POST) && config->model.n_layer >= DEEP;
}

static bool is_deep_peri(const Config *config, const Wiring *wiring) {
    return has_slots(config, wiring, PERI) && config->model.n_layer >= DEEP;
}

/* Pre-LN with an embedding norm, or Peri-LN without one. */
static bool has_other_embed_norm(const Config *config, const Wiring *wiring) {
    return has_slots(config, wiring, wiring->embed_norm ? PRE : PERI);
}

static bool is_pre_post(const Config *config, const Wiring *wiring) {
    return has_slots(config, wiring, PRE | POST);
}

static bool is_slowed_rms(const Config *config, const Wiring *wiring) {
    (void)wiring;
    return norm_is_rms(norm_kind(config->model.norm)) && config->optim.rmsnorm_lr_scale < 1;
}

static bool is_layernorm(const Config *config, const Wiring *wiring) {
    (void)wiring;
    return norm_kind(config->model.norm) == &norm_layernorm;
}

static bool is_batchnorm(const Config *config, const Wiring *wiring) {
    (void)wiring;
    return norm_kind(config->model.norm)->running;
}

static bool is_dyt(const Config *config, const Wiring *wiring) {
    (void)wiring;
    return norm_kind(config->model.norm) == &norm_dyt;
}

static bool has_no_norm(const Config *config, const Wiring *wiring) {
    (void)wiring;
    return norm_kind(config->model.norm) == &norm_none;
}

static bool warms_gamma(const Config *config, const Wiring *wiring) {
    (void)wiring;
    return config->gamma_warmup.steps > 0;
}

static bool warms_branches(const Config *config, const Wiring *wiring) {
    (void)wiring;
    return config->branch_warmup.steps > 0;
}

/* The models and runs that a measurement is valid for, as in docs/claims.md. */
#define SMALL "4 blocks of width 64 (0.2 M parameters), 1,200 steps of 512 tokens"
#define DEEP_48 "48 blocks of width 32, 300 steps of 256 tokens"
#define DEEP_64 "64 blocks of width 32, 300 steps of 256 tokens at learning rate 1e-3"

/* A measured sentence names a claim of docs/claims.md and the verdict on it, for which the sentence
 * was written. tests/cli/cli_advice.sh compares both, and the numbers, with verdicts.json. */
#define HOLDS "verdict there: holds"
#define FAILS "verdict there: fails"
#define UNDECIDED "verdict there: undecided"

static const struct {
    bool (*applies)(const Config *config, const Wiring *wiring);
    const char *sentence;
    Basis basis;
    const char *source;  /* the claim, an anchor of docs/claims.md, if measured here */
    const char *verdict; /* NULL if not measured here */
    const char *scope;   /* NULL = none */
} TABLE[] = {
    {is_post, "Post-LN ended 0.77 nats (0.44 to 1.10) above Pre-LN, each at its best learning rate",
     MEASURED, "pre-worse", FAILS, SMALL},
    {is_post_at_high_lr,
     "Post-LN failed in 2 of 5 runs at learning rate 4e-3, and in all runs at 8e-3 and 1.6e-2",
     MEASURED, "pre-stable", HOLDS, SMALL},
    {is_deep_post,
     "Post-LN failed at learning rate 3e-3 without warm-up and trained at 1e-3 with warm-up",
     MEASURED, "post-depth", UNDECIDED, DEEP_48},
    {is_deep_post, "24 blocks of Post-LN diverged at learning rate 1e-3", PUBLISHED,
     "LayerNorm Scaling, github.com/lmsdss/LayerNorm-Scaling", NULL, NULL},
    {is_pre,
     "Peri-LN ended 0.11 nats below Pre-LN in the mean over five equal learning rates, and 0.05 "
     "(0.00 to 0.10) below it with each at its best",
     MEASURED, "peri-lower", UNDECIDED, SMALL},
    {is_pre, "Peri-LN ended 0.09 to 0.11 nats below Pre-LN at 0.4 to 3.2 B parameters", PUBLISHED,
     "Kim et al. 2025, arXiv 2502.02732", NULL, NULL},
    {has_other_embed_norm,
     "Peri-LN without an embedding norm ended 0.48 nats above Pre-LN, each at its best learning "
     "rate, and Pre-LN with one 0.27 to 0.39 above Pre-LN without",
     MEASURED, "embed-norm", FAILS, SMALL},
    {is_deep_pre,
     "the variance of the residual stream grew by a factor of 35.7 over the blocks, less than in "
     "Peri-LN",
     MEASURED, "variance-shape", UNDECIDED, DEEP_64},
    {is_deep_peri,
     "Peri-LN ended 0.09 nats (0.07 to 0.12) above Pre-LN, in runs too short to judge depth",
     MEASURED, "peri-deep", UNDECIDED, DEEP_64},
    {is_pre_post,
     "norms before a module and after the sum are not Peri-LN, and ended 0.38 nats (0.32 to 0.45) "
     "above it, each at its best learning rate",
     MEASURED, "literal", FAILS, SMALL},
    {is_slowed_rms, "RMSNorm needs a learning rate 5 to 10 % lower", FOLKLORE,
     "no measurement known but ours", NULL, NULL},
    {is_slowed_rms,
     "the best learning rate of RMSNorm was 1.17 times (0.89 to 1.54) that of LayerNorm", MEASURED,
     "rms-rate", UNDECIDED, SMALL ", Pre-LN"},
    {is_layernorm,
     "RMSNorm ended 0.02 nats below LayerNorm (-0.07 to +0.02), each at its best learning rate",
     MEASURED, "rms-loss", UNDECIDED, SMALL ", Pre-LN"},
    {is_batchnorm,
     "BatchNorm ended 0.67 nats above LayerNorm at a batch of 1, 0.17 at 4, and 0.02 at 16",
     MEASURED, "batchnorm", HOLDS, "4 blocks of width 64, Pre-LN, 600 steps at learning rate 2e-3"},
    {is_dyt,
     "DyT did not train with model.init_std = 0.02; with 0.2 it ended 0.30 nats above RMSNorm",
     MEASURED, "dyt-many", HOLDS, SMALL " at learning rate 4e-3, Pre-LN"},
    {has_no_norm,
     "models without norms ended 1.01 nats above RMSNorm at learning rate 4e-3, 1.59 at 1e-3, and "
     "failed in 4 of 5 runs at 1.6e-2",
     MEASURED, "no-norm", HOLDS, SMALL ", Pre-LN"},
    {warms_gamma,
     "gamma-warmup raised the final loss of Pre-LN by 0.17 nats (0.13 to 0.22), and that of "
     "Peri-LN, on its out norms, by 0.02 (-0.04 to +0.07)",
     MEASURED, "gamma-warmup", UNDECIDED, SMALL " at learning rate 8e-3"},
    {warms_branches, "branch-warmup raised the final loss of Pre-LN by 0.75 nats (0.41 to 1.08)",
     MEASURED, "branch-warmup", FAILS, SMALL " at learning rate 8e-3"},
};

void advice_print(const Config *config, FILE *out) {
    char error[256];
    Wiring wiring;
    if (!wiring_resolve(&wiring, &config->model, error, sizeof error)) return;
    const char *label = "\nadvice       ";
    for (size_t i = 0; i < sizeof TABLE / sizeof *TABLE; i++) {
        if (!TABLE[i].applies(config, &wiring)) continue;
        fprintf(out, "%s%s\n             (%s%s", label, TABLE[i].sentence, BASES[TABLE[i].basis],
                TABLE[i].source);
        if (TABLE[i].verdict) fprintf(out, ", %s", TABLE[i].verdict);
        if (TABLE[i].scope) fprintf(out, ";\n              %s", TABLE[i].scope);
        fputs(")\n", out);
        label = "             ";
    }
    wiring_free(&wiring);
}

void advice_print_json(const Config *config, Json *json) {
    static const char *const NAMES[] = {
        [PUBLISHED] = "published", [MEASURED] = "measured here", [FOLKLORE] = "folklore"};
    char error[256];
    Wiring wiring;
    if (!wiring_resolve(&wiring, &config->model, error, sizeof error)) return;
    json_list_open(json, "advice");
    for (size_t i = 0; i < sizeof TABLE / sizeof *TABLE; i++) {
        if (!TABLE[i].applies(config, &wiring)) continue;
        json_item(json);
        json_open(json, NULL);
        json->layout = JSON_INLINE;
        json_string(json, "sentence", TABLE[i].sentence);
        json_string(json, "basis", NAMES[TABLE[i].basis]);
        json_string(json, "source", TABLE[i].source);
        if (TABLE[i].verdict) json_string(json, "verdict", strrchr(TABLE[i].verdict, ' ') + 1);
        if (TABLE[i].scope) json_string(json, "scope", TABLE[i].scope);
        json_close(json);
        json->layout = JSON_LINES;
    }
    json_list_close(json);
    wiring_free(&wiring);
}

/* advice.c - see advice.h. */
#include "run/commands/advice.h"

#include "model/wiring.h"
#include "norm/norm.h"

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

/* The models and runs that a measurement holds for, as in docs/claims.md. */
#define SMALL "4 blocks of width 64 (0.2 M parameters), 1,200 steps of 512 tokens"
#define DEEP_48 "48 blocks of width 32, 300 steps of 256 tokens"
#define DEEP_64 "64 blocks of width 32, 300 steps of 256 tokens at learning rate 1e-3"

static const struct {
    bool (*applies)(const Config *config, const Wiring *wiring);
    const char *sentence;
    Basis basis;
    const char *source; /* an anchor of docs/claims.md if measured here */
    const char *scope;  /* NULL = none */
} TABLE[] = {
    {is_post,
     "Post-LN ended above Pre-LN at every learning rate from 1e-3 to 1.6e-2, and at the best one "
     "of "
     "each",
     MEASURED, "pre-worse", SMALL},
    {is_post_at_high_lr,
     "Post-LN failed in 2 of 5 runs at learning rate 4e-3, and in all runs at 8e-3 and 1.6e-2",
     MEASURED, "peri-lower", SMALL},
    {is_deep_post,
     "Post-LN failed at learning rate 3e-3 without warm-up and trained at 1e-3 with warm-up",
     MEASURED, "post-depth", DEEP_48},
    {is_deep_post, "24 blocks of Post-LN diverged at learning rate 1e-3", PUBLISHED,
     "LayerNorm Scaling, github.com/lmsdss/LayerNorm-Scaling", NULL},
    {is_pre, "Peri-LN ended 0.05 to 0.19 nats below Pre-LN at learning rates from 1e-3 to 8e-3",
     MEASURED, "peri-lower", SMALL},
    {is_pre, "Peri-LN ended 0.09 to 0.11 nats below Pre-LN at 0.4 to 3.2 B parameters", PUBLISHED,
     "Kim et al. 2025, arXiv 2502.02732", NULL},
    {has_other_embed_norm,
     "Pre-LN with an embedding norm, and Peri-LN without one, ended 0.27 to 0.66 nats above Pre-LN "
     "without",
     MEASURED, "embed-norm", SMALL ", learning rates 2e-3 to 8e-3"},
    {is_deep_pre,
     "the variance of the residual stream grows with depth, though less than in Peri-LN", MEASURED,
     "variance-shape", DEEP_64},
    {is_deep_peri, "deep, narrow Peri-LN did not end below Pre-LN", MEASURED, "variance", DEEP_64},
    {is_pre_post,
     "norms before a module and after the sum are not Peri-LN, and ended 0.2 to 2.6 nats above it",
     MEASURED, "literal", SMALL ", learning rates 1e-3 to 8e-3"},
    {is_slowed_rms, "RMSNorm needs a learning rate 5 to 10 % lower", FOLKLORE,
     "no measurement known but ours", NULL},
    {is_slowed_rms,
     "a learning rate 5 or 10 % lower made no difference for RMSNorm that five seeds can show",
     MEASURED, "rms-rate", SMALL ", Pre-LN"},
    {is_layernorm, "the losses of RMSNorm and LayerNorm could not be distinguished", MEASURED,
     "rms-loss", SMALL},
    {is_batchnorm, "BatchNorm ended above LayerNorm; the smaller the batch, the larger the gap",
     MEASURED, "batchnorm", "4 blocks of width 64, Pre-LN, 600 steps at learning rate 2e-3"},
    {is_dyt, "DyT in Pre-LN did not train with model.init_std = 0.02, but did with 0.2", MEASURED,
     "dyt", SMALL},
    {has_no_norm,
     "models without norms ended 1.0 to 1.6 nats above Pre-LN, and failed in 4 of 5 runs at "
     "learning rate 1.6e-2",
     MEASURED, "no-norm", SMALL},
    {warms_gamma, "gamma-warmup did not reduce the jitter of the gradient norm early in training",
     MEASURED, "gamma-warmup", SMALL " at learning rate 8e-3"},
    {warms_branches, "branch-warmup did not lower the final loss", MEASURED, "branch-warmup",
     SMALL " at learning rate 8e-3"},
};

void advice_print(const Config *config, FILE *out) {
    char error[256];
    Wiring wiring;
    if (!wiring_resolve(&wiring, &config->model, error, sizeof error)) return;
    const char *label = "\nadvice       ";
    for (size_t i = 0; i < sizeof TABLE / sizeof *TABLE; i++) {
        if (!TABLE[i].applies(config, &wiring)) continue;
        fprintf(out, "%s%s\n             (%s%s%s%s)\n", label, TABLE[i].sentence,
                BASES[TABLE[i].basis], TABLE[i].source, TABLE[i].scope ? ";\n              " : "",
                TABLE[i].scope ? TABLE[i].scope : "");
        label = "             ";
    }
    wiring_free(&wiring);
}

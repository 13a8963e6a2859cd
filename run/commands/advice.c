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

static bool plain(const Config *config, const Wiring *wiring, unsigned slots) {
    return norm_kind(config->model.norm) != &norm_none && wiring_is_plain(wiring, slots);
}

static bool is_post(const Config *config, const Wiring *wiring) {
    return plain(config, wiring, POST);
}

static bool is_hot_post(const Config *config, const Wiring *wiring) {
    return plain(config, wiring, POST) && config->optim.lr >= 4e-3;
}

static bool is_pre(const Config *config, const Wiring *wiring) {
    return plain(config, wiring, PRE);
}

static bool is_deep_pre(const Config *config, const Wiring *wiring) {
    return plain(config, wiring, PRE) && config->model.n_layer >= DEEP;
}

static bool is_deep_post(const Config *config, const Wiring *wiring) {
    return plain(config, wiring, POST) && config->model.n_layer >= DEEP;
}

static bool is_deep_peri(const Config *config, const Wiring *wiring) {
    return plain(config, wiring, PERI) && config->model.n_layer >= DEEP;
}

/* Pre-LN with a norm of the embedding, or Peri-LN without. */
static bool has_other_embed_norm(const Config *config, const Wiring *wiring) {
    return plain(config, wiring, wiring->embed_norm ? PRE : PERI);
}

static bool is_around_the_sum(const Config *config, const Wiring *wiring) {
    return plain(config, wiring, PRE | POST);
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

static bool is_unnormed(const Config *config, const Wiring *wiring) {
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

static const struct {
    bool (*applies)(const Config *config, const Wiring *wiring);
    const char *sentence;
    Basis basis;
    const char *source; /* of what is measured here, an anchor */
} TABLE[] = {
    {is_post, "Post-LN ended above Pre-LN at every learning rate, each one's best included",
     MEASURED, "pre-worse"},
    {is_hot_post, "Post-LN began to fail at 4e-3 and failed in every run at 8e-3 and above",
     MEASURED, "peri-lower"},
    {is_deep_post,
     "48 blocks of Post-LN failed at 3e-3 without warm-up and trained at 1e-3 with it", MEASURED,
     "post-depth"},
    {is_deep_post, "24 blocks of Post-LN diverged at 1e-3", PUBLISHED,
     "LayerNorm Scaling, github.com/lmsdss/LayerNorm-Scaling"},
    {is_pre, "Peri-LN ended below Pre-LN at every learning rate", MEASURED, "peri-lower"},
    {is_pre, "Peri-LN ended 0.09 to 0.11 nats below Pre-LN at 0.4 to 3.2 B parameters", PUBLISHED,
     "Kim et al. 2025, arXiv 2502.02732"},
    {has_other_embed_norm,
     "Pre-LN with a norm of the embedding, and Peri-LN without, ended far above Pre-LN without",
     MEASURED, "embed-norm"},
    {is_deep_pre, "the stream's variance grows with depth, though less than in Peri-LN", MEASURED,
     "variance-shape"},
    {is_deep_peri, "deep, narrow Peri-LN did not end below Pre-LN in 300 steps", MEASURED,
     "variance"},
    {is_around_the_sum, "norms before a module and after the sum are not Peri-LN, and ended higher",
     MEASURED, "literal"},
    {is_slowed_rms, "RMSNorm wants a learning rate 5 to 10 % lower", FOLKLORE,
     "no measurement known but ours"},
    {is_slowed_rms, "neither 5 nor 10 % less made a difference that five seeds show", MEASURED,
     "rms-rate"},
    {is_layernorm, "RMSNorm could not be told from LayerNorm by its loss", MEASURED, "rms-loss"},
    {is_batchnorm, "BatchNorm ended above LayerNorm, the more the smaller the batch", MEASURED,
     "batchnorm"},
    {is_dyt, "DyT did not train from model.init_std 0.02 in Pre-LN, and did from 0.2", MEASURED,
     "dyt"},
    {is_unnormed, "nets without norms trained worse, and broke at 1.6e-2", MEASURED, "no-norm"},
    {warms_gamma, "gamma-warmup did not make the gradient norm calmer early on", MEASURED,
     "gamma-warmup"},
    {warms_branches, "branch-warmup ended no lower than nets without it", MEASURED,
     "branch-warmup"},
};

void advice_print(const Config *config, FILE *out) {
    char error[256];
    Wiring wiring;
    if (!wiring_resolve(&wiring, &config->model, error, sizeof error)) return;
    const char *label = "\nadvice       ";
    for (size_t i = 0; i < sizeof TABLE / sizeof *TABLE; i++) {
        if (!TABLE[i].applies(config, &wiring)) continue;
        fprintf(out, "%s%s\n             (%s%s)\n", label, TABLE[i].sentence, BASES[TABLE[i].basis],
                TABLE[i].source);
        label = "             ";
    }
    wiring_free(&wiring);
}

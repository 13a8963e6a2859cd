/* config_rules.c - see config_rules.h.
 *
 * A warning states its basis: the definitions, a publication, or folklore, which is advice that we
 * found no source for. */
#include "run/config/config_rules.h"

#include "base/groups.h"
#include "base/text_out.h"
#include "model/model.h"
#include "model/removal.h"
#include "model/wiring.h"
#include "norm/norm.h"
#include "base/stb_ds.h"
#include "run/config/config_value.h"

#include <math.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

enum { SENTENCE_SIZE = 512 };

/* --- errors --- */

static bool rule_name(const Config *config, char *sentence, size_t size) {
    const char *name = config->name;
    bool plain = !text_invalid(name) && !strchr(name, '/');
    char shown[SHOWN_SIZE];
    snprintf(sentence, size, "name: \"%s\" is not a valid folder name",
             text_printable(name, shown));
    return plain && strcmp(name, ".") != 0 && strcmp(name, "..") != 0;
}

static bool rule_vocab(const Config *config, char *sentence, size_t size) {
    const char *value = config->data.vocab, *near = name_near(data_vocab_name, value);
    char shown[SHOWN_SIZE];
    snprintf(sentence, size,
             "data.vocab: unknown value \"%s\"%s%s%s (allowed: bytes, chars, or the path of a "
             "tokenizer that ends in .json)",
             text_printable(value, shown), near ? "; did you mean \"" : "", near ? near : "",
             near ? "\"?" : "");
    return vocab_kind(value) != VOCAB_UNKNOWN;
}

static bool rule_history(const Config *config, char *sentence, size_t size) {
    const SpikeOptions *spike = &config->spike;
    snprintf(sentence, size, "spike.min_history = %zu is greater than spike.window = %zu",
             spike->min_history, spike->window);
    return spike->min_history <= spike->window;
}

static bool rule_batch_norm(const Config *config, char *sentence, size_t size) {
    snprintf(sentence, size,
             "train.batch * model.context is 1: model.norm %s needs at least two tokens per batch",
             norm_name(config->model.norm));
    return !norm_kind(config->model.norm)->running || config->train.batch > 1 ||
           config->model.context > 1;
}

/* The factors of a scaling change the update of AdamW. */
static bool rule_scaling_optimizer(const Config *config, char *sentence, size_t size) {
    snprintf(
        sentence, size,
        "optim.kind %s cannot be used with model.scaling %s: its factors of learning rate, eps "
        "and weight decay are those of adamw",
        optimizer_name(config->optim.kind), scaling_name(config->model.scaling));
    return config->model.scaling == SCALING_NONE || config->optim.kind == OPTIMIZER_ADAMW;
}

/* --- warnings --- */

static bool rule_warmup_ends(const Config *config, char *sentence, size_t size) {
    size_t warmup = config->gamma_warmup.steps, steps = config->train.steps;
    snprintf(
        sentence, size,
        "gamma_warmup.steps = %zu is longer than the run, train.steps = %zu: the factor on gamma "
        "will not reach gamma_warmup.to",
        warmup, steps);
    return warmup <= steps || steps == 0;
}

static bool rule_warmup_listed(const Config *config, char *sentence, size_t size) {
    snprintf(sentence, size, "gamma_warmup.slots is empty: gamma_warmup has no effect");
    return config->gamma_warmup.steps == 0 || config->gamma_warmup.slots != 0;
}

/* Whether gamma-warmup scales any gamma of a sublayer. */
static bool sublayer_is_warm(const Config *config, const Wiring *wiring, size_t block, bool mlp) {
    const BlockWiring *row = &wiring->block[block];
    const SublayerWiring *sublayer = mlp ? &row->mlp : &row->attn;
    bool norms = strcmp(norm_name(config->model.norm), "none") != 0;
    for (int slot = 0; slot < SLOTS; slot++) {
        bool there =
            sublayer->slot[slot] == SLOT_SCALE || (sublayer->slot[slot] == SLOT_NORM && norms);
        if (there && wiring_is_warm(wiring, config->gamma_warmup.slots, block, mlp, (Slot)slot))
            return true;
    }
    return false;
}

static bool rule_warmup_acts(const Config *config, char *sentence, size_t size) {
    const GammaWarmup *warmup = &config->gamma_warmup;
    Wiring wiring;
    bool warm = false;
    if (!warmup->steps || !warmup->slots) return true;
    if (!wiring_resolve(&wiring, &config->model, sentence, size)) return true;
    for (size_t l = 0; l < wiring.L; l++) {
        warm |= sublayer_is_warm(config, &wiring, l, false);
        warm |= sublayer_is_warm(config, &wiring, l, true);
    }
    wiring_free(&wiring);
    snprintf(sentence, size,
             "gamma_warmup.slots lists no norm that a block of this model has: gamma_warmup has no "
             "effect");
    return warm;
}

static bool rule_out_start_acts(const Config *config, char *sentence, size_t size) {
    Wiring wiring;
    bool found = false;
    if (config->model.gamma_out_start == 0) return true;
    if (!wiring_resolve(&wiring, &config->model, sentence, size)) return true;
    for (size_t l = 0; l < wiring.L; l++) {
        const BlockWiring *block = &wiring.block[l];
        found |= block->attn.slot[SLOT_OUT] != SLOT_ABSENT;
        found |= block->mlp.slot[SLOT_OUT] != SLOT_ABSENT;
    }
    wiring_free(&wiring);
    snprintf(sentence, size,
             "model.gamma_out_start has no effect: no block of this model has a norm in slot out");
    return found;
}

static bool rule_branch_warmup_ends(const Config *config, char *sentence, size_t size) {
    const BranchWarmup *warmup = &config->branch_warmup;
    size_t steps = config->train.steps;
    size_t ends = warmup->steps * (warmup->order == BRANCH_EQUAL ? 1 : config->model.n_layer);
    snprintf(sentence, size,
             "branch_warmup.steps = %zu takes %zu updates in the last block, longer than the run, "
             "train.steps = %zu: the factor on its branches will not reach 1",
             warmup->steps, ends, steps);
    return ends <= steps || steps == 0;
}

/* The number of groups of norms that norm_removal removes; 0 if the model is invalid. */
static size_t removed_groups(const Config *config) {
    char sentence[SENTENCE_SIZE];
    Wiring wiring;
    if (!wiring_resolve(&wiring, &config->model, sentence, sizeof sentence)) return 0;
    size_t groups = removal_groups(&config->model, &wiring);
    wiring_free(&wiring);
    return groups;
}

static bool rule_removal_acts(const Config *config, char *sentence, size_t size) {
    snprintf(sentence, size,
             "norm_removal.order lists no place where this model has norms with statistics: "
             "norm_removal has no effect");
    return !config->model.removal.start || removed_groups(config) > 0;
}

static bool rule_removal_ends(const Config *config, char *sentence, size_t size) {
    const NormRemoval *removal = &config->model.removal;
    size_t groups = removed_groups(config), steps = config->train.steps;
    size_t last = groups ? removal_after(removal, groups - 1) : 0;
    snprintf(sentence, size,
             "norm_removal.start = %zu and norm_removal.interval = %zu remove the last norms after "
             "step %zu, but the run ends at train.steps = %zu",
             removal->start, removal->interval, last, steps);
    return last < steps || steps == 0;
}

static bool rule_lr_warmup_ends(const Config *config, char *sentence, size_t size) {
    size_t warmup = config->optim.warmup_steps, steps = config->train.steps;
    snprintf(sentence, size,
             "optim.warmup_steps = %zu is not shorter than the run, train.steps = %zu: the run "
             "ends during the learning rate warm-up",
             warmup, steps);
    return warmup < steps || steps == 0;
}

static bool rule_norms_exist(const Config *config, char *sentence, size_t size) {
    snprintf(sentence, size,
             "model.norm is none: topologies that differ only in their norms are the same model");
    return strcmp(norm_name(config->model.norm), "none") != 0;
}

static bool rule_norms_causal(const Config *config, char *sentence, size_t size) {
    snprintf(sentence, size,
             "model.norm is %s: in training it mixes the sequences of a batch and leaks later "
             "tokens into earlier ones, so the training loss is not that of a language model",
             norm_name(config->model.norm));
    return !norm_kind(config->model.norm)->running;
}

/* Whether every sublayer of the model is x = N(x + F(x)). */
static bool is_post_ln(const Config *config) {
    char sentence[SENTENCE_SIZE];
    Wiring wiring;
    if (!wiring_resolve(&wiring, &config->model, sentence, sizeof sentence)) return false;
    bool plain = wiring_is_plain(&wiring, 1 << SLOT_POST);
    wiring_free(&wiring);
    return plain && norm_kind(config->model.norm) != &norm_none;
}

static bool rule_post_warmup(const Config *config, char *sentence, size_t size) {
    snprintf(
        sentence, size,
        "optim.warmup_steps is 0 in a Post-LN model, whose gradients near the output are large "
        "at initialization: use a warm-up");
    return config->optim.warmup_steps > 0 || !is_post_ln(config);
}

static bool rule_post_depth(const Config *config, char *sentence, size_t size) {
    size_t blocks = config->model.n_layer;
    snprintf(sentence, size,
             "model.n_layer = %zu in a Post-LN model with optim.lr = %g: a run with 24 blocks and "
             "1e-3 diverged",
             blocks, config->optim.lr);
    return blocks < 24 || config->optim.lr < 1e-3 || !is_post_ln(config);
}

static bool rule_clip(const Config *config, char *sentence, size_t size) {
    snprintf(sentence, size, "optim.clip is 0: gradients are not clipped; 1.0 is the usual value");
    return config->optim.clip > 0;
}

static bool rule_threads(const Config *config, char *sentence, size_t size) {
    long cores = sysconf(_SC_NPROCESSORS_ONLN);
    snprintf(sentence, size,
             "train.threads = %zu on %ld cores: the threads will compete for the cores",
             config->train.threads, cores);
    return cores < 1 || config->train.threads <= (size_t)cores;
}

static bool rule_quota(const Config *config, char *sentence, size_t size) {
    if (!config->train.threads) return true;
    const double quota = groups_cpus("");
    snprintf(
        sentence, size,
        "train.threads = %zu is more than the CPU quota of the control group, %.3g: the kernel "
        "stops all threads when the quota of a period is used up",
        config->train.threads, quota);
    return (double)config->train.threads <= ceil(quota);
}

static bool rule_best_measured(const Config *config, char *sentence, size_t size) {
    snprintf(sentence, size, "train.keep_best has no effect: train.eval_every is 0");
    return !config->train.keep_best || config->train.eval_every;
}

/* The first key with this beginning that has not its default; NULL if there is none. */
static const Key *first_set(const Config *config, const char *prefix) {
    for (size_t i = 0; key_at(i); i++) {
        const Key *key = key_at(i);
        if (strncmp(key->path, prefix, strlen(prefix)) != 0) continue;
        char *value = value_text(config, key);
        const bool same = strcmp(value, key->default_json) == 0;
        mem_free(value);
        if (!same) return key;
    }
    return NULL;
}

static bool rule_muon_acts(const Config *config, char *sentence, size_t size) {
    const Key *key = config->optim.kind == OPTIMIZER_MUON ? NULL : first_set(config, "optim.muon_");
    if (key)
        snprintf(sentence, size, "%s has no effect: optim.kind is %s", key->path,
                 optimizer_name(config->optim.kind));
    return !key;
}

static bool rule_rope_acts(const Config *config, char *sentence, size_t size) {
    const Key *key =
        config->model.position == POSITION_ROPE ? NULL : first_set(config, "model.rope_");
    if (key)
        snprintf(sentence, size, "%s has no effect: model.position is %s", key->path,
                 position_name(config->model.position));
    return !key;
}

static bool rule_local_acts(const Config *config, char *sentence, size_t size) {
    const Key *key = first_set(config, "model.rope_local");
    Wiring wiring;
    if (!key || config->model.position != POSITION_ROPE) return true;
    if (!wiring_resolve(&wiring, &config->model, sentence, size)) return true;
    const bool local = wiring_has_rope(&wiring, ROPE_LOCAL);
    wiring_free(&wiring);
    snprintf(sentence, size, "%s has no effect: model.rope_layers has no local block", key->path);
    return local;
}

static bool rule_bias_at_acts(const Config *config, char *sentence, size_t size) {
    snprintf(sentence, size, "model.bias_at has no effect: model.bias is false");
    return config->model.bias || !*config->model.bias_at;
}

static bool rule_base_acts(const Config *config, char *sentence, size_t size) {
    const ModelOptions *model = &config->model;
    snprintf(sentence, size, "model.%s has no effect: model.scaling is none",
             model->base_d_model ? "base_d_model" : "base_n_layer");
    return model->scaling != SCALING_NONE || (!model->base_d_model && !model->base_n_layer);
}

/* --- the table --- */

enum { RULE_KEYS = 5 };

/* `holds` returns false if the rule is broken, and writes the sentence. */
typedef struct {
    bool (*holds)(const Config *config, char *sentence, size_t size);
    const char *basis;           /* NULL = an error; else a warning, and its basis */
    const char *keys[RULE_KEYS]; /* errors: the keys that the rule is about */
} Rule;

static const char by_definition[] = "by definition";
static const char folklore[] = "folklore: no measurement known to us";

static const Rule rules[] = {
    {rule_name, NULL, {"name"}},
    {rule_vocab, NULL, {"data.vocab"}},
    {rule_history, NULL, {"spike.min_history", "spike.window"}},
    {rule_batch_norm, NULL, {"train.batch", "model.context", "model.norm"}},
    {rule_scaling_optimizer, NULL, {"optim.kind", "model.scaling"}},
    {.holds = rule_warmup_ends, .basis = by_definition},
    {.holds = rule_warmup_listed, .basis = by_definition},
    {.holds = rule_warmup_acts, .basis = by_definition},
    {.holds = rule_out_start_acts, .basis = by_definition},
    {.holds = rule_branch_warmup_ends, .basis = by_definition},
    {.holds = rule_removal_acts, .basis = by_definition},
    {.holds = rule_removal_ends, .basis = by_definition},
    {.holds = rule_lr_warmup_ends, .basis = by_definition},
    {.holds = rule_best_measured, .basis = by_definition},
    {.holds = rule_muon_acts, .basis = by_definition},
    {.holds = rule_rope_acts, .basis = by_definition},
    {.holds = rule_local_acts, .basis = by_definition},
    {.holds = rule_bias_at_acts, .basis = by_definition},
    {.holds = rule_base_acts, .basis = by_definition},
    {.holds = rule_norms_exist, .basis = by_definition},
    {.holds = rule_norms_causal, .basis = by_definition},
    {.holds = rule_post_warmup, .basis = "published: Xiong et al. 2020, arXiv 2002.04745"},
    {.holds = rule_post_depth,
     .basis = "published: LayerNorm Scaling, github.com/lmsdss/LayerNorm-Scaling"},
    {.holds = rule_clip, .basis = folklore},
    {.holds = rule_threads, .basis = folklore},
    {.holds = rule_quota, .basis = by_definition},
};

/* The rules of model_check, in its order, and the keys that each is about. */
typedef enum {
    STAGE_HEADS,
    STAGE_KV_HEADS,
    STAGE_POSITION,
    STAGE_BIAS,
    STAGE_ROPE,
    STAGE_WINDOW,
    STAGE_BLOCKS,
    STAGE_NORM,
    STAGE_LAYERS,
    STAGE_WIRE,
    STAGE_REMOVAL,
    STAGES
} Stage;

static const char *const stage_keys[STAGES][RULE_KEYS] = {
    [STAGE_HEADS] = {"model.n_head", "model.d_model"},
    [STAGE_KV_HEADS] = {"model.n_kv_head", "model.n_head"},
    [STAGE_POSITION] = {"model.position", "model.rope_fraction", "model.head_dim", "model.d_model",
                        "model.n_head"},
    [STAGE_BIAS] = {"model.bias_at"},
    [STAGE_ROPE] = {"model.rope_layers", "model.position"},
    [STAGE_WINDOW] = {"model.window"},
    [STAGE_BLOCKS] = {"model.n_layer", "model.topology"},
    [STAGE_NORM] = {"model.norm", "model.topology"},
    [STAGE_LAYERS] = {"model.layers"},
    [STAGE_WIRE] = {"model.wire"},
    [STAGE_REMOVAL] = {"norm_removal.order"},
};

/* --- errors of the model --- */

/* Checks the model with neutral values for the keys of later stages. If the earlier stages hold, a
 * failure is about the keys of this stage. */
static bool stage_holds(ModelOptions options, Stage stage, char *sentence, size_t size) {
    if (stage < STAGE_KV_HEADS) options.n_kv_head = 0;
    if (stage < STAGE_POSITION) {
        options.position = POSITION_NONE;
        options.rope_factor = 1;
    }
    if (stage < STAGE_BIAS) options.bias_at = "";
    if (stage < STAGE_ROPE) options.rope_layers = "";
    if (stage < STAGE_WINDOW) options.window = "";
    if (stage < STAGE_BLOCKS) options.topology = 0; /* the first row has no requirements */
    if (stage < STAGE_NORM) options.norm = 0;
    if (stage < STAGE_LAYERS) options.layers = "";
    if (stage < STAGE_WIRE) options.n_wire = 0;
    if (stage < STAGE_REMOVAL) options.removal.order = NULL;
    return model_check(&options, sentence, size);
}

/* Sets the location of the next error to the key that was set last; of several set together, to the
 * first in the list. There is no location if all of them have their defaults. */
static void locate(const char *const keys[RULE_KEYS], Report *report) {
    size_t rank = 0;
    for (size_t i = 0; i < RULE_KEYS && keys[i]; i++) rank = report_path(report, keys[i], rank);
}

/* Sets the location of the next error to the first invalid entry of model.wire; false if it was not
 * set one by one. */
static bool locate_wire_entry(ModelOptions options, Report *report) {
    char sentence[SENTENCE_SIZE];
    const size_t n_wire = options.n_wire;
    options.n_wire = 1;
    while (options.n_wire < n_wire && stage_holds(options, STAGE_WIRE, sentence, sizeof sentence)) {
        options.n_wire++;
    }
    char *path = text_format("model.wire.%s", options.wire[options.n_wire - 1].key);
    bool found = report_path(report, path, 0) > 0;
    mem_free(path);
    return found;
}

static void check_model(const ModelOptions *options, Report *report) {
    for (Stage stage = STAGE_HEADS; stage < STAGES; stage++) {
        char sentence[SENTENCE_SIZE];
        if (stage_holds(*options, stage, sentence, sizeof sentence)) continue;
        if (stage != STAGE_WIRE || !locate_wire_entry(*options, report))
            locate(stage_keys[stage], report);
        report_error(report, "%s", sentence);
        report_return(report, NULL);
        return;
    }
}

/* --- all rules --- */

void rules_check(const Config *config, Report *report) {
    for (size_t i = 0; i < sizeof rules / sizeof *rules; i++) {
        char sentence[SENTENCE_SIZE];
        if (rules[i].basis || rules[i].holds(config, sentence, sizeof sentence)) continue;
        locate(rules[i].keys, report);
        report_error(report, "%s", sentence);
        report_return(report, NULL);
    }
    check_model(&config->model, report);
}

void config_warn(const Config *config) {
    for (size_t i = 0; i < sizeof rules / sizeof *rules; i++) {
        char sentence[SENTENCE_SIZE];
        if (!rules[i].basis || rules[i].holds(config, sentence, sizeof sentence)) continue;
        fprintf(stderr, "train: warning: %s (%s)\n", sentence, rules[i].basis);
    }
}

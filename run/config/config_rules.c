/* config_rules.c - see config_rules.h.
 *
 * A warning says what it rests on: the definitions, a publication, or folklore, advice that we
 * found no source for. */
#include "run/config/config_rules.h"

#include "base/text_out.h"
#include "model/model.h"
#include "model/removal.h"
#include "model/wiring.h"
#include "norm/norm.h"
#include "base/stb_ds.h"
#include "run/config/config_keys.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

enum { SENTENCE_SIZE = 512 };

/* --- errors --- */

static bool rule_name(const Config *config, char *sentence, size_t size) {
    const char *name = config->name;
    bool plain = !text_invalid(name) && !strchr(name, '/');
    char shown[SHOWN_SIZE];
    snprintf(sentence, size, "name: \"%s\" is not the plain name of a folder",
             text_printable(name, shown));
    return plain && strcmp(name, ".") != 0 && strcmp(name, "..") != 0;
}

static bool rule_history(const Config *config, char *sentence, size_t size) {
    const SpikeOptions *spike = &config->spike;
    snprintf(sentence, size, "spike.min_history = %zu is more than spike.window = %zu holds",
             spike->min_history, spike->window);
    return spike->min_history <= spike->window;
}

static bool rule_model(const Config *config, char *sentence, size_t size) {
    return model_check(&config->model, sentence, size);
}

static bool rule_batch_norm(const Config *config, char *sentence, size_t size) {
    snprintf(sentence, size,
             "train.batch * model.context is 1: model.norm batchnorm has no other token to compare "
             "a token with");
    return !norm_kind(config->model.norm)->running || config->train.batch > 1 ||
           config->model.context > 1;
}

/* --- warnings --- */

static bool rule_warmup_ends(const Config *config, char *sentence, size_t size) {
    size_t warmup = config->gamma_warmup.steps, steps = config->train.steps;
    snprintf(sentence, size,
             "gamma_warmup.steps = %zu is longer than the run, train.steps = %zu: gamma will not "
             "reach gamma_warmup.to",
             warmup, steps);
    return warmup <= steps || steps == 0;
}

static bool rule_warmup_listed(const Config *config, char *sentence, size_t size) {
    snprintf(sentence, size, "gamma_warmup.slots is empty: gamma_warmup.steps changes nothing");
    return config->gamma_warmup.steps == 0 || config->gamma_warmup.slots != 0;
}

/* Whether gamma-warmup scales anything in a sublayer. */
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
             "gamma_warmup.slots lists no norm that a block of this net has: gamma_warmup.steps "
             "changes nothing");
    return warm;
}

static bool rule_branch_warmup_ends(const Config *config, char *sentence, size_t size) {
    const BranchWarmup *warmup = &config->branch_warmup;
    size_t steps = config->train.steps;
    size_t ends = warmup->steps * (warmup->order == BRANCH_EQUAL ? 1 : config->model.n_layer);
    snprintf(sentence, size,
             "branch_warmup.steps = %zu takes %zu updates in the last block, longer than the run, "
             "train.steps = %zu: what that block adds will not reach its full size",
             warmup->steps, ends, steps);
    return ends <= steps || steps == 0;
}

/* Groups of norms that norm_removal takes out; 0 where the net cannot be built. */
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
             "norm_removal.order names no place where this net has norms with a statistic: "
             "norm_removal.start changes nothing");
    return !config->model.removal.start || removed_groups(config) > 0;
}

static bool rule_removal_ends(const Config *config, char *sentence, size_t size) {
    const NormRemoval *removal = &config->model.removal;
    size_t groups = removed_groups(config), steps = config->train.steps;
    size_t last = groups ? removal_after(removal, groups - 1) : 0;
    snprintf(sentence, size,
             "norm_removal.start = %zu and norm_removal.interval = %zu take the last norms out "
             "after update %zu, the run ends after train.steps = %zu",
             removal->start, removal->interval, last, steps);
    return last < steps || steps == 0;
}

static bool rule_lr_warmup_ends(const Config *config, char *sentence, size_t size) {
    size_t warmup = config->optim.warmup_steps, steps = config->train.steps;
    snprintf(sentence, size,
             "optim.warmup_steps = %zu is not shorter than the run, train.steps = %zu: the run "
             "ends inside the learning rate's warm-up",
             warmup, steps);
    return warmup < steps || steps == 0;
}

static bool rule_norms_exist(const Config *config, char *sentence, size_t size) {
    snprintf(sentence, size,
             "model.norm is none: topologies that differ in their norms alone are one network");
    return strcmp(norm_name(config->model.norm), "none") != 0;
}

static bool rule_norms_causal(const Config *config, char *sentence, size_t size) {
    snprintf(sentence, size,
             "model.norm is batchnorm: in training it mixes the samples of a batch and leaks later "
             "tokens into earlier ones, so that the training loss is not a language model's");
    return !norm_kind(config->model.norm)->running;
}

/* Whether every sublayer of the net is x = N(x + F(x)). */
static bool is_post_ln(const Config *config) {
    char sentence[SENTENCE_SIZE];
    Wiring wiring;
    if (!wiring_resolve(&wiring, &config->model, sentence, sizeof sentence)) return false;
    bool plain = wiring_is_plain(&wiring, 1 << SLOT_POST);
    wiring_free(&wiring);
    return plain && norm_kind(config->model.norm) != &norm_none;
}

static bool rule_post_warmup(const Config *config, char *sentence, size_t size) {
    snprintf(sentence, size,
             "optim.warmup_steps is 0 in a Post-LN net, whose gradients near the output are large "
             "at the start: it wants a warm-up");
    return config->optim.warmup_steps > 0 || !is_post_ln(config);
}

static bool rule_post_depth(const Config *config, char *sentence, size_t size) {
    size_t blocks = config->model.n_layer;
    snprintf(sentence, size,
             "model.n_layer = %zu in a Post-LN net with optim.lr = %g: a run with 24 blocks and "
             "1e-3 diverged",
             blocks, config->optim.lr);
    return blocks < 24 || config->optim.lr < 1e-3 || !is_post_ln(config);
}

static bool rule_clip(const Config *config, char *sentence, size_t size) {
    snprintf(sentence, size,
             "optim.clip is 0: gradients are applied at any size; 1.0 is customary");
    return config->optim.clip > 0;
}

static bool rule_threads(const Config *config, char *sentence, size_t size) {
    long cores = sysconf(_SC_NPROCESSORS_ONLN);
    snprintf(sentence, size,
             "train.threads = %zu on %ld cores: the threads will wait for each other",
             config->train.threads, cores);
    return cores < 1 || config->train.threads <= (size_t)cores;
}

/* --- the table --- */

/* Writes a sentence that begins with the key to change, and returns false where it is broken. */
typedef struct {
    bool (*holds)(const Config *config, char *sentence, size_t size);
    const char *basis; /* NULL = an error; else a warning, and what it rests on */
} Rule;

static const char by_definition[] = "by definition";
static const char folklore[] = "folklore: we know no measurement";

/* In this order; whether the model can be built is asked last among the errors. */
static const Rule rules[] = {
    {rule_name, NULL},
    {rule_history, NULL},
    {rule_batch_norm, NULL},
    {rule_model, NULL},
    {rule_warmup_ends, by_definition},
    {rule_warmup_listed, by_definition},
    {rule_warmup_acts, by_definition},
    {rule_branch_warmup_ends, by_definition},
    {rule_removal_acts, by_definition},
    {rule_removal_ends, by_definition},
    {rule_lr_warmup_ends, by_definition},
    {rule_norms_exist, by_definition},
    {rule_norms_causal, by_definition},
    {rule_post_warmup, "published: Xiong et al. 2020, arXiv 2002.04745"},
    {rule_post_depth, "published: LayerNorm Scaling, github.com/lmsdss/LayerNorm-Scaling"},
    {rule_clip, folklore},
    {rule_threads, folklore},
};

/* Places the next error at the entry of `path` that a quoted word names, or at `path` itself, where
 * a source of a rank above `above` set it; as report_path. */
static size_t report_entry(const char *path, const char *quote, size_t above, Report *report) {
    char *entry = NULL;
    text_add(&entry, "%s.%.*s", path, quote ? (int)strcspn(quote + 1, "\"") : 0,
             quote ? quote + 1 : "");
    size_t rank = quote ? report_path(report, entry, above) : above;
    arrfree(entry);
    return rank > above ? rank : report_path(report, path, above);
}

/* Says the place of the culprit: of the keys that the sentence names outside quotes, the one that
 * was set last, and of several set together the one that is named first. Where a quoted word is an
 * entry of it (model.wire), that entry. Without a place where all of them are defaults. */
static void find_culprit(const char *sentence, Report *report) {
    size_t rank = 0;
    const char *quote = strchr(sentence, '"');
    char *path = NULL;
    for (const char *at = sentence; *at;) {
        if (*at == '"') {
            const char *close = strchr(at + 1, '"');
            at = close ? close + 1 : at + 1;
            continue;
        }
        int length = (int)strspn(at, "abcdefghijklmnopqrstuvwxyz0123456789_.");
        int word = length && at[length - 1] == '.' ? length - 1 : length;
        arrsetlen(path, 0);
        text_add(&path, "%.*s", word, at);
        if (word && key_find(path)) rank = report_entry(path, quote, rank, report);
        at += length ? length : 1;
    }
    arrfree(path);
}

void rules_check(const Config *config, Report *report) {
    for (size_t i = 0; i < sizeof rules / sizeof *rules; i++) {
        char sentence[SENTENCE_SIZE];
        if (rules[i].basis || rules[i].holds(config, sentence, sizeof sentence)) continue;
        find_culprit(sentence, report);
        report_error(report, "%s", sentence);
        report_return(report, NULL);
    }
}

void config_warn(const Config *config) {
    for (size_t i = 0; i < sizeof rules / sizeof *rules; i++) {
        char sentence[SENTENCE_SIZE];
        if (!rules[i].basis || rules[i].holds(config, sentence, sizeof sentence)) continue;
        fprintf(stderr, "train: warning: %s (%s)\n", sentence, rules[i].basis);
    }
}

/* equations_hash.c - the hash of a model's equations. See equations.h.
 *
 * One idea: the hash is taken of the resolved model in a canonical form, a line of numbers and fixed
 * words for each part, and not of the printed text. So a change of wording never makes a checkpoint
 * look like another model, and every difference that --describe shows changes the hash. The fixed
 * words below are part of format_version "2": they are not edited. */
#include "model/equations.h"

#include "base/text_out.h"
#include "model/mlp.h"
#include "model/removal.h"
#include "norm/norm.h"

#include <stdio.h>
#include <string.h>

static const char *const SLOT_WORDS[] = {
    [SLOT_ABSENT] = "-", [SLOT_NORM] = "N", [SLOT_SCALE] = "S"};
static const char *const READ_WORDS[] = {
    [READ_STREAM] = "x", [READ_BLOCK] = "x_block", [READ_SHARED] = "u"};
static const char *const QKV_WORDS[] = {
    [QKV_PLAIN] = "-", [QK_WHOLE] = "qk_whole", [QK_HEAD] = "qk_head", [QKV_HEAD] = "qkv_head"};
static const char *const ROPE_WORDS[] = {
    [ROPE_GLOBAL] = "rope", [ROPE_LOCAL] = "local", [ROPE_NONE] = "none"};
static const char *const FINAL_WORDS[] = {
    [FINAL_NONE] = "x", [FINAL_NORM] = "N(x)", [FINAL_DUAL] = "x+N(d)"};
static const char *const INIT_WORDS[] = {[INIT_PLAIN] = "plain",
                                         [INIT_SCALED] = "scaled",
                                         [INIT_DEEPNORM] = "deepnorm",
                                         [INIT_SUBLN] = "subln"};
static const char *const LEARN_WORDS[] = {[LEARN_NOT] = "",
                                          [LEARN_SCALAR] = "scalar",
                                          [LEARN_VECTOR] = "vector",
                                          [LEARN_SHRINK] = "shrink"};
static const char *const POSITION_WORDS[] = {
    [POSITION_LEARNED] = "learned", [POSITION_ROPE] = "rope", [POSITION_NONE] = "none"};

static const char *const SCALING_WORDS[] = {
    [SCALING_NONE] = "none", [SCALING_DEPTH_MUP] = "depth_mup", [SCALING_COMPLETEP] = "completep"};

/* 17 digits are enough to tell any two doubles apart; -0 is 0. */
static void write_number(FILE *out, const char *name, double value) {
    fprintf(out, " %s=%.17g", name, value + 0.0);
}

/* For keys that came later: their default leaves the hashes of earlier versions as they were. */
static void write_changed(FILE *out, const char *name, double value, double by_default) {
    if (value != by_default) write_number(out, name, value);
}

/* eps only of norms that add it to a statistic. */
static void write_norm(FILE *out, const ModelOptions *options) {
    const NormKind *kind = norm_kind(options->norm);
    const bool uses_eps = kind->eps != 0, own = options->norm_eps != 0;
    fprintf(out, "norm %s", kind->name);
    write_number(out, "eps", !uses_eps ? 0 : own ? options->norm_eps : kind->eps);
    write_number(out, "eps_out", !uses_eps ? 0 : own ? options->norm_eps : kind->eps_out);
    fprintf(out, " beta=%d\n",
            norm_param(kind, NORM_SHIFT) && options_has_bias(options, BIAS_NORM));
}

/* A w behind the slots that gamma-warmup scales. */
static void write_slot(FILE *out, const Wiring *wiring, unsigned warm_slots, size_t block, bool mlp,
                       Slot slot) {
    const BlockWiring *of = &wiring->block[block];
    const SlotKind kind = (mlp ? &of->mlp : &of->attn)->slot[slot];
    bool warm = kind != SLOT_ABSENT && wiring_is_warm(wiring, warm_slots, block, mlp, slot);
    fprintf(out, "%s%s", SLOT_WORDS[kind], warm ? "w" : "");
}

/* Nothing where no coefficient is learned. */
static void write_learned(FILE *out, const SublayerWiring *w) {
    for (CoefficientName name = 0; name < COEFFICIENTS; name++) {
        const CoefficientWiring *coefficient = &w->coefficient[name];
        if (coefficient->learn == LEARN_NOT) continue;
        fprintf(out, " %s:%s", coefficient_name((int)name), LEARN_WORDS[coefficient->learn]);
        write_number(out, "lr", coefficient->lr_scale);
    }
}

/* Slots in the order in, out, post. Slot mid came later: it is written only if it is there. */
static void write_sublayer(FILE *out, const Wiring *wiring, unsigned warm_slots, size_t block,
                           bool mlp) {
    const BlockWiring *of = &wiring->block[block];
    const SublayerWiring *w = mlp ? &of->mlp : &of->attn;
    fprintf(out, "block %zu %s ", block + 1, mlp ? "mlp" : "attn");
    for (int slot = 0; slot < SLOTS; slot++) {
        if (slot != SLOT_MID) write_slot(out, wiring, warm_slots, block, mlp, (Slot)slot);
    }
    if (w->slot[SLOT_MID] != SLOT_ABSENT) {
        fputs(" mid=", out);
        write_slot(out, wiring, warm_slots, block, mlp, SLOT_MID);
    }
    fprintf(out, " read=%s", READ_WORDS[w->read]);
    write_number(out, "skip", w->coefficient[COEF_SKIP].value);
    write_number(out, "branch", w->coefficient[COEF_BRANCH].value);
    write_number(out, "gain", w->gain);
    write_number(out, "block_skip", w->coefficient[COEF_BLOCK_SKIP].value);
    write_number(out, "dual", w->dual);
    write_changed(out, "enter", w->coefficient[COEF_ENTER].value, 1);
    write_changed(out, "enter_x0", w->coefficient[COEF_ENTER_X0].value, 0);
    write_changed(out, "x0", w->coefficient[COEF_X0].value, 0);
    write_changed(out, "leave", w->coefficient[COEF_LEAVE].value, 1);
    write_learned(out, w);
    fputc('\n', out);
}

static void write_blocks(FILE *out, const ModelOptions *options, const Wiring *wiring,
                         unsigned warm_slots) {
    for (size_t l = 0; l < wiring->L; l++) {
        write_sublayer(out, wiring, warm_slots, l, false);
        write_sublayer(out, wiring, warm_slots, l, true);
        fprintf(out, "block %zu qkv=%s", l + 1, QKV_WORDS[wiring->block[l].qkv]);
        write_number(out, "out_start", wiring->block[l].attn.out_gain);
        write_changed(out, "mlp_out_start", wiring->block[l].mlp.out_gain,
                      wiring->block[l].attn.out_gain);
        if (options->position == POSITION_ROPE && wiring->block[l].rope != ROPE_GLOBAL)
            fprintf(out, " rope=%s", ROPE_WORDS[wiring->block[l].rope]);
        write_changed(out, "window", (double)wiring->block[l].window, 0);
        fputc('\n', out);
    }
}

/* What no block reads has its default here. */
static void write_rope(FILE *out, const ModelOptions *options, const Wiring *wiring) {
    const bool global = wiring_has_rope(wiring, ROPE_GLOBAL);
    const bool local = wiring_has_rope(wiring, ROPE_LOCAL);
    const bool scaled = global && options->rope_factor != 1;
    write_changed(out, "theta", global ? options->rope_theta : 10000, 10000);
    write_changed(out, "fraction", global || local ? options->rope_fraction : 1, 1);
    write_changed(out, "factor", scaled ? options->rope_factor : 1, 1);
    write_changed(out, "low", scaled ? options->rope_low_freq : 1, 1);
    write_changed(out, "high", scaled ? options->rope_high_freq : 4, 4);
    write_changed(out, "original", scaled ? options->rope_original : 8192, 8192);
    if (local) write_number(out, "local_theta", options->rope_local_theta);
}

/* Only if some linear layers have biases and others have not, which came later. */
static void write_bias_sites(FILE *out, const ModelOptions *options) {
    bool has[BIAS_SITES], some = false, all = true;
    for (BiasSite site = BIAS_QKV; site < BIAS_SITES; site++) {
        has[site] = options_has_bias(options, site);
        some |= has[site];
        all &= has[site];
    }
    if (!some || all) return;
    fprintf(out, " at=%s%s%s", has[BIAS_QKV] ? "qkv," : "", has[BIAS_PROJ] ? "proj," : "",
            has[BIAS_MLP] ? "mlp," : "");
}

static void write_branches(FILE *out, const ModelOptions *options, const Wiring *wiring) {
    const size_t NKV = options->n_kv_head ? options->n_kv_head : options->n_head;
    fprintf(out, "attention heads=%zu kv_heads=%zu head_size=%zu position=%s", options->n_head, NKV,
            options_head_dim(options), POSITION_WORDS[options->position]);
    if (options->position == POSITION_ROPE) write_rope(out, options, wiring);
    write_changed(out, "softcap", options->softcap_attn, 0);
    fputc('\n', out);
    fprintf(out, "mlp %s bias=%d", mlp_name(options->mlp), options_has_layer_bias(options));
    write_bias_sites(out, options);
    fputc('\n', out);
}

static void write_head(FILE *out, const ModelOptions *options, const Wiring *wiring) {
    fprintf(out, "head h=%s norm=%d tied=%d", FINAL_WORDS[wiring->final], wiring->final_norm,
            options->tie_embeddings);
    write_changed(out, "bias", options->head_bias, 0);
    write_changed(out, "softcap", options->softcap_logits, 0);
    fputc('\n', out);
}

/* The words of `text` with one comma between them, however many blanks there were. */
static void write_words(FILE *out, const char *text) {
    for (const char *at = text + strspn(text, " "); *at; at += strspn(at, " ")) {
        size_t length = strcspn(at, " ");
        fprintf(out, "%.*s,", (int)length, at);
        at += length;
    }
}

/* Nothing where norm_removal is off. */
static void write_removal(FILE *out, const ModelOptions *options, const Wiring *wiring) {
    const NormRemoval *removal = &options->removal;
    const size_t groups = removal_groups(options, wiring);
    if (!removal->start) return;
    fprintf(out, "norm_removal groups=%zu", groups);
    if (groups) {
        fprintf(out, " first=%zu last=%zu", removal->start, removal_after(removal, groups - 1));
        write_number(out, "average", removal->average);
        fprintf(out, " first_apart=%d order=", removal->first_apart);
        write_words(out, removal->order);
    }
    fputc('\n', out);
}

/* Nothing without scaling: all of its factors follow from these. */
static void write_scaling(FILE *out, const Scaling *scaling) {
    if (scaling->kind == SCALING_NONE) return;
    fprintf(out, "scaling %s", SCALING_WORDS[scaling->kind]);
    write_number(out, "width", scaling->width);
    write_number(out, "depth", scaling->depth);
    fputc('\n', out);
}

char *equations_canonical(const ModelOptions *options, const GammaWarmup *warmup,
                          const BranchWarmup *branch) {
    const unsigned warm_slots = warmup->steps ? warmup->slots : 0;
    char error[256];
    TextOut text;
    Wiring wiring;
    if (!wiring_resolve(&wiring, options, error, sizeof error)) die(EXIT_USAGE, "%s", error);
    FILE *out = text_begin(&text);
    write_norm(out, options);
    fprintf(out, "embedding norm=%d", wiring.embed_norm);
    write_changed(out, "scale", options_embed_scale(options), 1);
    fputc('\n', out);
    write_blocks(out, options, &wiring, warm_slots);
    write_branches(out, options, &wiring);
    write_head(out, options, &wiring);
    fprintf(out, "init %s", INIT_WORDS[wiring.init]);
    write_number(out, "std", options->init_std);
    write_changed(out, "embed_std", options_embed_std(options), options->init_std);
    fprintf(out, " blocks=%zu\n", options->n_layer);
    write_scaling(out, &wiring.scaling);
    if (warm_slots) fputs("gamma_warmup\n", out);
    if (branch->steps)
        fprintf(out, "branch_warmup %s\n", branch->order == BRANCH_EQUAL ? "equal" : "deeper");
    write_removal(out, options, &wiring);
    wiring_free(&wiring);
    return text_end(&text);
}

void equations_hash(char hash[17], const ModelOptions *options, const GammaWarmup *warmup,
                    const BranchWarmup *branch) {
    char *text = equations_canonical(options, warmup, branch);
    snprintf(hash, 17, "%016llx", (unsigned long long)hash_text(HASH_START, text));
    mem_free(text);
}

/* equations.c - see equations.h. */
#include "model/equations.h"
#include "model/mlp.h"
#include "model/removal.h"
#include "norm/norm.h"
#include "base/text_out.h"

#include <stdio.h>
#include <string.h>

/* N of a slot around an expression: "N(x)", "Nw(x)" under gamma-warmup, "S(x)" for a gain, or "x".
 */
static void print_slot(FILE *out, SlotKind slot, bool warm, const char *inner) {
    switch (slot) {
    case SLOT_ABSENT:
        fputs(inner, out);
        break;
    case SLOT_NORM:
        fprintf(out, "N%s(%s)", warm ? "w" : "", inner);
        break;
    case SLOT_SCALE:
        fprintf(out, "S%s(%s)", warm ? "w" : "", inner);
        break;
    }
}

/* "+ 2.5 x": without a + in front of the first term, and without a factor of 1. */
static void print_term(FILE *out, bool *first, double factor, const char *term) {
    if (factor == 0) return;
    if (!*first || factor < 0) fprintf(out, *first ? "-" : factor < 0 ? " - " : " + ");
    double size = factor < 0 ? -factor : factor;
    if (size != 1) fprintf(out, "%.9g ", size);
    fputs(term, out);
    *first = false;
}

/* A term with a coefficient: "0.5 x", or "[skip] x" where the coefficient is learned. */
static void print_product(FILE *out, bool *first, const SublayerWiring *w, CoefficientName name,
                          const char *term) {
    const CoefficientWiring *coefficient = &w->coefficient[name];
    if (coefficient->learn == LEARN_NOT) {
        print_term(out, first, coefficient->value, term);
        return;
    }
    char *product = text_format("[%s] %s", coefficient_name((int)name), term);
    print_term(out, first, name == COEF_BRANCH ? w->branch_scale : 1, product);
    mem_free(product);
}

/* The slots under gamma-warmup, and whether branch-warmup is on. */
typedef struct {
    unsigned slots;
    bool branch;
} Warm;

typedef struct {
    const Wiring *wiring;
    Warm warm;
    size_t block;
    bool mlp;
} SublayerRef;

static bool warm(const SublayerRef *sublayer, Slot slot) {
    return wiring_is_warm(sublayer->wiring, sublayer->warm.slots, sublayer->block, sublayer->mlp,
                          slot);
}

static char *string_of_slot(const SublayerRef *sublayer, SlotKind slot, Slot which,
                            const char *inner) {
    TextOut text;
    print_slot(text_begin(&text), slot, warm(sublayer, which), inner);
    return text_end(&text);
}

/* f of a sublayer: "attention(u)", or "proj(N(heads(u)))" with slot mid. */
static char *branch_text(const SublayerWiring *w, const SublayerRef *sublayer) {
    const bool mlp = sublayer->mlp;
    if (w->slot[SLOT_MID] == SLOT_ABSENT)
        return text_format("%s", mlp ? "mlp(u')" : "attention(u)");
    char *inner =
        string_of_slot(sublayer, w->slot[SLOT_MID], SLOT_MID, mlp ? "hidden(u')" : "heads(u)");
    char *text = text_format("%s(%s)", mlp ? "down" : "proj", inner);
    mem_free(inner);
    return text;
}

/* "x = [enter] x + 0.2 x_0; " where x is not the stream that the sublayer is given. */
static void print_enter(FILE *out, const SublayerWiring *w) {
    bool first = true;
    if (coefficient_is(&w->coefficient[COEF_ENTER], 1) &&
        coefficient_is(&w->coefficient[COEF_ENTER_X0], 0))
        return;
    fputs("x = ", out);
    print_product(out, &first, w, COEF_ENTER, "x");
    print_product(out, &first, w, COEF_ENTER_X0, "x_0");
    fputs(first ? "0; " : "; ", out);
}

/* skip x + branch o + block_skip x_block + x0 x_0 */
static char *sum_text(const SublayerWiring *w, const char *branch) {
    TextOut text;
    FILE *out = text_begin(&text);
    bool first = true;
    print_product(out, &first, w, COEF_SKIP, "x");
    print_product(out, &first, w, COEF_BRANCH, branch);
    print_product(out, &first, w, COEF_BLOCK_SKIP, "x_block");
    print_product(out, &first, w, COEF_X0, "x_0");
    if (first) fputs("0", out);
    return text_end(&text);
}

/* leave N_post(sum) */
static void print_stream(FILE *out, const SublayerWiring *w, const SublayerRef *sublayer,
                         const char *sum) {
    const CoefficientWiring *leave = &w->coefficient[COEF_LEAVE];
    const bool leaves = !coefficient_is(leave, 1);
    const bool brackets = leaves && w->slot[SLOT_POST] == SLOT_ABSENT;
    if (leave->learn == LEARN_SHRINK)
        fputs("(1 - silu[leave]) ", out);
    else if (leave->learn != LEARN_NOT)
        fputs("[leave] ", out);
    else if (leaves)
        fprintf(out, "%.9g ", leave->value);
    if (brackets) fputs("(", out);
    print_slot(out, w->slot[SLOT_POST], warm(sublayer, SLOT_POST), sum);
    if (brackets) fputs(")", out);
}

static void print_sublayer(FILE *out, const SublayerWiring *w, const SublayerRef *sublayer) {
    static const char *const READS[] = {
        [READ_STREAM] = "x", [READ_BLOCK] = "x_block", [READ_SHARED] = "u"};
    const char *u = sublayer->mlp ? "u'" : "u";
    if (sublayer->mlp) print_enter(out, w);
    fprintf(out, "%s = ", u);
    if (w->gain != 1) fprintf(out, "%.9g ", w->gain);
    print_slot(out, w->slot[SLOT_IN], warm(sublayer, SLOT_IN), READS[w->read]);
    fputs("; ", out);

    char *b = branch_text(w, sublayer);
    char *o = string_of_slot(sublayer, w->slot[SLOT_OUT], SLOT_OUT, b);
    if (w->dual != 0) {
        bool first = false;
        fputs("d = d", out);
        print_term(out, &first, w->dual, o);
        fputs("; ", out);
    }
    TextOut text;
    fputs(sublayer->warm.branch ? "a " : "", text_begin(&text));
    fputs(o, text.out);
    char *branch = text_end(&text), *sum = sum_text(w, branch);
    fputs("x = ", out);
    print_stream(out, w, sublayer, sum);
    mem_free(b);
    mem_free(o);
    mem_free(branch);
    mem_free(sum);
}

static bool has_scale(const SublayerWiring *w) {
    bool found = false;
    for (int slot = 0; slot < SLOTS; slot++) found |= w->slot[slot] == SLOT_SCALE;
    return found;
}

static void print_out_gain(FILE *out, double attn, double mlp) {
    if (attn != mlp)
        fprintf(out, "\n%-13sinitial gain of out slots %.9g in attention, %.9g in the MLP", "",
                attn, mlp);
    else if (attn != 1)
        fprintf(out, "\n%-13sinitial gain of out slots %.9g", "", attn);
}

/* The kind and the initial value of every learned coefficient of a block. */
static void print_learned(FILE *out, const BlockWiring *block) {
    bool any = false;
    for (int mlp = 0; mlp < 2; mlp++) {
        for (CoefficientName name = 0; name < COEFFICIENTS; name++) {
            const CoefficientWiring *coefficient =
                &(mlp ? &block->mlp : &block->attn)->coefficient[name];
            if (coefficient->learn == LEARN_NOT) continue;
            if (any) fputs(", ", out);
            if (!any) fprintf(out, "\n%-13slearned ", "");
            any = true;
            fprintf(out, "%s.%s a %s from %.9g", mlp ? "mlp" : "attn", coefficient_name((int)name),
                    coefficient->learn == LEARN_VECTOR ? "vector" : "scalar", coefficient->value);
            if (coefficient->lr_scale != 1)
                fprintf(out, " with %.9g times the learning rate", coefficient->lr_scale);
            if (coefficient->learn == LEARN_SHRINK)
                fputs(", a constant to the stream's gradient", out);
        }
    }
}

static bool names_block(const SublayerWiring *sublayer) {
    return sublayer->read == READ_BLOCK ||
           !coefficient_is(&sublayer->coefficient[COEF_BLOCK_SKIP], 0);
}

/* "RoPE of base 500000 in 32 features of a head"; the default base is not named. */
static void print_rope_base(FILE *out, const ModelOptions *options, double theta, double silent) {
    fputs("RoPE", out);
    if (theta != silent) fprintf(out, " of base %.9g", theta);
    if (options->rope_fraction != 1)
        fprintf(out, " in %zu features of a head", options_rope_width(options));
}

/* What attention does in this block, and not as the line "attention" says of all. */
static void print_within(FILE *out, const ModelOptions *options, const BlockWiring *block) {
    static const char *const QKV[] = {[QKV_PLAIN] = "",
                                      [QK_WHOLE] = "q = N(q), k = N(k) over all heads",
                                      [QK_HEAD] = "q = N(q), k = N(k) per head",
                                      [QKV_HEAD] = "q = N(q), k = N(k), v = N(v) per head"};
    const bool rope = options->position == POSITION_ROPE && block->rope != ROPE_GLOBAL;
    const char *comma = *QKV[block->qkv] ? ", " : "";
    if (!*comma && !rope && !block->window) return;
    fprintf(out, "\n%-13swithin attention %s", "", QKV[block->qkv]);
    if (rope && block->rope == ROPE_NONE) fprintf(out, "%sq and k not rotated", comma);
    if (rope && block->rope == ROPE_LOCAL) {
        fprintf(out, "%sq and k rotated by ", comma);
        print_rope_base(out, options, options->rope_local_theta, 0);
    }
    if (block->window)
        fprintf(out, "%skeys of the last %zu tokens", rope ? ", " : comma, block->window);
}

static char *block_text(const ModelOptions *options, const Wiring *wiring, Warm warm_ups,
                        size_t l) {
    const BlockWiring *block = &wiring->block[l];
    TextOut text;
    FILE *out = text_begin(&text);
    SublayerRef attn = {wiring, warm_ups, l, false}, mlp = {wiring, warm_ups, l, true};
    bool names = names_block(&block->attn) || names_block(&block->mlp);
    print_enter(out, &block->attn);
    if (names) fputs("x_block = x; ", out);
    print_sublayer(out, &block->attn, &attn);
    fprintf(out, "\n%-13s", "");
    print_sublayer(out, &block->mlp, &mlp);
    print_within(out, options, block);
    print_out_gain(out, block->attn.out_gain, block->mlp.out_gain);
    print_learned(out, block);
    if (has_scale(&block->attn) || has_scale(&block->mlp)) {
        fprintf(out, "\n%-13sS is a gain, gamma without a norm", "");
    }
    return text_end(&text);
}

/* Consecutive blocks with the same equations print once. */
static void print_blocks(FILE *out, const ModelOptions *options, const Wiring *wiring,
                         Warm warm_ups) {
    for (size_t l = 0; l < wiring->L;) {
        char *text = block_text(options, wiring, warm_ups, l), label[64];
        size_t end = l + 1;
        for (; end < wiring->L; end++) {
            char *next = block_text(options, wiring, warm_ups, end);
            bool same = strcmp(text, next) == 0;
            mem_free(next);
            if (!same) break;
        }
        if (end == l + 1)
            snprintf(label, sizeof label, "block %zu", l + 1);
        else
            snprintf(label, sizeof label, "blocks %zu-%zu", l + 1, end);
        fprintf(out, "%-12s %s\n", label, text);
        mem_free(text);
        l = end;
    }
}

static void print_norm(FILE *out, const ModelOptions *options) {
    const NormKind *kind = norm_kind(options->norm);
    bool own = options->norm_eps != 0;
    double eps = own ? options->norm_eps : kind->eps, eps_out = own ? eps : kind->eps_out;
    fprintf(out, "%-12s N(x) = %s", kind->name, kind->equation);
    if (norm_param(kind, NORM_SHIFT) && !options_has_bias(options, BIAS_NORM))
        fputs(", beta 0", out);
    if (kind->eps != 0) fprintf(out, ", eps %.9g", eps);
    if (eps_out != eps) fprintf(out, " (%.9g in out slots)", eps_out);
    fputc('\n', out);
}

static void print_embedding(FILE *out, const ModelOptions *options, const Wiring *wiring) {
    const bool learned = options->position == POSITION_LEARNED;
    const double scale = options_embed_scale(options);
    const char *sum = learned ? "tok_emb[token] + pos_emb[t]" : "tok_emb[token]";
    char term[96];
    if (scale == 1)
        snprintf(term, sizeof term, "%s", sum);
    else
        snprintf(term, sizeof term, learned ? "%.9g (%s)" : "%.9g %s", scale, sum);
    fprintf(out, "%-12s x = ", "embedding");
    print_slot(out, wiring->embed_norm ? SLOT_NORM : SLOT_ABSENT, false, term);
    if (wiring_reads_x0(wiring)) fputs("; x_0 = x", out);
    fputs(wiring->final == FINAL_DUAL ? "; d = x\n" : "\n", out);
}

/* Names what is normalized within the branches; nothing if no block has slot mid. */
static void print_hidden(FILE *out, const Wiring *wiring, bool mlp) {
    bool found = false;
    for (size_t l = 0; l < wiring->L; l++) {
        const BlockWiring *block = &wiring->block[l];
        found |= (mlp ? &block->mlp : &block->attn)->slot[SLOT_MID] != SLOT_ABSENT;
    }
    if (found) fputs(mlp ? " = down(hidden(u))" : "; attention(u) = proj(heads(u))", out);
}

static void print_rope(FILE *out, const ModelOptions *options) {
    fputs(", q and k rotated by ", out);
    print_rope_base(out, options, options->rope_theta, 10000);
    if (options->rope_factor != 1)
        fprintf(out, ", low frequencies divided by %.9g (%.9g to %.9g waves in %.9g tokens)",
                options->rope_factor, options->rope_low_freq, options->rope_high_freq,
                options->rope_original);
}

/* Which of the linear layers have biases; nothing if all of them have. */
static void print_biases(FILE *out, const ModelOptions *options) {
    const char *comma = "";
    size_t count = 0;
    for (BiasSite site = BIAS_QKV; site < BIAS_SITES; site++)
        count += options_has_bias(options, site);
    if (count == BIAS_SITES - BIAS_QKV) return;
    fputs(count ? ", biases of " : ", no biases", out);
    for (BiasSite site = BIAS_QKV; site < BIAS_SITES; site++) {
        if (!options_has_bias(options, site)) continue;
        fprintf(out, "%s%s", comma, bias_site_name((int)site));
        comma = " and ";
    }
    if (count) fputs(" only", out);
}

/* "softmax(q k / sqrt(64)) v", or "softmax(50 tanh(q k / sqrt(64) / 50)) v". */
static void print_softmax(FILE *out, const ModelOptions *options, const Wiring *wiring) {
    const double cap = options->softcap_attn;
    fputs(", causal softmax(", out);
    if (cap > 0) fprintf(out, "%.9g tanh(", cap);
    fprintf(out, wiring->scaling.kind == SCALING_NONE ? "q k / sqrt(%zu)" : "q k / %zu",
            options_head_dim(options));
    if (cap > 0) fprintf(out, " / %.9g)", cap);
    fputs(") v", out);
}

static void print_branches(FILE *out, const ModelOptions *options, const Wiring *wiring) {
    size_t NKV = options->n_kv_head ? options->n_kv_head : options->n_head;
    fprintf(out, "%-12s %zu heads", "attention", options->n_head);
    if (NKV != options->n_head) fprintf(out, " on %zu of keys and values", NKV);
    print_softmax(out, options, wiring);
    if (wiring_has_rope(wiring, ROPE_GLOBAL)) print_rope(out, options);
    print_hidden(out, wiring, false);
    fprintf(out, "\n%-12s mlp(u) = %s", "mlp", mlp_kind(options->mlp)->equation);
    print_hidden(out, wiring, true);
    print_biases(out, options);
    fputc('\n', out);
}

static void print_head(FILE *out, const ModelOptions *options, const Wiring *wiring) {
    const char *d = wiring->final_norm ? "N(d)" : "d";
    fprintf(out, "%-12s h = ", "head");
    if (wiring->final == FINAL_DUAL)
        fprintf(out, "x + %s", d);
    else
        fputs(wiring->final == FINAL_NORM ? "N(x)" : "x", out);
    const double cap = options->softcap_logits;
    fputs("; logits = ", out);
    if (cap > 0) fprintf(out, "%.9g tanh((", cap);
    fprintf(out, "%s h", options->tie_embeddings ? "tok_emb" : "head");
    if (wiring->scaling.width != 1) fprintf(out, " / %.9g", wiring->scaling.width);
    if (options->head_bias) fputs(" + bias", out);
    if (cap > 0) fprintf(out, ") / %.9g)", cap);
    fputc('\n', out);
}

static void print_init(FILE *out, const ModelOptions *options, const Wiring *wiring) {
    static const char *const RULES[] = {
        [INIT_PLAIN] = "",
        [INIT_SCALED] = ", proj and down divided by sqrt(2N)",
        [INIT_DEEPNORM] = ", v, proj, up and down divided by (8N)^(1/4)",
        [INIT_SUBLN] = ", v, proj, up and down times sqrt(log(2N))"};
    const double embed_std = options_embed_std(options);
    const Scaling *scaling = &wiring->scaling;
    fprintf(out, "%-12s matrices N(0, %.9g^2)%s", "init", options->init_std, RULES[wiring->init]);
    if (embed_std != options->init_std) fprintf(out, ", embeddings N(0, %.9g^2)", embed_std);
    if (scaling->width != 1)
        fprintf(out, ", hidden matrices times %.9g", scaling->tensor[TENSOR_HIDDEN_MATRIX].std);
    fprintf(out, "; N = %.9g%s\n", (double)options->n_layer / scaling->depth,
            scaling->depth != 1 ? ", the depth of the base model" : "");
}

/* The factors of every kind of tensor that the model has. */
static void print_factors(FILE *out, const ModelOptions *options, const Wiring *wiring) {
    fprintf(out, "%-13s%-15s %12s %12s %12s %12s\n", "", "factors of", "initial std", "optim.lr",
            "optim.eps", "weight_decay");
    for (TensorKind kind = 0; kind < TENSOR_KINDS; kind++) {
        const TensorFactors *f = &wiring->scaling.tensor[kind];
        if (!wiring_has_tensors(wiring, options, kind)) continue;
        fprintf(out, "%-13s%-15s %12.9g %12.9g %12.9g %12.9g\n", "", tensor_kind_name((int)kind),
                f->std, f->lr, f->eps, f->decay);
    }
}

/* Nothing without scaling. */
static void print_scaling(FILE *out, const ModelOptions *options, const Wiring *wiring) {
    const Scaling *scaling = &wiring->scaling;
    if (scaling->kind == SCALING_NONE) return;
    fprintf(out, "%-12s %s, m_N = %.9g, m_L = %.9g: ", "scaling", scaling_name(scaling->kind),
            scaling->width, scaling->depth);
    if (scaling_is_base(scaling)) {
        fputs("differs from none only in the scores of attention, q k / d_head\n", out);
        return;
    }
    fprintf(out, "branches times %.9g, logits divided by %.9g\n", scaling->branch, scaling->width);
    print_factors(out, options, wiring);
}

static void print_warm_ups(FILE *out, Warm warm_ups, int order) {
    if (warm_ups.slots)
        fputs("gamma-warmup Nw, Sw: gamma times w, from gamma_warmup.from to .to\n", out);
    if (warm_ups.branch)
        fprintf(out, "branch-warmup a: from branch_warmup.from to 1 over .steps steps, %s\n",
                order == BRANCH_EQUAL ? "the same in every block" : "l times as many in block l");
}

static void print_removal(FILE *out, const ModelOptions *options, const Wiring *wiring) {
    const NormRemoval *removal = &options->removal;
    size_t groups = removal_groups(options, wiring);
    if (!removal->start) return;
    fprintf(out, "%-12s ", "norm-removal");
    if (!groups) {
        fputs("none of these norms exists\n", out);
        return;
    }
    fprintf(out,
            "of %s, groups: %zu, after steps %zu .. %zu; N then divides by an EMA of its RMS or "
            "standard deviation, decay %.9g%s\n",
            removal->order, groups, removal->start, removal_after(removal, groups - 1),
            removal->average, removal->first_apart ? ", a separate one for first tokens" : "");
}

char *equations_text(const ModelOptions *options, const GammaWarmup *warmup,
                     const BranchWarmup *branch) {
    const Warm warm_ups = {warmup->steps ? warmup->slots : 0, branch->steps != 0};
    char error[256];
    TextOut text;
    Wiring wiring;
    if (!wiring_resolve(&wiring, options, error, sizeof error)) die(EXIT_USAGE, "%s", error);
    FILE *out = text_begin(&text);
    print_norm(out, options);
    print_embedding(out, options, &wiring);
    print_blocks(out, options, &wiring, warm_ups);
    print_branches(out, options, &wiring);
    print_head(out, options, &wiring);
    print_init(out, options, &wiring);
    print_scaling(out, options, &wiring);
    print_warm_ups(out, warm_ups, branch->order);
    print_removal(out, options, &wiring);
    wiring_free(&wiring);
    return text_end(&text);
}

void equations_print_precision(FILE *out, const ModelOptions *options) {
    if (options->precision == 0 && options->stream_precision == 0) return;
    fprintf(out, "%-12s operands of matrix multiplications %s, residual stream and branches %s\n",
            "precision", precision_name(options->precision),
            stream_precision_name(options->stream_precision));
}

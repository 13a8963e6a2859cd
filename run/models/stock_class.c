/* stock_class.c - see stock_class.h. */
#include "run/models/stock_class.h"

#include "base/stb_ds.h"
#include "base/text_out.h"
#include "run/io/json_out.h"

#include <math.h>
#include <string.h>

/* --- the wiring --- */

double stock_skip(const Sublayer *sublayer) {
    return sublayer->wiring->coefficient[COEF_SKIP].value;
}

double stock_branch(const StockClass *stock, const Sublayer *sublayer) {
    const SublayerWiring *w = sublayer->wiring;
    const double ramp = branch_factor(&stock->ramp, sublayer->block) * w->branch_scale;
    const Factor factor = coefficient_factor(&sublayer->coefficient[COEF_BRANCH], ramp);
    return (double)factor.a / stock_skip(sublayer);
}

/* A factor of the whole sum is undone by the norm behind it, up to eps. */
static bool skip_fits(const SublayerWiring *ours, const SublayerWiring *theirs) {
    const CoefficientWiring *skip = &ours->coefficient[COEF_SKIP];
    if (coefficient_is(skip, theirs->coefficient[COEF_SKIP].value)) return true;
    return skip->learn == LEARN_NOT && skip->value > 0 && ours->slot[SLOT_POST] == SLOT_NORM;
}

static bool sublayer_fits(const SublayerWiring *ours, const SublayerWiring *theirs) {
    static const CoefficientName FIXED[] = {COEF_ENTER, COEF_ENTER_X0, COEF_BLOCK_SKIP, COEF_X0,
                                            COEF_LEAVE};
    const bool out = ours->slot[SLOT_OUT] == theirs->slot[SLOT_OUT] ||
                     (ours->slot[SLOT_OUT] == SLOT_SCALE && theirs->slot[SLOT_OUT] == SLOT_ABSENT);
    bool fits = out && skip_fits(ours, theirs) && ours->read == theirs->read &&
                ours->dual == theirs->dual && (ours->gain == 1 || ours->slot[SLOT_IN] == SLOT_NORM);
    for (size_t i = 0; i < sizeof FIXED / sizeof *FIXED; i++)
        fits = fits && coefficient_is(&ours->coefficient[FIXED[i]], coefficient_neutral(FIXED[i]));
    for (Slot slot = 0; slot < SLOTS; slot++)
        fits = fits && (slot == SLOT_OUT || ours->slot[slot] == theirs->slot[slot]);
    return fits && ours->coefficient[COEF_BRANCH].learn != LEARN_SHRINK;
}

static bool wiring_fits(const Model *model, const Architecture *row) {
    const Wiring *wiring = &model->wiring;
    const Topology *topology = topology_find(row->topology, strlen(row->topology));
    for (size_t l = 0; l < wiring->L; l++) {
        const BlockWiring theirs = topology_block(topology, wiring->L, l + 1);
        const BlockWiring *ours = &wiring->block[l];
        const QkvNorm qkv = row->qk_norms ? QK_HEAD : theirs.qkv;
        if (!sublayer_fits(&ours->attn, &theirs.attn) || !sublayer_fits(&ours->mlp, &theirs.mlp))
            return false;
        if (ours->qkv != qkv) return false;
    }
    return true;
}

/* --- everything else: NULL, or what does not fit --- */

static const char *norm_misfit(const StockClass *stock) {
    const Architecture *row = stock->hf.architecture;
    const NormKind *kind = norm_kind(stock->model->options.norm);
    const bool layernorm = strcmp(row->norm, "layernorm") == 0;
    if (layernorm ? kind != &norm_layernorm : !norm_is_scaling(kind)) return "another kind of norm";
    return NULL;
}

static const char *end_misfit(const StockClass *stock) {
    const Architecture *row = stock->hf.architecture;
    const Wiring *wiring = &stock->model->wiring;
    const FinalKind final = row->tensor[PLACE_FINAL] ? FINAL_NORM : FINAL_NONE;
    if (row->embed_norm || wiring->final != final) return "another norm before the head";
    if (final == FINAL_NORM && !wiring->final_norm) return "a norm before the head";
    if (stock->baked && stock->model->options.position == POSITION_LEARNED)
        return "an embedding without a norm over tokens and positions";
    return NULL;
}

/* The eps that every norm has, after factors of its input are divided out; NAN if they differ. */
static void take_eps(double *eps, double own) {
    if (*eps == 0)
        *eps = own;
    else if (fabs(own - *eps) > 1e-9 * *eps)
        *eps = NAN;
}

static double eps_of(const Model *model) {
    const NormKind *kind = norm_kind(model->options.norm);
    const double chosen = model->options.norm_eps, usual = chosen != 0 ? chosen : kind->eps,
                 out = chosen != 0 ? chosen : kind->eps_out;
    double eps = 0;
    for (size_t l = 0; l < model->shape.L; l++) {
        const Block *block = &model->block[l];
        const Sublayer *both[] = {&block->attn, &block->mlp};
        for (int i = 0; i < 2; i++) {
            const SublayerWiring *w = both[i]->wiring;
            const double skip = stock_skip(both[i]);
            if (w->slot[SLOT_IN] == SLOT_NORM) take_eps(&eps, usual);
            if (w->slot[SLOT_OUT] == SLOT_NORM) take_eps(&eps, out);
            if (w->slot[SLOT_POST] == SLOT_NORM) take_eps(&eps, usual / (skip * skip));
        }
        if (model->wiring.block[l].qkv != QKV_PLAIN) take_eps(&eps, usual);
    }
    if (model->wiring.final != FINAL_NONE) take_eps(&eps, usual);
    return eps;
}

static const char *eps_misfit(StockClass *stock) {
    const Architecture *row = stock->hf.architecture;
    stock->eps = eps_of(stock->model);
    if (isnan(stock->eps)) return "one eps for all norms";
    if (row->eps > 0 && row->eps != stock->eps) return "another eps";
    return NULL;
}

/* The name of the activation in config.json; NULL if the class does not have it. */
static const char *activation_of(const Architecture *row, int mlp) {
    const MlpKind *kind = mlp_kind(mlp);
    if (kind->gated != row->gated) return NULL;
    if (row->tanh_gelu) return strcmp(kind->name, "gelu") == 0 ? "gelu" : NULL;
    return architecture_activation(kind->name, row->gated);
}

/* Classes that have these options have them for layers of fixed types. */
static const char *attention_misfit(const StockClass *stock) {
    const Wiring *wiring = &stock->model->wiring;
    if (stock->model->options.softcap_attn != 0) return "scores without a softcap";
    for (size_t l = 0; l < wiring->L; l++) {
        if (wiring->block[l].window) return "attention without windows";
        if (stock->model->options.position == POSITION_ROPE && wiring->block[l].rope != ROPE_GLOBAL)
            return "the same RoPE in all layers";
    }
    return NULL;
}

static const char *head_misfit(const StockClass *stock) {
    const ModelOptions *o = &stock->model->options;
    if (o->softcap_logits != 0) return "logits without a softcap";
    if (o->head_bias && !(stock->hf.architecture->biases & BIASED_HEAD))
        return "a head without a bias";
    return NULL;
}

static const char *position_misfit(const StockClass *stock) {
    const Architecture *row = stock->hf.architecture;
    const ModelOptions *o = &stock->model->options;
    const bool rope = row->rotation != ROTATE_NONE;
    if (o->position != (rope ? POSITION_ROPE : POSITION_LEARNED)) return "other positions";
    if (!rope) return NULL;
    if (o->rope_fraction != 1 && !strstr(row->defaults, "partial_rotary_factor"))
        return "RoPE of all features";
    if (o->rope_factor != 1 && strcmp(row->model_type, "llama") != 0)
        return "RoPE without scaled frequencies";
    return NULL;
}

static const char *size_misfit(const StockClass *stock) {
    const Architecture *row = stock->hf.architecture;
    const Shape *s = &stock->model->shape;
    if (s->HS * s->NH != s->C && !row->field[FIELD_HEAD_DIM]) return "heads of d_model / n_head";
    if (row->kv_heads ? s->NKV != row->kv_heads : s->NKV != s->NH && !row->field[FIELD_KV_HEADS])
        return "another number of key heads";
    if (!row->field[FIELD_HIDDEN] && s->F != 4 * s->C) return "an MLP of 4 d_model features";
    return NULL;
}

/* Chooses the fields of biases, so that the class has all of ours. */
static const char *bias_misfit(StockClass *stock) {
    const Architecture *row = stock->hf.architecture;
    const ModelOptions *o = &stock->model->options;
    unsigned ours = 0, has = row->biases;
    for (int site = 0; site < BIAS_SITES; site++) {
        const bool betas = norm_param(norm_kind(o->norm), NORM_SHIFT) != NULL;
        if (options_has_bias(o, (BiasSite)site) && (site != BIAS_NORM || betas)) ours |= 1u << site;
    }
    for (int i = 0; i < BIAS_FIELDS && row->bias_field[i].field; i++) {
        if (ours & row->bias_field[i].biases & ~has) has |= row->bias_field[i].biases;
    }
    stock->hf.biases = has;
    return ours & ~has ? "fewer biases" : NULL;
}

static const char *misfit(StockClass *stock) {
    const char *(*const checks[])(StockClass *) = {eps_misfit, bias_misfit};
    const char *(*const others[])(const StockClass *) = {
        norm_misfit, end_misfit, attention_misfit, head_misfit, position_misfit, size_misfit};
    const char *found = NULL;
    for (size_t i = 0; !found && i < sizeof others / sizeof *others; i++) found = others[i](stock);
    for (size_t i = 0; !found && i < sizeof checks / sizeof *checks; i++) found = checks[i](stock);
    if (!found && !activation_of(stock->hf.architecture, stock->model->options.mlp))
        found = "another activation";
    return found;
}

/* --- the choice --- */

static void fill(StockClass *stock, const Architecture *row) {
    const Model *model = stock->model;
    const Shape *s = &model->shape;
    const ModelOptions *o = &model->options;
    const double theirs = row->embed_sqrt ? sqrt((double)s->C) : 1,
                 score = row->score > 0 ? row->score : 1 / sqrt((double)s->HS);
    stock->hf = (HfModel){.architecture = row,
                          .V = s->V,
                          .C = s->C,
                          .L = s->L,
                          .NH = s->NH,
                          .NKV = s->NKV,
                          .HS = s->HS,
                          .F = s->F,
                          .positions = s->T,
                          .context = s->T,
                          .rotary = o->position == POSITION_ROPE ? options_rope_width(o) : s->HS,
                          .score = scaling_scores(&model->wiring.scaling, s->HS) / score,
                          .logit = model->wiring.scaling.logits};
    stock->baked = model->wiring.embed_norm;
    stock->table = options_embed_scale(o) / theirs;
    stock->tied = o->tie_embeddings && !stock->baked && stock->table == 1 && stock->hf.logit == 1 &&
                  !(row->biases & BIASED_HEAD);
    stock->hf.tied = stock->tied;
}

bool stock_class_choose(StockClass *stock, const Model *model, real w, BranchRamp ramp,
                        char **why) {
    char *misfits = NULL;
    *stock = (StockClass){.model = model, .w = (double)w, .ramp = ramp};
    for (size_t i = 0; architecture_at(i); i++) {
        const Architecture *row = architecture_at(i);
        if (!row->exported || !wiring_fits(model, row)) continue;
        fill(stock, row);
        const char *found = misfit(stock);
        if (!found) {
            arrfree(misfits);
            *why = text_format("%s computes the same", row->class_name);
            return true;
        }
        text_add(&misfits, "%s%s needs %s", misfits ? "; " : "", row->class_name, found);
    }
    *why = misfits ? text_format("%s", misfits)
                   : text_format("no class of transformers has norms in these places");
    arrfree(misfits);
    return false;
}

/* --- config.json --- */

/* The first of the names of a field. */
static void key_of(Json *json, const char *names) {
    char *name = text_format("%.*s", (int)strcspn(names, " "), names);
    json_key(json, name);
    mem_free(name);
}

static void put_integer(Json *json, const StockClass *stock, Field field, size_t value) {
    const char *names = stock->hf.architecture->field[field];
    if (!names) return;
    key_of(json, names);
    fprintf(json->out, "%zu", value);
}

/* A number that transformers takes for a float: never without a point or an exponent. */
static void put_exact(Json *json, const char *names, double value) {
    char text[JSON_EXACT];
    if (!names) return;
    key_of(json, names);
    fputs(json_exact_text(value, text), json->out);
    if (!strpbrk(text, ".e")) fputs(".0", json->out);
}

static void put_sizes(Json *json, const StockClass *stock) {
    const HfModel *m = &stock->hf;
    put_integer(json, stock, FIELD_WIDTH, m->C);
    put_integer(json, stock, FIELD_LAYERS, m->L);
    put_integer(json, stock, FIELD_HEADS, m->NH);
    put_integer(json, stock, FIELD_KV_HEADS, m->NKV);
    put_integer(json, stock, FIELD_HEAD_DIM, m->HS);
    put_integer(json, stock, FIELD_HIDDEN, m->F);
    put_integer(json, stock, FIELD_POSITIONS, m->positions);
    put_integer(json, stock, FIELD_VOCAB, m->V);
}

static void put_rope(Json *json, const StockClass *stock) {
    const ModelOptions *o = &stock->model->options;
    const bool scaled = o->rope_factor != 1;
    if (stock->hf.architecture->rotation == ROTATE_NONE) return;
    put_exact(json, "rope_theta", o->rope_theta);
    if (strstr(stock->hf.architecture->defaults, "partial_rotary_factor"))
        put_exact(json, "partial_rotary_factor", o->rope_fraction);
    json_open(json, "rope_parameters");
    json_string(json, "rope_type", scaled ? "llama3" : "default");
    put_exact(json, "rope_theta", o->rope_theta);
    if (strstr(stock->hf.architecture->defaults, "partial_rotary_factor"))
        put_exact(json, "partial_rotary_factor", o->rope_fraction);
    if (scaled) {
        put_exact(json, "factor", o->rope_factor);
        put_exact(json, "low_freq_factor", o->rope_low_freq);
        put_exact(json, "high_freq_factor", o->rope_high_freq);
        put_exact(json, "original_max_position_embeddings", o->rope_original);
    }
    json_close(json);
}

/* Factors that are in the weights instead are 1. */
static void put_factors(Json *json, const StockClass *stock) {
    const Architecture *row = stock->hf.architecture;
    put_exact(json, row->field[FIELD_EPS], stock->eps);
    put_exact(json, row->field[FIELD_EMBED_SCALE], 1);
    put_exact(json, row->field[FIELD_LOGIT_FACTOR], 1);
    put_exact(json, row->field[FIELD_LOGIT_DIVISOR], 1);
    put_exact(json, row->field[FIELD_BRANCH], 1);
}

/* No layer has a window. */
static void put_windows(Json *json, const StockClass *stock) {
    const Architecture *row = stock->hf.architecture;
    if (!row->field[FIELD_WINDOW]) return;
    key_of(json, row->field[FIELD_WINDOW]);
    fputs("null", json->out);
    if (!row->field[FIELD_TYPES]) return;
    json_list_open(json, row->field[FIELD_TYPES]);
    for (size_t l = 0; l < stock->hf.L; l++) {
        json_item(json);
        json_print_string(json->out, "full_attention");
    }
    json_list_close(json);
}

static void put_flags(Json *json, const StockClass *stock) {
    const Architecture *row = stock->hf.architecture;
    for (int i = 0; i < WHENS && row->when[i].field; i++)
        json_boolean(json, row->when[i].field, row->when[i].value);
    for (int i = 0; i < BIAS_FIELDS && row->bias_field[i].field; i++)
        json_boolean(json, row->bias_field[i].field,
                     (stock->hf.biases & row->bias_field[i].biases) == row->bias_field[i].biases);
    key_of(json, row->field[FIELD_TIED]);
    fputs(stock->tied ? "true" : "false", json->out);
    key_of(json, row->field[FIELD_ACTIVATION]);
    json_print_string(json->out, activation_of(row, stock->model->options.mlp));
}

/* The tokens of the class are those of another vocabulary. */
static void put_tokens(Json *json, int eos) {
    static const char *const NONE[] = {"bos_token_id", "pad_token_id"};
    for (size_t i = 0; i < sizeof NONE / sizeof *NONE; i++) {
        json_key(json, NONE[i]);
        fputs("null", json->out);
    }
    json_key(json, "eos_token_id");
    if (eos >= 0)
        fprintf(json->out, "%d", eos);
    else
        fputs("null", json->out);
}

void stock_class_config(FILE *out, const StockClass *stock, int eos) {
    Json json = {.out = out};
    json_open(&json, NULL);
    json_list_open(&json, "architectures");
    json_item(&json);
    json_print_string(out, stock->hf.architecture->class_name);
    json_list_close(&json);
    json_string(&json, "model_type", stock->hf.architecture->model_type);
    json_string(&json, "dtype", "float32");
    put_sizes(&json, stock);
    put_factors(&json, stock);
    put_windows(&json, stock);
    put_rope(&json, stock);
    put_flags(&json, stock);
    put_tokens(&json, eos);
    json_close(&json);
    fputc('\n', out);
}

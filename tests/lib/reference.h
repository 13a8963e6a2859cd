/* reference.h - the forward pass of a whole model from the equations, in plain loops and in double.
 *
 * Uses nothing of ops/, norm/ and model/ except the options, the values of parameters, found by
 * name, and Philox for the dropout masks. The norms of every slot come from rows.h, their
 * formulas from norms.h. Computes one sequence at a time. */
#ifndef TESTS_LIB_REFERENCE_H
#define TESTS_LIB_REFERENCE_H

#include "model/mlp.h"
#include "base/philox.h"
#include "tests/lib/norms.h"
#include "tests/lib/rows.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

enum { REF_T = 16, REF_WIDTH = 64 };
typedef double RefRows[REF_T][REF_WIDTH];

typedef struct {
    const ModelOptions *options;
    const Params *params;
    const RowNet *net;
    unsigned warm_slots; /* bits in, mid, out, post; 0 = no gamma-warmup */
    double w;
    size_t T, V, F;
    size_t b;                   /* index of the sequence in its batch, for dropout */
    uint32_t seed, step, micro; /* for dropout */
    const double *ramp;         /* (blocks) factors of branch-warmup; NULL = off */
    /* Called with x, u, m (the input of the last layer of the branch, after slot mid), b, o and y of
     * every sublayer, even where a norm is absent; may change them.
     * Layer 0 is the x of the embedding; layer N+1 has the last x, and the input of the head as u.
     * NULL = not called. */
    void (*look)(void *looker, size_t layer, bool mlp, char letter, RefRows x);
    void *looker;
} Reference;

static inline void ref_look(const Reference *ref, size_t layer, bool mlp, char letter, RefRows x) {
    if (ref->look) ref->look(ref->looker, layer, mlp, letter, x);
}

static inline const real *ref_param(const Reference *ref, const char *format, ...) {
    char name[128];
    va_list args;
    va_start(args, format);
    vsnprintf(name, sizeof name, format, args);
    va_end(args);
    for (size_t i = 0; i < params_count(ref->params); i++) {
        const Param *param = &ref->params->list[i];
        if (strcmp(param->name, name) == 0) return ref->params->values + param->offset;
    }
    return NULL;
}

/* The dropout factor of element `word` of Philox call `call` of a site. Sites: the embedding 0; in
 * block l attention 4l+1, its probabilities 4l+2, the MLP 4l+3. */
static inline double ref_mask(const Reference *ref, size_t site, size_t call, size_t word) {
    const double p = ref->options->dropout;
    if (p == 0) return 1;
    Philox r = philox(ref->seed, STREAM_DROPOUT, (uint32_t)call, (uint32_t)site << 8, ref->step,
                      ref->micro);
    return (double)r.word[word] < floor(p * 4294967296.0) ? 0 : 1 / (1 - p);
}

static inline void ref_dropout(const Reference *ref, RefRows x, size_t site) {
    const size_t C = ref->options->d_model;
    for (size_t i = 0; i < ref->T * C; i++) {
        size_t at = ref->b * ref->T * C + i;
        x[i / C][i % C] *= ref_mask(ref, site, at / 4, at % 4);
    }
}

/* m_N and m_L of model.scaling, and what multiplies the branches: 1 / m_L, or its root. */
static inline double ref_multiple(const Reference *ref, size_t own, size_t base) {
    return ref->options->scaling && base ? (double)own / (double)base : 1;
}

static inline double ref_branch_scale(const Reference *ref) {
    const double m_L = ref_multiple(ref, ref->options->n_layer, ref->options->base_n_layer);
    return 1 / (ref->options->scaling == SCALING_DEPTH_MUP ? sqrt(m_L) : m_L);
}

/* x (n) in place, by a formula of norms.h with statistics of a token, or without. */
static inline void ref_normalize(const Reference *ref, const NormFormula *formula,
                                 const char *prefix, double *x, size_t n, double eps, double w) {
    static long double param[FORMULA_PARAMS][REF_WIDTH * (REF_WIDTH / 8)];
    const long double *values[FORMULA_PARAMS];
    const real *shift = NULL;
    long double wide[REF_WIDTH], f[REF_WIDTH], r;
    for (size_t i = 0; i < formula_params(formula); i++) {
        const FormulaParam *of = &formula->param[i];
        const real *value = ref_param(ref, "%s.%s", prefix, of->name);
        if (of->role == 's') shift = value;
        for (size_t k = 0; value && k < formula_size(of, n); k++)
            param[i][k] = (long double)value[k];
        values[i] = param[i];
    }
    for (size_t i = 0; i < n; i++) wide[i] = (long double)x[i];
    formula_statistics(formula, wide, n, (long double)eps, &r);
    formula->row(f, wide, n, values, r);
    for (size_t i = 0; i < n; i++) x[i] = w * (double)f[i] + (shift ? (double)shift[i] : 0);
}

/* A norm over the batch in evaluation, x (n) in place, by the running statistics. */
static inline void ref_running(const Reference *ref, const char *prefix, double *x, size_t n,
                               double eps, double w) {
    const real *mean = ref_param(ref, "%s.running_mean", prefix);
    const real *var = ref_param(ref, "%s.running_var", prefix);
    const real *gamma = ref_param(ref, "%s.gamma", prefix);
    const real *beta = ref_param(ref, "%s.beta", prefix);
    for (size_t i = 0; i < n; i++) {
        double xhat = (x[i] - (double)mean[i]) / sqrt((double)var[i] + eps);
        x[i] = w * (double)gamma[i] * xhat + (beta ? (double)beta[i] : 0);
    }
}

/* A norm of n features, in place: kind n, S or '.'; `prefix` is that of its parameters. */
static inline void ref_norm(const Reference *ref, char kind, const char *prefix, double *x,
                            size_t n, bool out, double w) {
    const char *norm = norm_name(ref->options->norm);
    const NormFormula *formula = norm_formula(norm);
    if (!formula) die(EXIT_INTERNAL, "norm %s has no row in tests/lib/norms.h", norm);
    if (kind == '.' || (kind == 'n' && strcmp(norm, "none") == 0)) return;
    double eps = ref->options->norm_eps;
    if (eps == 0) eps = out ? formula->eps_out : formula->eps;
    if (kind == 'n' && formula->batch)
        ref_running(ref, prefix, x, n, eps, w);
    else if (kind == 'n')
        ref_normalize(ref, formula, prefix, x, n, eps, w);
    const real *gain = kind == 'S' ? ref_param(ref, "%s.gamma", prefix) : NULL;
    for (size_t i = 0; i < n && gain; i++) x[i] *= w * (double)gain[i];
}

/* y (T,out) = x (T,in) w^T + bias, with rows first .. first+out-1 of the layer `prefix`. */
static inline void ref_linear(const Reference *ref, RefRows y, RefRows x, const char *prefix,
                              size_t first, size_t out, size_t in) {
    const real *weight = ref_param(ref, "%s.weight", prefix);
    const real *bias = ref_param(ref, "%s.bias", prefix);
    for (size_t t = 0; t < ref->T; t++) {
        for (size_t o = 0; o < out; o++) {
            y[t][o] = bias ? (double)bias[first + o] : 0;
            for (size_t i = 0; i < in; i++)
                y[t][o] += (double)weight[(first + o) * in + i] * x[t][i];
        }
    }
}

/* Llama 3.1: a wave of a frequency that is longer than original/low tokens is made `factor` times as long,
 * one that is shorter than original/high stays, and between these limits both are mixed. */
static inline double ref_scaled(const ModelOptions *o, double f) {
    const double wave = 2 * acos(-1) / f;
    if (o->rope_factor == 1 || wave < o->rope_original / o->rope_high_freq) return f;
    if (wave > o->rope_original / o->rope_low_freq) return f / o->rope_factor;
    const double mix =
        (o->rope_original / wave - o->rope_low_freq) / (o->rope_high_freq - o->rope_low_freq);
    return (1 - mix) * f / o->rope_factor + mix * f;
}

/* The word of block l of a pattern such as "local*5 rope", or `all` where there is no pattern. */
static inline const char *ref_pattern(const char *pattern, size_t l, const char *all) {
    static char words[256][32];
    size_t n = 0, count;
    char word[32];
    int length;
    for (const char *at = pattern; at && sscanf(at, " %31[^ *]%n", word, &length) == 1;) {
        at += length;
        count = *at == '*' ? strtoul(at + 1, (char **)&at, 10) : 1;
        for (; count && n < 256; count--) strcpy(words[n++], word);
    }
    return n ? words[l % n] : all;
}

/* Rotates pairs (i, i + HS/2) by t * theta^(-2i/W), where W features of a head rotate: the first W/2
 * pairs. Block l rotates as model.rope_layers says. */
static inline void ref_rope(const ModelOptions *o, double *head, size_t HS, size_t t, size_t l) {
    const char *kind = ref_pattern(o->rope_layers, l, "rope");
    const bool local = strcmp(kind, "local") == 0;
    const size_t width =
        strcmp(kind, "none") == 0 ? 0 : (size_t)lround(o->rope_fraction * (double)HS);
    for (size_t i = 0; i < width / 2; i++) {
        const double theta = local ? o->rope_local_theta : o->rope_theta;
        const double f = pow(theta, -2.0 * (double)i / (double)width);
        const double angle = (double)t * (local ? f : ref_scaled(o, f));
        double a = head[i], b = head[i + HS / 2];
        head[i] = a * cos(angle) - b * sin(angle);
        head[i + HS / 2] = b * cos(angle) + a * sin(angle);
    }
}

/* The first token that the one at t attends to, in block l. */
static inline size_t ref_begin(const ModelOptions *o, size_t t, size_t l) {
    const size_t window = strtoul(ref_pattern(o->window, l, "all"), NULL, 10);
    return window && t >= window ? t - window + 1 : 0;
}

/* A score or logit after its softcap. */
static inline double ref_capped(double x, double cap) {
    return cap > 0 ? cap * tanh(x / cap) : x;
}

static inline size_t ref_head_dim(const ModelOptions *o) {
    return o->head_dim > 0 ? o->head_dim : o->d_model / o->n_head;
}

/* q, k or v of block l: projection, norm, rotation. */
static inline void ref_heads(const Reference *ref, RefRows y, RefRows u, size_t l, char which) {
    const size_t C = ref->options->d_model, NH = ref->options->n_head,
                 HS = ref_head_dim(ref->options);
    const size_t NKV = ref->options->n_kv_head ? ref->options->n_kv_head : NH;
    const size_t heads = which == 'q' ? NH : NKV;
    const size_t first = which == 'q' ? 0 : which == 'k' ? NH : NH + NKV;
    const char qkv = ref->net->block[l].qkv;
    const bool has_norm = qkv == 'v' || (qkv != '.' && which != 'v');
    char layer[64], norm[64];
    snprintf(layer, sizeof layer, "blocks.%zu.attn.qkv", l);
    snprintf(norm, sizeof norm, "blocks.%zu.attn.norm_%c", l, which);
    ref_linear(ref, y, u, layer, first * HS, heads * HS, C);
    for (size_t t = 0; t < ref->T; t++) {
        if (has_norm && qkv == 'w') ref_norm(ref, 'n', norm, y[t], heads * HS, false, 1);
        for (size_t h = 0; h < heads; h++) {
            if (has_norm && qkv != 'w') ref_norm(ref, 'n', norm, y[t] + h * HS, HS, false, 1);
            if (which != 'v' && ref->options->position == POSITION_ROPE)
                ref_rope(ref->options, y[t] + h * HS, HS, t, l);
        }
    }
}

/* The norm of a slot, for all tokens: n features of each. */
static inline void ref_slot(const Reference *ref, RefRows x, size_t l, bool mlp, int slot,
                            size_t n) {
    static const char *const NAMES[] = {"in", "mid", "out", "post"};
    const RowSublayer *s = mlp ? &ref->net->block[l].mlp : &ref->net->block[l].attn;
    double w = row_is_warm(ref->net, ref->warm_slots, l, mlp, slot) ? ref->w : 1;
    char prefix[64];
    snprintf(prefix, sizeof prefix, "blocks.%zu.%s.norm_%s", l, mlp ? "mlp" : "attn", NAMES[slot]);
    for (size_t t = 0; t < ref->T; t++)
        ref_norm(ref, s->slot[slot], prefix, x[t], n, slot == ROW_OUT, w);
}

static inline void ref_attention(const Reference *ref, RefRows b, RefRows u, size_t l) {
    const size_t C = ref->options->d_model, NH = ref->options->n_head,
                 HS = ref_head_dim(ref->options);
    const size_t group = ref->options->n_kv_head ? NH / ref->options->n_kv_head : 1;
    RefRows q, k, v, mixed = {0};
    char proj[64];
    snprintf(proj, sizeof proj, "blocks.%zu.attn.proj", l);
    ref_heads(ref, q, u, l, 'q');
    ref_heads(ref, k, u, l, 'k');
    ref_heads(ref, v, u, l, 'v');
    for (size_t t = 0; t < ref->T; t++) {
        for (size_t h = 0; h < NH; h++) {
            const size_t begin = ref_begin(ref->options, t, l);
            double score[REF_T], largest = -INFINITY, total = 0;
            for (size_t s = begin; s <= t; s++) {
                score[s] = 0;
                for (size_t i = 0; i < HS; i++)
                    score[s] += q[t][h * HS + i] * k[s][h / group * HS + i];
                score[s] /= ref->options->scaling ? (double)HS : sqrt((double)HS);
                score[s] = ref_capped(score[s], ref->options->softcap_attn);
                largest = fmax(largest, score[s]);
            }
            for (size_t s = begin; s <= t; s++) total += exp(score[s] - largest);
            size_t calls = ((ref->b * NH + h) * ref->T + t) * ((ref->T + 3) / 4);
            for (size_t s = begin; s <= t; s++) {
                double p = exp(score[s] - largest) / total;
                p *= ref_mask(ref, 4 * l + 2, calls + s / 4, s % 4);
                for (size_t i = 0; i < HS; i++)
                    mixed[t][h * HS + i] += p * v[s][h / group * HS + i];
            }
        }
    }
    ref_slot(ref, mixed, l, false, ROW_MID, NH * HS);
    ref_look(ref, l + 1, false, 'm', mixed);
    ref_linear(ref, b, mixed, proj, 0, C, NH * HS);
}

static inline double ref_gelu(double x) {
    return 0.5 * x * (1 + tanh(sqrt(2 / acos(-1)) * (x + 0.044715 * x * x * x)));
}

static inline double ref_hidden(const char *mlp, double up, double gate) {
    if (strcmp(mlp, "gelu") == 0) return ref_gelu(up);
    if (strcmp(mlp, "gelu_erf") == 0) return up / 2 * (1 + erf(up / sqrt(2)));
    if (strcmp(mlp, "relu") == 0) return fmax(0, up);
    if (strcmp(mlp, "relu2") == 0) return fmax(0, up) * fmax(0, up);
    if (strcmp(mlp, "geglu") == 0) return ref_gelu(gate) * up;
    return gate / (1 + exp(-gate)) * up; /* swiglu */
}

static inline void ref_mlp(const Reference *ref, RefRows b, RefRows u, size_t l) {
    const char *mlp = mlp_name(ref->options->mlp);
    const size_t C = ref->options->d_model, F = ref->F;
    RefRows up, gate = {0};
    char prefix[64];
    snprintf(prefix, sizeof prefix, "blocks.%zu.mlp.up", l);
    ref_linear(ref, up, u, prefix, 0, F, C);
    snprintf(prefix, sizeof prefix, "blocks.%zu.mlp.gate", l);
    if (ref_param(ref, "%s.weight", prefix)) ref_linear(ref, gate, u, prefix, 0, F, C);
    for (size_t i = 0; i < ref->T * F; i++)
        up[i / F][i % F] = ref_hidden(mlp, up[i / F][i % F], gate[i / F][i % F]);
    ref_slot(ref, up, l, true, ROW_MID, F);
    ref_look(ref, l + 1, true, 'm', up);
    snprintf(prefix, sizeof prefix, "blocks.%zu.mlp.down", l);
    ref_linear(ref, b, up, prefix, 0, C, F);
}

/* A coefficient for feature c: a number, or what its parameter says. */
static inline double ref_coefficient(const Reference *ref, size_t l, bool mlp, int number,
                                     size_t c) {
    const RowSublayer *s = mlp ? &ref->net->block[l].mlp : &ref->net->block[l].attn;
    if (s->learn[number] == '.') return s->number[number];
    const real *p =
        ref_param(ref, "blocks.%zu.%s.%s", l, mlp ? "mlp" : "attn", ROW_NUMBER_NAMES[number]);
    const double v = (double)(s->learn[number] == 'v' ? p[c] : p[0]);
    return s->learn[number] == 'g' ? 1 - v / (1 + exp(-v)) : v;
}

/* The stream on its way into a sublayer. */
static inline void ref_enter(const Reference *ref, RefRows x, RefRows x0, size_t l, bool mlp) {
    const size_t C = ref->options->d_model;
    for (size_t i = 0; i < ref->T * C; i++) {
        double *at = &x[i / C][i % C];
        *at = ref_coefficient(ref, l, mlp, ROW_ENTER, i % C) * *at +
              ref_coefficient(ref, l, mlp, ROW_ENTER_X0, i % C) * x0[i / C][i % C];
    }
}

/* Replaces x by the next stream. `u` is kept for an MLP that reads it. `ramp` is that of
 * branch-warmup. */
static inline void ref_sublayer(const Reference *ref, RefRows x, RefRows d, RefRows u,
                                RefRows x_block, RefRows x0, size_t l, bool mlp) {
    const RowSublayer *s = mlp ? &ref->net->block[l].mlp : &ref->net->block[l].attn;
    const double *a = s->number, ramp = ref->ramp ? ref->ramp[l] : 1, scale = ref_branch_scale(ref);
    const size_t C = ref->options->d_model;
    RefRows o;
    if (s->read == 'x') memcpy(u, x, sizeof o);
    if (s->read == 'b') memcpy(u, x_block, sizeof o);
    ref_slot(ref, u, l, mlp, ROW_IN, C);
    for (size_t i = 0; i < ref->T * C; i++) u[i / C][i % C] *= a[ROW_GAIN];
    ref_look(ref, l + 1, mlp, 'u', u);
    if (mlp)
        ref_mlp(ref, o, u, l);
    else
        ref_attention(ref, o, u, l);
    ref_dropout(ref, o, 4 * l + (mlp ? 3 : 1));
    ref_look(ref, l + 1, mlp, 'b', o);
    ref_slot(ref, o, l, mlp, ROW_OUT, C);
    ref_look(ref, l + 1, mlp, 'o', o);
    for (size_t i = 0; i < ref->T * C; i++) {
        size_t t = i / C, c = i % C;
        x[t][c] = ref_coefficient(ref, l, mlp, ROW_SKIP, c) * x[t][c] +
                  ref_coefficient(ref, l, mlp, ROW_BRANCH, c) * ramp * scale * o[t][c] +
                  ref_coefficient(ref, l, mlp, ROW_BLOCK_SKIP, c) * x_block[t][c] +
                  ref_coefficient(ref, l, mlp, ROW_X0, c) * x0[t][c];
        d[t][c] += a[ROW_DUAL] * scale * o[t][c];
    }
    ref_slot(ref, x, l, mlp, ROW_POST, C);
    for (size_t i = 0; i < ref->T * C; i++)
        x[i / C][i % C] *= ref_coefficient(ref, l, mlp, ROW_LEAVE, i % C);
    ref_look(ref, l + 1, mlp, 'y', x);
}

/* -ln softmax(W h)[target] */
static inline double ref_cross_entropy(const Reference *ref, const double *h, int target) {
    const size_t C = ref->options->d_model;
    const real *head =
        ref_param(ref, ref->options->tie_embeddings ? "tok_emb.weight" : "head.weight");
    const real *bias = ref_param(ref, "head.bias");
    double logit[REF_WIDTH] = {0}, largest = -INFINITY, total = 0;
    for (size_t v = 0; v < ref->V; v++) {
        for (size_t c = 0; c < C; c++) logit[v] += (double)head[v * C + c] * h[c];
        logit[v] /= ref_multiple(ref, C, ref->options->base_d_model);
        logit[v] += bias ? (double)bias[v] : 0;
        logit[v] = ref_capped(logit[v], ref->options->softcap_logits);
        largest = fmax(largest, logit[v]);
    }
    for (size_t v = 0; v < ref->V; v++) total += exp(logit[v] - largest);
    return log(total) + largest - logit[target];
}

/* losses (T) of one sequence. */
static inline void reference_losses(const Reference *ref, double *losses, const int *tokens,
                                    const int *targets) {
    const size_t C = ref->options->d_model;
    const real *tok = ref_param(ref, "tok_emb.weight"), *pos = ref_param(ref, "pos_emb.weight");
    const double given = ref->options->embed_scale, scale = given > 0 ? given : sqrt((double)C);
    RefRows x = {0}, x0, d, u, x_block;
    for (size_t t = 0; t < ref->T; t++) {
        for (size_t c = 0; c < C; c++)
            x[t][c] = scale *
                      ((double)tok[(size_t)tokens[t] * C + c] + (pos ? (double)pos[t * C + c] : 0));
        ref_norm(ref, ref->net->emb ? 'n' : '.', "emb_norm", x[t], C, false, 1);
    }
    ref_dropout(ref, x, 0);
    ref_look(ref, 0, false, 'x', x);
    memcpy(d, x, sizeof x);
    memcpy(x0, x, sizeof x);
    for (size_t l = 0; l < ref->net->N; l++) {
        ref_enter(ref, x, x0, l, false);
        ref_look(ref, l + 1, false, 'x', x);
        memcpy(x_block, x, sizeof x);
        ref_sublayer(ref, x, d, u, x_block, x0, l, false);
        ref_enter(ref, x, x0, l, true);
        ref_look(ref, l + 1, true, 'x', x);
        ref_sublayer(ref, x, d, u, x_block, x0, l, true);
    }
    ref_look(ref, ref->net->N + 1, false, 'x', x);
    for (size_t t = 0; t < ref->T; t++) {
        double *read = ref->net->dual ? d[t] : x[t];
        ref_norm(ref, ref->net->final_norm ? 'n' : '.', "final_norm", read, C, false, 1);
        for (size_t c = 0; c < C && ref->net->dual; c++) x[t][c] += d[t][c];
    }
    ref_look(ref, ref->net->N + 1, false, 'u', x);
    for (size_t t = 0; t < ref->T; t++) losses[t] = ref_cross_entropy(ref, x[t], targets[t]);
}

#endif

/* test_folding.c - the folded model computes the logits of the model it comes from: every topology
 * with every norm and with options and overrides that have gains in every slot. The limit is 1e-9 of
 * the largest logit in double, at norm_eps 1e-12. */
#include "model/folding.h"
#include "base/stb_ds.h"
#include "base/text_out.h"
#include "tests/lib/nets.h"

enum { V = 13, S = 3, T = 6, ALL_SLOTS = (1 << SLOTS) - 1 };

static int tokens[S * T];

/* --- a model, folded --- */

typedef struct {
    const char *mlp, *position;
    bool bias, tied;
    size_t n_kv_head;
    int qk_norm;
    unsigned warm;
    double w;
    WireEntry wire[6];
    const char *bias_at;
    bool head_bias;
    size_t base_d_model; /* of completep; 0 = no scaling */
} Variant;

/* clang-format off */
static const Variant VARIANTS[] = {
    {"gelu", "learned", true, true},
    {"relu2", "rope", false, false, .n_kv_head = 2},
    {"swiglu", "rope", true, false, .n_kv_head = 1, .qk_norm = SWITCH_ON},
    {"relu", "learned", false, true, .warm = ALL_SLOTS, .w = 0.6},
    {"geglu", "none", false, false, .warm = 1 << SLOT_IN | 1 << SLOT_OUT, .w = 0.3,
     .wire = {{"attn.mid", "norm"}, {"mlp.mid", "norm"}, {"attn.out", "norm"}, {"blocks.1.mlp.out", "norm"}}},
    {"relu2", "rope", true, false, .warm = ALL_SLOTS, .w = 0.7,
     .wire = {{"attn.in", "scale"}, {"attn.mid", "scale"}, {"mlp.out", "scale"}, {"mlp.gain", NULL, -0.7},
              {"attn.gain", NULL, 1.3}, {"mlp.post", "scale"}}},
    {"gelu", "none", true, false, .n_kv_head = 2,
     .wire = {{"mlp.read", "shared"}, {"mlp.in", "scale"}, {"attn.in", "norm"}, {"attn.gain", NULL, 0.6},
              {"blocks.2.attn.in", "none"}, {"blocks.3.attn.gain", NULL, -2}}},
    {"swiglu", "learned", false, true,
     .wire = {{"mlp.read", "shared"}, {"mlp.in", "norm"}, {"attn.in", "norm"}, {"attn.gain", NULL, 0.6},
              {"mlp.gain", NULL, 1.5}}},
    {"relu", "rope", false, true,
     .wire = {{"mlp.read", "shared"}, {"mlp.in", "norm"}, {"mlp.out", "norm"}, {"attn.in", "norm"}, {"attn.out", "norm"},
              {"mlp.mid", "norm"}}},
    {"relu", "none", false, false,
     .wire = {{"mlp.read", "block"}, {"mlp.in", "norm"}, {"mlp.mid", "norm"}, {"attn.out", "scale"}, {"mlp.gain", NULL, 2}}},
    {"relu2", "rope", true, false, .bias_at = "norm", .warm = ALL_SLOTS, .w = 0.7,
     .wire = {{"attn.mid", "norm"}, {"mlp.mid", "norm"}, {"attn.out", "norm"}, {"mlp.gain", NULL, -0.7}}},
    {"relu", "rope", true, false, .bias_at = "proj norm",
     .wire = {{"mlp.in", "norm"}, {"mlp.mid", "norm"}, {"attn.mid", "norm"}, {"attn.out", "norm"}, {"attn.gain", NULL, 1.3}}},
    {"gelu", "learned", true, false, .head_bias = true},
    {"gelu", "rope", true, false, .head_bias = true, .base_d_model = 4},
    {"relu", "none", true, true, .bias_at = "qkv",
     .wire = {{"mlp.in", "norm"}, {"mlp.out", "norm"}, {"attn.in", "norm"}, {"attn.mid", "norm"}, {"attn.out", "norm"}}},
};
/* clang-format on */
enum { VARIANT_COUNT = sizeof VARIANTS / sizeof *VARIANTS };

static ModelOptions options_of(const char *topology, const char *norm, const Variant *v) {
    ModelOptions options = net_options(topology, norm);
    options.norm_eps = 1e-12;
    options.mlp = index_named(mlp_name, v->mlp);
    options.position = index_named(position_name, v->position);
    options.bias = v->bias;
    options.bias_at = v->bias_at;
    options.head_bias = v->head_bias;
    options.scaling = v->base_d_model ? SCALING_COMPLETEP : SCALING_NONE;
    options.base_d_model = v->base_d_model;
    options.tie_embeddings = v->tied;
    options.n_kv_head = v->n_kv_head;
    options.qk_norm = v->qk_norm;
    options.wire = v->wire;
    while (options.n_wire < 6 && v->wire[options.n_wire].key) options.n_wire++;
    return options;
}

/* Weights large enough for eps not to count, and gains of either sign. */
static void draw(const Model *model) {
    for (size_t p = 0; p < params_count(&model->params); p++) {
        const Param *param = &model->params.list[p];
        real *value = model->params.values + param->offset;
        const uint32_t own = 7 + 1000 * (uint32_t)p;
        for (size_t i = 0; i < param->count; i++) {
            value[i] = (real)(0.3 * net_normal(own, i));
            if (net_is_gamma(param))
                value[i] = (real)(net_uniform(own, i, 0.5, 1.5) * (i % 5 == 2 ? -1 : 1));
            if (net_is_gamma(param) && param->count == 1) value[i] *= 4; /* scalenorm */
            if (param->kind == PARAM_NORM || param->kind == PARAM_STATISTIC)
                value[i] = (real)net_uniform(own, i, 0.3, 0.9);
        }
    }
}

static void compute(Model *model, const Variant *v, real logits[S * T * V]) {
    for (size_t s = 0; s < S; s++) {
        const Pass pass = {
            .tokens = tokens + s * T, .B = 1, .T = T, .gamma = v->warm ? (real)v->w : 1};
        model_forward(model, &pass);
        for (size_t t = 0; t < T; t++) copy(logits + (s * T + t) * V, model_logits(model, t), V);
    }
}

/* The largest difference, relative to the largest logit. */
static double difference(const real *a, const real *b) {
    double largest = 0, scale = 0;
    for (size_t i = 0; i < S * T * V; i++) {
        const double d = fabs((double)a[i] - (double)b[i]);
        if (!(d <= largest)) largest = d;
        scale = fmax(scale, fabs((double)a[i]));
    }
    return largest / scale;
}

typedef struct {
    ModelOptions options, rewired;
    Model *model, *folded; /* the weights of `model` are those that folding_apply left */
    Folding folding;
    WireEntry wire[256];
    double difference;
} Case;

static void fold_open(Case *c, const char *topology, const char *norm, const Variant *v,
                      double eps) {
    const GammaWarmup warmup = {.steps = v->warm ? 10 : 0, .from = 0.1, .to = 1, .slots = v->warm};
    real before[S * T * V], after[S * T * V];
    net_tokens(tokens, S * T, V, 1);
    c->options = options_of(topology, norm, v);
    c->options.norm_eps = eps;
    c->model = model_create(&c->options, &warmup, V, S, MODEL_FORWARD);
    draw(c->model);
    compute(c->model, v, before);
    c->folding = folding_apply(c->model, v->warm ? (real)v->w : 1);
    c->rewired = c->options;
    c->rewired.wire = c->wire;
    memcpy(c->wire, v->wire, sizeof v->wire);
    for (size_t i = 0; i < arrlenu(c->folding.wire); i++)
        c->wire[c->rewired.n_wire++] = c->folding.wire[i];
    c->folded = folding_model(c->model, &c->rewired);
    compute(c->folded, v, after);
    c->difference = difference(before, after);
}

static void fold_close(Case *c) {
    model_free(c->model);
    model_free(c->folded);
    folding_free(&c->folding);
}

/* The lines of an outcome, for mem_free. */
static char *lines_of(const Case *c, FoldOutcome outcome) {
    TextOut text;
    folding_print(text_begin(&text), &c->folding, outcome, "");
    return text_end(&text);
}

/* --- logits --- */

static double limit(void) {
    return sizeof(real) == sizeof(float) ? 2e-3 : 1e-9;
}

/* Whether a norm has all variants; the others have a fourth of them. */
static bool norm_is_central(int norm) {
    const NormKind *kind = norm_kind(norm);
    return kind == &norm_layernorm || norm_is_rms(kind);
}

static void same_logits(void) {
    static Case c;
    size_t count = 0;
    for (int row = 0; topology_name(row); row++) {
        for (int norm = 0; norm_name(norm); norm++) {
            for (size_t v = 0; v < VARIANT_COUNT; v++) {
                char why[512];
                if (!norm_is_central(norm) && (row + norm + (int)v) % 4) continue;
                const ModelOptions options =
                    options_of(topology_name(row), norm_name(norm), &VARIANTS[v]);
                if (!model_check(&options, why, sizeof why)) continue;
                fold_open(&c, topology_name(row), norm_name(norm), &VARIANTS[v], 1e-12);
                CHECK(c.difference <= limit(), "%s, %s, variant %zu: %.3g", topology_name(row),
                      norm_name(norm), v, c.difference);
                fold_close(&c);
                count++;
            }
        }
    }
    CHECK(count > 1100, "only %zu models", count);
}

/* A gain that has moved is 1 and a shift 0, and no other tensor of a norm has changed. */
static void moved_gains_are_neutral(void) {
    static Case c;
    for (int norm = 0; norm_name(norm); norm++) {
        const NormKind *kind = norm_kind(norm);
        if (kind == &norm_none) continue;
        fold_open(&c, "peri", norm_name(norm), &VARIANTS[0], 1e-12);
        const Norm *in = &c.folded->block[3].mlp.norm[SLOT_IN];
        const Norm *out = &c.folded->block[3].mlp.norm[SLOT_OUT];
        for (size_t i = 0; i < norm_param_count(kind); i++) {
            const NormParam *param = &kind->param[i];
            const double one = param->start * (param->by_width ? 4 : 1);
            if (param->role == NORM_OTHER) continue;
            const bool moved = norm_gain_is_factor(kind);
            CHECK(((double)*in->param[i] == one) == moved, "%s: in %g", kind->name,
                  (double)*in->param[i]);
            CHECK((double)*out->param[i] != one, "%s: out", kind->name);
        }
        fold_close(&c);
    }
}

/* --- which norms are gone --- */

static void check_lines(const char *topology, const char *norm, size_t v, FoldOutcome outcome,
                        const char *want) {
    static Case c;
    fold_open(&c, topology, norm, &VARIANTS[v], 1e-12);
    char *lines = lines_of(&c, outcome);
    CHECK(strcmp(lines, want) == 0, "%s, %s, variant %zu: got\n%swanted\n%s", topology, norm, v,
          lines, want);
    mem_free(lines);
    fold_close(&c);
}

static void redundant_norms(void) {
    check_lines("hybrid_star", "rmsnorm", 1, FOLD_GONE,
                "blocks.0.attn.norm_in: undone by norm_q, norm_k and norm_v\n");
    check_lines("sandwich", "scalenorm", 1, FOLD_GONE,
                "blocks.*.mlp.norm_in: undone by norm_out\n");
    check_lines("subln", "rmsnorm_plus1", 1, FOLD_GONE,
                "blocks.*.mlp.norm_in: undone by norm_mid\n");
    check_lines("pre", "rmsnorm_plain", 4, FOLD_GONE,
                "blocks.*.attn.norm_mid: undone by norm_out\n"
                "blocks.1.mlp.norm_mid: undone by norm_out\n");
    check_lines("pre", "rmsnorm", 8, FOLD_GONE,
                "blocks.*.mlp.norm_in: undone by norm_mid\n"
                "blocks.*.mlp.norm_mid: undone by norm_out\n");
    /* With biases, with an activation that is not homogeneous, and with other kinds none is. */
    check_lines("hybrid_star", "rmsnorm", 0, FOLD_GONE, "");
    check_lines("sandwich", "rmsnorm", 2, FOLD_GONE, "");
    check_lines("pre", "rmsnorm", 1, FOLD_GONE, "");
    const char *kinds[] = {"layernorm", "dyt", "batchnorm", "derf", "seednorm", "bhyt", "gated"};
    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++) {
        check_lines("hybrid_star", kinds[i], 1, FOLD_GONE, "");
        check_lines("sandwich", kinds[i], 1, FOLD_GONE, "");
        check_lines("subln", kinds[i], 1, FOLD_GONE, "");
    }
    check_lines("layerscale", "rmsnorm", 1, FOLD_GONE,
                "blocks.*.attn.norm_out: it was a gain alone\n"
                "blocks.*.mlp.norm_out: it was a gain alone\n");
}

/* Their tensors do not exist any longer, and at an eps that counts the logits differ. */
static void gone_means_absent(void) {
    static Case c;
    fold_open(&c, "hybrid_star", "rmsnorm", &VARIANTS[1], 1e-12);
    CHECK(net_value(c.model, "blocks.0.attn.norm_in.gamma"), "it was there");
    CHECK(!net_value(c.folded, "blocks.0.attn.norm_in.gamma"), "it is there");
    CHECK(net_value(c.folded, "blocks.0.mlp.norm_in.gamma"), "another one is not there");
    CHECK(arrlenu(c.folding.wire) == 1 && strcmp(c.folding.wire[0].key, "blocks.0.attn.in") == 0,
          "wire");
    fold_close(&c);
    fold_open(&c, "layerscale", "rmsnorm", &VARIANTS[0], 1e-12);
    CHECK(arrlenu(c.folding.wire) == 2 && strcmp(c.folding.wire[0].key, "mlp.out") == 0 &&
              strcmp(c.folding.wire[1].key, "attn.out") == 0,
          "wire of all blocks");
    fold_close(&c);
    fold_open(&c, "sandwich", "rmsnorm", &VARIANTS[1], 0.1);
    CHECK(c.difference > 1e-3, "eps 0.1: %.3g", c.difference);
    fold_close(&c);
}

/* --- the other lines --- */

static void notes(void) {
    check_lines(
        "parallel", "layernorm", 2, FOLD_MOVED,
        "blocks.*.attn.norm_in.gamma -> blocks.*.attn.qkv.weight, blocks.*.mlp.gate.weight, "
        "blocks.*.mlp.up.weight\n"
        "blocks.*.attn.norm_in.beta -> blocks.*.attn.qkv.bias, blocks.*.mlp.gate.bias, "
        "blocks.*.mlp.up.bias\n");
    check_lines("post", "rmsnorm", 1, FOLD_MOVED, "blocks.3.mlp.norm_post.gamma -> head.weight\n");
    check_lines("post", "rmsnorm", 1, FOLD_STAYS,
                "blocks.*.attn.norm_post: its gain multiplies the stream\n"
                "blocks.0-2.mlp.norm_post: its gain multiplies the stream\n");
    check_lines("lns", "rmsnorm", 0, FOLD_MOVED,
                "blocks.*.attn.norm_in.gamma -> blocks.*.attn.qkv.weight\n"
                "blocks.*.mlp.norm_in.gamma -> blocks.*.mlp.up.weight\n"
                "blocks.1-3.attn.gain -> blocks.1-3.attn.qkv.weight\n"
                "blocks.1-3.mlp.gain -> blocks.1-3.mlp.up.weight\n");
    check_lines("lns", "rmsnorm", 0, FOLD_STAYS, "final_norm: the head is the token embedding\n");
    check_lines("pre", "layernorm", 2, FOLD_STAYS,
                "blocks.*.attn.norm_q: no matrix reads it\n"
                "blocks.*.attn.norm_k: no matrix reads it\n"
                "final_norm: the head has no bias for its beta\n");
    check_lines("hybrid", "rmsnorm", 1, FOLD_MOVED,
                "blocks.*.attn.norm_v.gamma -> blocks.*.attn.proj.weight\n"
                "final_norm.gamma -> head.weight\n");
    check_lines("none", "rmsnorm", 4, FOLD_STAYS,
                "blocks.*.attn.norm_out: its gain multiplies the stream\n"
                "blocks.1.mlp.norm_out: its gain multiplies the stream\n");
    check_lines("resi_dual", "rmsnorm", 1, FOLD_STAYS,
                "blocks.*.attn.norm_post: its gain multiplies the stream\n"
                "blocks.*.mlp.norm_post: its gain multiplies the stream\n"
                "final_norm: its output is added to the stream\n");
    check_lines("pre", "rmsnorm", 7, FOLD_STAYS,
                "blocks.*.attn.norm_in: mlp.norm_in reads it\n"
                "final_norm: the head is the token embedding\n");
    check_lines("pre", "rmsnorm", 6, FOLD_MOVED,
                "blocks.0-1,3.attn.norm_in.gamma -> blocks.0-1,3.attn.qkv.weight, "
                "blocks.0-1,3.mlp.up.weight\n"
                "blocks.*.attn.gain -> blocks.*.attn.qkv.weight, blocks.*.mlp.up.weight\n"
                "blocks.*.mlp.norm_in.gamma -> blocks.*.mlp.up.weight\n"
                "final_norm.gamma -> head.weight\n");
    check_lines("pre", "gated", 0, FOLD_MOVED, "");
}

/* --- what the two properties of a kind say --- */

static void row_of(const Norm *norm, real *y, const real *x, double factor) {
    real scaled[16];
    for (size_t c = 0; c < 16; c++) scaled[c] = (real)factor * x[c];
    norm_forward(norm, y, scaled, 1, 1);
}

/* Whether y of 3 times the gain is 3 y, and y of x times 3 is y and has the direction of x. */
static void properties_of_kinds(void) {
    for (int i = 0; norm_name(i); i++) {
        const NormKind *kind = norm_kind(i);
        const GammaWarmup off = {.steps = 0};
        ModelOptions options = net_options("pre", kind->name);
        options.bias = false;
        options.norm_eps = 1e-12;
        Model *model = model_create(&options, &off, V, S, MODEL_FORWARD);
        draw(model);
        const Norm *norm = &model->block[0].attn.norm[SLOT_IN];
        real x[16], y[16], times3[16], larger[16];
        for (size_t c = 0; c < 16; c++) x[c] = (real)net_normal(3, c);
        row_of(norm, y, x, 1);
        row_of(norm, larger, x, 3);
        double gain[16], first = 0;
        bool factor = true, scaling = kind != &norm_none;
        for (size_t p = 0; p < norm_param_count(kind); p++) {
            const NormParam *param = &kind->param[p];
            if (param->role != NORM_GAIN) continue;
            for (size_t c = 0; c < (param->shape == NORM_SCALAR ? 1 : 16); c++) {
                real *value = (real *)norm->param[p] + c;
                gain[c] = ((double)*value - param->zero) / (param->start - param->zero);
                *value = (real)(param->zero + 3 * ((double)*value - param->zero));
            }
        }
        row_of(norm, times3, x, 1);
        const bool scalar = kind == &norm_scalenorm, plain = !norm_param(kind, NORM_GAIN);
        for (size_t c = 0; c < 16; c++) {
            const double g = plain ? 1 : scalar ? gain[0] : gain[c];
            const double ratio = (double)y[c] / (g * (double)x[c]);
            if (!plain) factor &= fabs((double)times3[c] - 3 * (double)y[c]) < 1e-5;
            if (c == 0) first = ratio;
            scaling &= fabs((double)larger[c] - (double)y[c]) < 1e-5 &&
                       fabs(ratio - first) < 1e-4 * fabs(first);
        }
        CHECK(norm_gain_is_factor(kind) == factor, "%s: factor %d", kind->name, factor);
        CHECK(norm_is_scaling(kind) == scaling, "%s: scaling %d", kind->name, scaling);
        model_free(model);
    }
    CHECK(norm_gain_is_factor(&norm_scale) && !norm_is_scaling(&norm_scale), "scale");
}

static const Test TESTS[] = {
    {"folding: equal logits, every topology, norm and variant", same_logits},
    {"folding: a gain that has moved is 1, a shift 0", moved_gains_are_neutral},
    {"folding: redundant norms", redundant_norms},
    {"folding: norms that are gone are absent", gone_means_absent},
    {"folding: what moves and what stays", notes},
    {"folding: the properties of a kind are those of its function", properties_of_kinds},
};

int main(int argc, char **argv) {
    ops_start(1); /* small sizes: more threads would be slower */
    return test_main(TESTS, sizeof TESTS / sizeof *TESTS, argc, argv);
}

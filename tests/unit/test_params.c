/* test_params.c - the parameters of a model: names, shapes, initial values, and sizes that are
 * refused. */
#include "tests/lib/nets.h"
#include "tests/lib/norms.h"

enum { V = 13 };

typedef struct {
    const char *topology, *norm, *mlp, *position, *qk_norm;
    size_t n_kv_head;
    bool no_bias, untied;
    bool head_bias;
    const char *bias_at;
    WireEntry wire;
    const char *want; /* "name rows x columns" for a model of one block; @ is "blocks.0." */
} Names;

#define BODY                                                                                       \
    "@attn.qkv 48x16 @attn.qkv+ 48 @attn.proj 16x16 @attn.proj+ 16 @mlp.up 20x16 @mlp.up+ 20 "     \
    "@mlp.down 16x20 @mlp.down+ 16 "
#define EMB "tok_emb.weight 13x16 pos_emb.weight 6x16 "
#define NORM(name) name ".gamma 16 " name ".beta 16 "
#define DERF(name) NORM(name) name ".alpha 1 " name ".shift 1 "
#define SEED(name) name ".gamma 16 " name ".a 16 " name ".b 16 "
#define GATED(name) name ".gamma 16 " name ".down.weight 2x16 " name ".up.weight 16x2 "

/* A layer stands for its weight, with + for its bias. */
/* clang-format off */
static const Names NAMES[] = {
    {"pre", "layernorm", .want = EMB BODY NORM("@attn.norm_in") NORM("@mlp.norm_in") NORM("final_norm")},
    {"post", "layernorm", .want = EMB BODY NORM("@attn.norm_post") NORM("@mlp.norm_post")},
    {"peri", "rmsnorm", .want = EMB BODY "@attn.norm_in.gamma 16 @attn.norm_out.gamma 16 @mlp.norm_in.gamma 16 @mlp.norm_out.gamma 16 emb_norm.gamma 16 final_norm.gamma 16"},
    {"peri", "rmsnorm_plus1", "swiglu", "rope", .n_kv_head = 2, .no_bias = true, .untied = true,
     .want = "tok_emb.weight 13x16 head.weight 13x16 @attn.qkv 32x16 @attn.proj 16x16 @mlp.up 20x16 @mlp.gate 20x16 @mlp.down 16x20 "
             "@attn.norm_in.gamma 16 @attn.norm_out.gamma 16 @mlp.norm_in.gamma 16 @mlp.norm_out.gamma 16 emb_norm.gamma 16 final_norm.gamma 16"},
    {"post", "layernorm", "geglu", "none", .no_bias = true,
     .want = "tok_emb.weight 13x16 @attn.qkv 48x16 @attn.proj 16x16 @mlp.up 20x16 @mlp.gate 20x16 @mlp.down 16x20 @attn.norm_post.gamma 16 @mlp.norm_post.gamma 16"},
    {"none", "layernorm", "swiglu", .want = EMB BODY "@mlp.gate 20x16 @mlp.gate+ 20 " NORM("final_norm")},
    {"olmo2", "layernorm", .n_kv_head = 2,
     .want = EMB "@attn.qkv 32x16 @attn.qkv+ 32 @attn.proj 16x16 @attn.proj+ 16 @mlp.up 20x16 @mlp.up+ 20 @mlp.down 16x20 @mlp.down+ 16 "
             NORM("@attn.norm_out") NORM("@mlp.norm_out") NORM("@attn.norm_q") "@attn.norm_k.gamma 8 @attn.norm_k.beta 8 " NORM("final_norm")},
    {"olmo2", "layernorm", .qk_norm = "off", .want = EMB BODY NORM("@attn.norm_out") NORM("@mlp.norm_out") NORM("final_norm")},
    {"pre", "layernorm", .qk_norm = "on",
     .want = EMB BODY NORM("@attn.norm_in") NORM("@mlp.norm_in") NORM("final_norm") "@attn.norm_q.gamma 4 @attn.norm_q.beta 4 @attn.norm_k.gamma 4 @attn.norm_k.beta 4"},
    {"hybrid", "rmsnorm", .want = EMB BODY "@attn.norm_post.gamma 16 @attn.norm_q.gamma 4 @attn.norm_k.gamma 4 @attn.norm_v.gamma 4 final_norm.gamma 16"},
    {"hybrid_star", "rmsnorm", .want = EMB BODY "@attn.norm_in.gamma 16 @mlp.norm_in.gamma 16 @attn.norm_q.gamma 4 @attn.norm_k.gamma 4 @attn.norm_v.gamma 4 final_norm.gamma 16"},
    {"layerscale", "layernorm", .want = EMB BODY NORM("@attn.norm_in") NORM("@mlp.norm_in") "@attn.norm_out.gamma 16 @mlp.norm_out.gamma 16 " NORM("final_norm")},
    {"layerscale", "none", .want = EMB BODY "@attn.norm_out.gamma 16 @mlp.norm_out.gamma 16"},
    {"parallel", "layernorm", .want = EMB BODY NORM("@attn.norm_in") NORM("final_norm")},
    {"resi_dual", "dyt", .want = EMB BODY NORM("@attn.norm_post") NORM("@mlp.norm_post") NORM("final_norm") "@attn.norm_post.alpha 1 @mlp.norm_post.alpha 1 final_norm.alpha 1"},
    {"peri", "none", .qk_norm = "on", .want = EMB BODY},
    {"post", "derf", .qk_norm = "on",
     .want = EMB BODY DERF("@attn.norm_post") DERF("@mlp.norm_post") "@attn.norm_q.gamma 4 @attn.norm_q.beta 4 @attn.norm_q.alpha 1 @attn.norm_q.shift 1 "
             "@attn.norm_k.gamma 4 @attn.norm_k.beta 4 @attn.norm_k.alpha 1 @attn.norm_k.shift 1"},
    {"pre", "seednorm", .want = EMB BODY SEED("@attn.norm_in") SEED("@mlp.norm_in") SEED("final_norm")},
    {"post", "bhyt", .want = EMB BODY "@attn.norm_post.gamma 16 @attn.norm_post.lambda 1 @mlp.norm_post.gamma 16 @mlp.norm_post.lambda 1"},
    {"peri", "rmsnorm_plain", .qk_norm = "on", .want = EMB BODY},
    {"layerscale", "rmsnorm_plain", .want = EMB BODY "@attn.norm_out.gamma 16 @mlp.norm_out.gamma 16"},
    {"olmo2", "scalenorm", .want = EMB BODY "@attn.norm_out.g 1 @mlp.norm_out.g 1 @attn.norm_q.g 1 @attn.norm_k.g 1 final_norm.g 1"},
    {"pre", "gated", .qk_norm = "on",
     .want = EMB BODY GATED("@attn.norm_in") GATED("@mlp.norm_in") GATED("final_norm") "@attn.norm_q.gamma 4 @attn.norm_q.down.weight 1x4 "
             "@attn.norm_q.up.weight 4x1 @attn.norm_k.gamma 4 @attn.norm_k.down.weight 1x4 @attn.norm_k.up.weight 4x1"},
    {"post", "layernorm", .wire = {"mlp.out", "scale"}, .want = EMB BODY NORM("@attn.norm_post") NORM("@mlp.norm_post") "@mlp.norm_out.gamma 16"},
    {"subln", "layernorm", "swiglu", .no_bias = true,
     .want = EMB "@attn.qkv 48x16 @attn.proj 16x16 @mlp.up 20x16 @mlp.gate 20x16 @mlp.down 16x20 @attn.norm_in.gamma 16 @attn.norm_mid.gamma 16 @mlp.norm_in.gamma 16 @mlp.norm_mid.gamma 20 final_norm.gamma 16"},
    {"pre", "dyt", .wire = {"mlp.mid", "norm"},
     .want = EMB BODY NORM("@attn.norm_in") NORM("@mlp.norm_in") NORM("final_norm") "@attn.norm_in.alpha 1 @mlp.norm_in.alpha 1 final_norm.alpha 1 "
             "@mlp.norm_mid.gamma 20 @mlp.norm_mid.beta 20 @mlp.norm_mid.alpha 1"},
    {"none", "layernorm", .wire = {"mlp.mid", "scale"}, .want = EMB BODY NORM("final_norm") "@mlp.norm_mid.gamma 20"},
    {"post", "dyt", .no_bias = true, .wire = {"mlp.post", "none"},
     .want = EMB "@attn.qkv 48x16 @attn.proj 16x16 @mlp.up 20x16 @mlp.down 16x20 @attn.norm_post.gamma 16 @attn.norm_post.alpha 1"},
    {"none", "rmsnorm", .untied = true, .head_bias = true, .want = EMB BODY "head.weight 13x16 head.bias 13 final_norm.gamma 16"},
    {"none", "rmsnorm", .no_bias = true, .head_bias = true,
     .want = EMB "@attn.qkv 48x16 @attn.proj 16x16 @mlp.up 20x16 @mlp.down 16x20 head.bias 13 final_norm.gamma 16"},
    {"post", "layernorm", "swiglu", .bias_at = "qkv",
     .want = EMB "@attn.qkv 48x16 @attn.qkv+ 48 @attn.proj 16x16 @mlp.up 20x16 @mlp.gate 20x16 @mlp.down 16x20 @attn.norm_post.gamma 16 @mlp.norm_post.gamma 16"},
    {"parallel", "layernorm", .bias_at = "norm",
     .want = EMB "@attn.qkv 48x16 @attn.proj 16x16 @mlp.up 20x16 @mlp.down 16x20 " NORM("@attn.norm_in") NORM("final_norm")},
    {"none", "layernorm", "geglu", .bias_at = "mlp",
     .want = EMB "@attn.qkv 48x16 @attn.proj 16x16 @mlp.up 20x16 @mlp.up+ 20 @mlp.gate 20x16 @mlp.gate+ 20 @mlp.down 16x20 @mlp.down+ 16 final_norm.gamma 16"},
};
/* clang-format on */

static ModelOptions named_options(const Names *names) {
    ModelOptions options = net_options(names->topology, names->norm);
    options.n_layer = 1;
    options.n_kv_head = names->n_kv_head;
    options.bias = !names->no_bias;
    options.bias_at = names->bias_at;
    options.head_bias = names->head_bias;
    options.tie_embeddings = !names->untied;
    options.wire = &names->wire;
    options.n_wire = names->wire.key != NULL;
    if (names->mlp) options.mlp = index_named(mlp_name, names->mlp);
    if (names->position) options.position = index_named(position_name, names->position);
    if (names->qk_norm) options.qk_norm = index_named(switch_name, names->qk_norm);
    return options;
}

/* "@attn.qkv+" is blocks.0.attn.qkv.bias. */
static void full_name(char *full, size_t size, const char *brief) {
    size_t length = strlen(brief);
    bool block = *brief == '@', bias = brief[length - 1] == '+';
    bool layer = block && !bias && !strstr(brief, "norm");
    snprintf(full, size, "%s%.*s%s", block ? "blocks.0." : "", (int)(length - block - bias),
             brief + block,
             bias    ? ".bias"
             : layer ? ".weight"
                     : "");
}

static void test_names(void) {
    const GammaWarmup off = {0};
    for (size_t i = 0; i < sizeof NAMES / sizeof *NAMES; i++) {
        ModelOptions options = named_options(&NAMES[i]);
        Model *model = model_create(&options, &off, V, 1, false);
        size_t count = 0, total = 0, rows, columns;
        char brief[64], shape[32], full[128];
        for (const char *at = NAMES[i].want; sscanf(at, " %63s %31s", brief, shape) == 2; count++) {
            at = strstr(strstr(at, brief) + strlen(brief), shape) + strlen(shape);
            full_name(full, sizeof full, brief);
            if (sscanf(shape, "%zux%zu", &rows, &columns) != 2) columns = 0;
            size_t p = params_find(&model->params, full);
            total += rows * (columns ? columns : 1);
            CHECK(p < params_count(&model->params), "%s %s: no %s", NAMES[i].topology,
                  NAMES[i].norm, full);
            if (p == params_count(&model->params)) continue;
            const Param *param = &model->params.list[p];
            CHECK(param->shape[0] == rows && param->shape[1] == columns, "%s %s: %s is %zu x %zu",
                  NAMES[i].topology, NAMES[i].norm, full, param->shape[0], param->shape[1]);
        }
        CHECK(params_count(&model->params) == count, "%s %s: %zu parameters, want %zu",
              NAMES[i].topology, NAMES[i].norm, params_count(&model->params), count);
        CHECK(params_total(&model->params) == total, "%s %s: %zu elements, want %zu",
              NAMES[i].topology, NAMES[i].norm, params_total(&model->params), total);
        model_free(model);
    }
}

/* What weight decay and learning rate depend on. */
static const struct {
    const char *ending;
    ParamKind kind;
} KINDS[] = {
    {".weight", PARAM_MATRIX},
    {".bias", PARAM_BIAS},
    {".beta", PARAM_BETA},
    {".alpha", PARAM_NORM},
    {".shift", PARAM_NORM},
    {".lambda", PARAM_NORM},
    {".a", PARAM_NORM},
    {".b", PARAM_NORM},
    {".running_mean", PARAM_STATISTIC},
    {"norm_in.gamma", PARAM_GAMMA_IN},
    {"norm_out.gamma", PARAM_GAMMA_OUT},
    {"norm_post.gamma", PARAM_GAMMA_OUT},
    {"emb_norm.gamma", PARAM_GAMMA},
    {"final_norm.gamma", PARAM_GAMMA},
    {"norm_q.gamma", PARAM_GAMMA},
    {"norm_k.gamma", PARAM_GAMMA},
    {"norm_v.gamma", PARAM_GAMMA},
    {"norm_in.g", PARAM_GAMMA_IN},
    {"norm_post.g", PARAM_GAMMA_OUT},
    {"final_norm.g", PARAM_GAMMA},
    {"norm_in.down.weight", PARAM_MATRIX},
    {"norm_q.up.weight", PARAM_MATRIX},
};
static size_t kinds_seen[sizeof KINDS / sizeof *KINDS];

static void check_param_kind(const Params *params, size_t p) {
    const Param *param = &params->list[p];
    for (size_t k = 0; k < sizeof KINDS / sizeof *KINDS; k++) {
        size_t length = strlen(param->name), ending = strlen(KINDS[k].ending);
        if (length < ending || strcmp(param->name + length - ending, KINDS[k].ending)) continue;
        CHECK(param->kind == KINDS[k].kind, "%s is of kind %d", param->name, (int)param->kind);
        kinds_seen[k]++;
    }
    size_t size = param->shape[0] * (param->shape[1] ? param->shape[1] : 1);
    CHECK(param->count == size && (param->shape[1] > 0) == (param->kind == PARAM_MATRIX),
          "%s: %zu elements", param->name, param->count);
    CHECK(!p || param->offset >= param[-1].offset + param[-1].count, "%s overlaps", param->name);
    CHECK(param->offset + param->count <= params->size, "%s does not fit", param->name);
}

static void test_kinds(void) {
    static const WireEntry EVERYWHERE[] = {
        {"attn.in", "norm"}, {"mlp.out", "scale"}, {"attn.mid", "norm"}, {"mlp.mid", "scale"}};
    const GammaWarmup off = {0};
    for (int norm = 0; norm_name(norm); norm++) {
        ModelOptions options = net_options("hybrid", norm_name(norm));
        options.wire = EVERYWHERE;
        options.n_wire = 4;
        options.embed_norm = SWITCH_ON;
        options.tie_embeddings = false;
        Model *model = model_create(&options, &off, V, 1, false);
        for (size_t p = 0; p < params_count(&model->params); p++)
            check_param_kind(&model->params, p);
        model_free(model);
    }
    for (size_t k = 0; k < sizeof KINDS / sizeof *KINDS; k++)
        CHECK(kinds_seen[k], "no parameter ends with %s", KINDS[k].ending);
}

/* --- initial values --- */

/* Mean and standard deviation within five sigma of their expectation. */
static void check_normal(const real *x, size_t n, double std, const char *label) {
    double mean = 0, squares = 0;
    for (size_t i = 0; i < n; i++) mean += (double)x[i] / (double)n;
    for (size_t i = 0; i < n; i++) squares += (double)x[i] * (double)x[i] / (double)n;
    CHECK(x[0] != 0 && x[n - 1] != 0, "%s: an end was left out", label);
    CHECK(fabs(mean) < 5 * std / sqrt((double)n), "%s: mean %.3g", label, mean);
    CHECK(fabs(sqrt(squares) - std) < 5 * std / sqrt(2 * (double)n), "%s: std %.4g, want %.4g",
          label, sqrt(squares), std);
}

/* The std of a matrix under a rule, in units of init_std, transcribed from the table. */
static double rule_std(const char *rule, const char *name, size_t N) {
    bool residual = strstr(name, "attn.proj.") || strstr(name, "mlp.down.");
    if (strcmp(rule, "scaled") == 0 && residual) return 1 / sqrt(2 * (double)N);
    if (strcmp(rule, "deepnorm") == 0 && (residual || strstr(name, "mlp.up.")))
        return pow(8 * (double)N, -0.25);
    if (strcmp(rule, "subln") == 0 && (residual || strstr(name, "mlp.up.")))
        return sqrt(log(2 * (double)N));
    return 1;
}

/* The same of the rows of v in qkv. */
static double rule_std_of_v(const char *rule, size_t N) {
    return rule_std(rule, "mlp.up.", N);
}

/* The features of the norm that a tensor belongs to. */
static size_t norm_width(const Model *model, const RowNet *net, const char *name) {
    const Shape *s = &model->shape;
    const bool q = strstr(name, "norm_q"), k = strstr(name, "norm_k"), v = strstr(name, "norm_v");
    if (strstr(name, "norm_mid")) return strstr(name, ".mlp.") ? s->F : s->NH * s->HS;
    if (!q && !k && !v) return s->C;
    return net->block[0].qkv != 'w' ? s->HS : q ? s->NH * s->HS : s->NKV * s->HS;
}

/* The initial value of a scalar or vector of a norm, or of a gain alone. */
static double norm_start(const Model *model, const RowNet *net, const char *name) {
    size_t l;
    const NormFormula *formula = norm_formula(norm_name(model->options.norm));
    double gain = 1;
    if (strstr(name, "norm_out") && sscanf(name, "blocks.%zu", &l) == 1) {
        const RowBlock *block = &net->block[l];
        gain = (strstr(name, ".mlp.") ? &block->mlp : &block->attn)->out_gain;
        if ((strstr(name, ".mlp.") ? &block->mlp : &block->attn)->slot[ROW_OUT] == 'S') return gain;
    }
    const FormulaParam *param = formula_param(formula, name);
    double start = param->start;
    if (param->role == 'g') start = param->zero + gain * (param->start - param->zero);
    return start * (param->by_width ? sqrt((double)norm_width(model, net, name)) : 1);
}

/* The initial value of a learned coefficient; -1 where rows.h has none of this name. */
static double coefficient_start(const RowNet *net, const char *name) {
    size_t l;
    char sublayer[8], word[16];
    if (sscanf(name, "blocks.%zu.%7[^.].%15s", &l, sublayer, word) != 3) return -1;
    const RowSublayer *s = *sublayer == 'm' ? &net->block[l].mlp : &net->block[l].attn;
    for (int i = 0; i < ROW_NUMBERS; i++) {
        if (s->learn[i] != '.' && strcmp(ROW_NUMBER_NAMES[i], word) == 0) return s->number[i];
    }
    return -1;
}

static void check_start(const Model *model, const RowNet *net, const Param *param) {
    const Shape *s = &model->shape;
    const real *x = model->params.values + param->offset;
    const bool table = strstr(param->name, "_emb.weight") && model->options.embed_std > 0;
    double std = table ? model->options.embed_std : model->options.init_std, start = 0;
    char label[200];
    snprintf(label, sizeof label, "%s %s, init %s: %s", topology_name(model->options.topology),
             norm_name(model->options.norm), net->init, param->name);
    for (size_t i = 0; i < param->count; i++)
        CHECK(x[i] == (real)(float)x[i], "%s: not a float", label);
    if (param->kind == PARAM_MATRIX) {
        size_t values = s->NKV * s->HS * s->C, rest = param->count;
        if (strstr(param->name, "qkv")) {
            rest -= values;
            check_normal(x + rest, values, std * rule_std_of_v(net->init, s->L), label);
        }
        check_normal(x, rest, std * rule_std(net->init, param->name, s->L), label);
        return;
    }
    if (net_is_gamma(param) || param->kind == PARAM_NORM)
        start = norm_start(model, net, param->name);
    if (param->kind == PARAM_COEFFICIENT) start = coefficient_start(net, param->name);
    for (size_t i = 0; i < param->count; i++)
        CHECK(x[i] == (real)(float)start, "%s: initial value %g, want %g", label, (double)x[i],
              start);
}

static void test_start(void) {
    static const char *const INITS[] = {"auto", "plain", "scaled", "deepnorm", "subln"};
    const GammaWarmup off = {0};
    for (size_t i = 0; i < ROW_COUNT * 5; i++) {
        const Row *row = &ROWS[i / 5];
        ModelOptions options = net_options(row->name, net_norm(i / 5 + i));
        RowNet net = row_net(row->name, 4);
        options.d_model = 32;
        options.d_ff = 48;
        options.mlp = index_named(mlp_name, "swiglu");
        options.n_kv_head = 2;
        options.tie_embeddings = false;
        options.context = 40;
        options.init_std = 0.05;
        options.embed_std = i % 3 ? 0.4 : 0;
        options.init = index_named(init_name, INITS[i % 5]);
        if (i % 5) net.init = INITS[i % 5];
        Model *model = model_create(&options, &off, 50, 1, false);
        model_init(model, (uint32_t)i);
        for (size_t p = 0; p < params_count(&model->params); p++)
            check_start(model, &net, &model->params.list[p]);
        model_free(model);
    }
}

/* A normal distribution, not truncated, different for every name and seed. */
static void test_draws(void) {
    const GammaWarmup off = {0};
    ModelOptions options = net_options("pre", "layernorm");
    options.tie_embeddings = false;
    options.d_model = 64;
    Model *a = model_create(&options, &off, 512, 1, false);
    Model *b = model_create(&options, &off, 512, 1, false);
    model_init(a, 1);
    model_init(b, 2);
    const real *tok = net_value(a, "tok_emb.weight"), *head = net_value(a, "head.weight");
    const real *other = net_value(b, "tok_emb.weight");
    const size_t n = (size_t)512 * 64;
    double beyond[4] = {0}, product = 0, lag = 0, seeds = 0;
    for (size_t i = 0; i < n; i++) {
        double z = (double)tok[i] / 0.02;
        for (size_t k = 1; k < 4; k++) beyond[k] += (fabs(z) > (double)k) / (double)n;
        product += z * (double)head[i] / 0.02 / (double)n;
        lag += z * (double)tok[(i + 1) % n] / 0.02 / (double)n;
        seeds += z * (double)other[i] / 0.02 / (double)n;
    }
    for (size_t k = 1; k < 4; k++) {
        double p = erfc((double)k / sqrt(2));
        CHECK_NEAR(beyond[k], p, 5 * sqrt(p / (double)n));
    }
    CHECK_NEAR(product, 0, 5 / sqrt((double)n));
    CHECK_NEAR(lag, 0, 5 / sqrt((double)n));
    CHECK_NEAR(seeds, 0, 5 / sqrt((double)n));
    model_free(a);
    model_free(b);
}

/* Tensors with the same name, shape and std must be bit-equal; returns the number of them. */
static size_t compare_starts(const Model *a, const Model *b) {
    size_t shared = 0;
    for (size_t p = 0; p < params_count(&a->params); p++) {
        const Param *x = &a->params.list[p];
        size_t q = params_find(&b->params, x->name);
        if (q == params_count(&b->params)) continue;
        const Param *y = &b->params.list[q];
        bool same = x->shape[0] == y->shape[0] && x->shape[1] == y->shape[1] && x->std == y->std &&
                    x->start == y->start && x->tail_begin == y->tail_begin;
        bool tails = x->tail_begin < x->count && x->tail_std != y->tail_std;
        if (!same || tails) continue;
        shared++;
        CHECK(memcmp(a->params.values + x->offset, b->params.values + y->offset,
                     x->count * sizeof(real)) == 0,
              "%s differs between %s and %s", x->name, topology_name(a->options.topology),
              topology_name(b->options.topology));
    }
    return shared;
}

/* The initial values of a tensor depend on seed, name, shape and std only: not on the topology, the
 * depth, other sizes, memory for training, or earlier values. */
static void test_shared_starts(void) {
    const GammaWarmup off = {0};
    ModelOptions base = net_options("pre", "layernorm");
    base.init = INIT_PLAIN;
    Model *first = model_create(&base, &off, V, 1, false);
    model_init(first, 5);
    for (size_t row = 0; row < ROW_COUNT; row++) {
        ModelOptions options = net_options(ROWS[row].name, row % 2 ? "rmsnorm" : "layernorm");
        options.init = INIT_PLAIN;
        options.tie_embeddings = row % 3;
        options.n_layer = 4 + row % 3;
        options.mlp = index_named(mlp_name, row % 2 ? "relu" : "gelu");
        Model *other = model_create(&options, &off, V, 2, true);
        model_init(other, 77);
        model_init(other, 5);
        size_t shared = compare_starts(first, other);
        CHECK(shared >= 2 + 4 * 8, "%s shares %zu tensors", ROWS[row].name, shared);
        model_free(other);
    }
    model_free(first);
}

static void test_check(void) {
    static const struct {
        size_t d_model, n_head, n_kv_head;
        Position position;
        const char *says; /* the error; NULL = valid */
    } CASES[] = {
        {16, 4, 0, POSITION_ROPE, NULL},
        {16, 3, 0, POSITION_LEARNED, "model.n_head = 3 does not divide model.d_model = 16"},
        {16, 32, 0, POSITION_LEARNED, "model.n_head = 32 does not divide model.d_model = 16"},
        {16, 4, 3, POSITION_LEARNED, "model.n_kv_head = 3 does not divide model.n_head = 4"},
        {16, 4, 8, POSITION_LEARNED, "model.n_kv_head = 8 does not divide model.n_head = 4"},
        {16, 4, 1, POSITION_LEARNED, NULL},
        {16, 4, 4, POSITION_NONE, NULL},
        {12, 4, 0, POSITION_ROPE, "even head size"},
        {12, 4, 0, POSITION_LEARNED, NULL},
        {12, 4, 2, POSITION_NONE, NULL},
        {16, 16, 0, POSITION_ROPE, "even head size, but model.d_model / model.n_head = 1"},
    };
    for (size_t i = 0; i < sizeof CASES / sizeof *CASES; i++) {
        ModelOptions options = net_options("pre", "layernorm");
        char error[256] = "";
        options.d_model = CASES[i].d_model;
        options.n_head = CASES[i].n_head;
        options.n_kv_head = CASES[i].n_kv_head;
        options.position = CASES[i].position;
        bool good = model_check(&options, error, sizeof error);
        CHECK(good == !CASES[i].says, "case %zu: %s", i, error);
        CHECK(!CASES[i].says || strstr(error, CASES[i].says), "case %zu: %s", i, error);
    }
    ModelOptions mixed = net_options("pre", "layernorm");
    char error[256] = "";
    mixed.layers = "pre*3";
    CHECK(!model_check(&mixed, error, sizeof error) && strstr(error, "adds up"), "%s", error);
}

/* d_ff 0: 4 C, or 8 C/3 rounded up to a multiple of 64 for gated kinds. */
static void test_widths(void) {
    static const struct {
        const char *mlp;
        size_t C, F;
    } CASES[] = {{"gelu", 16, 64},       {"relu", 48, 192},    {"relu2", 384, 1536},
                 {"swiglu", 16, 64},     {"geglu", 24, 64},    {"swiglu", 25, 128},
                 {"swiglu", 48, 128},    {"geglu", 384, 1024}, {"swiglu", 768, 2048},
                 {"swiglu", 4096, 10944}};
    for (size_t i = 0; i < sizeof CASES / sizeof *CASES; i++) {
        const MlpKind *kind = mlp_kind(index_named(mlp_name, CASES[i].mlp));
        size_t F = mlp_width(kind, CASES[i].C);
        CHECK(F == CASES[i].F, "%s of %zu: %zu, want %zu", CASES[i].mlp, CASES[i].C, F, CASES[i].F);
    }
}

static const Test TESTS[] = {
    {"params: names and shapes", test_names},
    {"params: kinds", test_kinds},
    {"params: initial values of every row under every rule", test_start},
    {"params: initial values are normal and independent", test_draws},
    {"params: models share the initial values of common tensors", test_shared_starts},
    {"params: sizes that are refused", test_check},
    {"params: automatic widths", test_widths},
};
TEST_MAIN(TESTS)

/* test_scaling.c - model.scaling: the factors of every kind of tensor, which tensor has which, the update
 * with them, and models that are the same function as one without scaling, bit for bit. */
#include "ops/ops.h"
#include "run/optim/optimizer.h"
#include "tests/lib/nets.h"
#include "tests/lib/reference.h"

enum { V = 13, B = 2, T = 6 };

static int tokens[B * T], targets[B * T];

static const char *const SCALINGS[] = {"none", "depth_mup", "completep"};

static void scale_by(ModelOptions *options, const char *scaling, size_t d_model, size_t n_layer) {
    options->scaling = index_named(scaling_name, scaling);
    options->base_d_model = d_model;
    options->base_n_layer = n_layer;
}

/* --- the table --- */

/* Of a model four times as wide and nine times as deep as its base. */
static const struct {
    const char *scaling, *kind;
    double std, lr, eps, decay;
} TABLE[] = {
    {"completep", "embedding", 1, 1, 1. / 4, 1},
    {"completep", "head", 1, 1, 1. / 4, 1},
    {"completep", "outer vector", 1, 1, 1. / 4, 1},
    {"completep", "outer matrix", 1. / 2, 1. / 4, 1. / 4, 4},
    {"completep", "hidden vector", 1, 1, 1. / 36, 1},
    {"completep", "hidden matrix", 1. / 2, 1. / 4, 1. / 36, 4},
    {"depth_mup", "embedding", 1, 1, 1. / 4, 1},
    {"depth_mup", "head", 1, 1, 1. / 4, 1},
    {"depth_mup", "outer vector", 1, 1, 1. / 4, 1},
    {"depth_mup", "outer matrix", 1. / 2, 1. / 4, 1. / 4, 4},
    {"depth_mup", "hidden vector", 1, 1. / 3, 1. / 12, 1},
    {"depth_mup", "hidden matrix", 1. / 2, 1. / 12, 1. / 12, 4},
    {"none", "embedding", 1, 1, 1, 1},
    {"none", "head", 1, 1, 1, 1},
    {"none", "outer vector", 1, 1, 1, 1},
    {"none", "outer matrix", 1, 1, 1, 1},
    {"none", "hidden vector", 1, 1, 1, 1},
    {"none", "hidden matrix", 1, 1, 1, 1},
};
enum { ROWS_OF_TABLE = sizeof TABLE / sizeof *TABLE };

static TensorFactors wanted(const char *scaling, const char *kind) {
    for (size_t i = 0; i < ROWS_OF_TABLE; i++) {
        if (strcmp(TABLE[i].scaling, scaling) == 0 && strcmp(TABLE[i].kind, kind) == 0)
            return (TensorFactors){TABLE[i].std, TABLE[i].lr, TABLE[i].eps, TABLE[i].decay};
    }
    die(EXIT_INTERNAL, "no %s of %s in the table", kind, scaling);
}

static void check_factors(TensorFactors got, TensorFactors want, const char *label) {
    const double g[] = {got.std, got.lr, got.eps, got.decay};
    const double w[] = {want.std, want.lr, want.eps, want.decay};
    for (size_t i = 0; i < 4; i++)
        CHECK(fabs(g[i] / w[i] - 1) < 1e-14, "%s: factor %zu is %.17g, want %.17g", label, i, g[i],
              w[i]);
}

static ModelOptions four_by_nine(const char *scaling) {
    ModelOptions options = net_options("pre", "rmsnorm");
    options.n_layer = 18;
    scale_by(&options, scaling, 4, 2);
    return options;
}

static void test_table(void) {
    static const double BRANCH[] = {1, 1. / 3, 1. / 9}, LOGITS[] = {1, 1. / 4, 1. / 4};
    for (size_t i = 0; i < 3; i++) {
        const ModelOptions options = four_by_nine(SCALINGS[i]);
        const Scaling scaling = scaling_of(&options);
        for (int kind = 0; tensor_kind_name(kind); kind++)
            check_factors(scaling.tensor[kind], wanted(SCALINGS[i], tensor_kind_name(kind)),
                          tensor_kind_name(kind));
        CHECK_NEAR(scaling.branch, BRANCH[i], 1e-15);
        CHECK_NEAR(scaling.logits, LOGITS[i], 0);
        CHECK_NEAR(scaling_scores(&scaling, 16), i ? 1. / 16 : 1. / 4, 0);
        CHECK(scaling_is_base(&scaling) == (i == 0), "%s", SCALINGS[i]);
    }
    CHECK(!tensor_kind_name(-1) && !tensor_kind_name(TENSOR_KINDS), "names end");
}

/* Base keys of 0 are the model's own size; a model may be smaller than its base. */
static void test_bases(void) {
    static const struct {
        size_t d_model, n_layer;
        double width, depth;
        bool base;
    } CASES[] = {{0, 0, 1, 1, true},  {16, 4, 1, 1, true},       {8, 0, 2, 1, false},
                 {0, 1, 1, 4, false}, {64, 8, 0.25, 0.5, false}, {16, 0, 1, 1, true}};
    for (size_t i = 0; i < sizeof CASES / sizeof *CASES; i++) {
        ModelOptions options = net_options("pre", "rmsnorm");
        scale_by(&options, "completep", CASES[i].d_model, CASES[i].n_layer);
        const Scaling scaling = scaling_of(&options);
        CHECK_NEAR(scaling.width, CASES[i].width, 0);
        CHECK_NEAR(scaling.depth, CASES[i].depth, 0);
        CHECK(scaling_is_base(&scaling) == CASES[i].base, "case %zu", i);
    }
}

/* --- which tensor has which factors --- */

/* By its name. */
static const char *kind_of(const Param *param) {
    const bool hidden = strncmp(param->name, "blocks.", 7) == 0;
    if (strcmp(param->name, "head.weight") == 0) return "head";
    if (strstr(param->name, "_emb.weight")) return "embedding";
    if (param->shape[1]) return hidden ? "hidden matrix" : "outer matrix";
    return hidden ? "hidden vector" : "outer vector";
}

/* The initial std of a matrix under model.init scaled: its depth is that of the base. */
static double scaled_std(const Param *param, double base_depth) {
    const bool residual = strstr(param->name, "attn.proj.") || strstr(param->name, "mlp.down.");
    return 0.02 / (residual ? sqrt(2 * base_depth) : 1);
}

static void check_tensor(const Param *param, const char *scaling, double base_depth) {
    TensorFactors want = wanted(scaling, kind_of(param));
    if (strstr(param->name, ".attn.enter") && !strstr(param->name, "_x0")) want.lr *= 0.01;
    if (!param_is_trained(param)) want = (TensorFactors){1, 1, 1, 1};
    check_factors(param->factors, want, param->name);
    if (param->kind != PARAM_MATRIX) return;
    const double std = want.std * scaled_std(param, base_depth);
    CHECK(fabs(param->std / std - 1) < 1e-14, "%s: std %.17g, want %.17g", param->name, param->std,
          std);
}

static void test_tensors(void) {
    static const char *const MODELS[][2] = {
        {"pre", "layernorm"}, {"lambdas", "gated"}, {"rezero", "seednorm"}, {"pre", "batchnorm"}};
    const GammaWarmup off = {0};
    bool seen[TENSOR_KINDS] = {false};
    for (size_t i = 0; i < 3 * 4; i++) {
        ModelOptions options = four_by_nine(SCALINGS[i % 3]);
        options.topology = index_named(topology_name, MODELS[i / 3][0]);
        options.norm = index_named(norm_name, MODELS[i / 3][1]);
        options.embed_norm = options.qk_norm = SWITCH_ON;
        options.mlp = index_named(mlp_name, "swiglu");
        options.tie_embeddings = i % 2;
        options.removal.start = strcmp(MODELS[i / 3][1], "batchnorm") ? 5 : 0;
        options.removal.order = "mlp";
        Model *model = model_create(&options, &off, V, 1, MODEL_FORWARD);
        for (size_t p = 0; p < params_count(&model->params); p++) {
            const Param *param = &model->params.list[p];
            const int kind = name_index(tensor_kind_name, kind_of(param));
            check_tensor(param, SCALINGS[i % 3], i % 3 ? 2 : 18);
            if (!param_is_trained(param)) continue;
            CHECK(wiring_has_tensors(&model->wiring, &options, (TensorKind)kind), "%s",
                  param->name);
            seen[kind] = true;
        }
        model_free(model);
    }
    for (int kind = 0; kind < TENSOR_KINDS; kind++)
        CHECK(seen[kind], "no tensor is %s", tensor_kind_name(kind));
}

/* Kinds that a model has no tensor of are not printed. */
static void test_kinds_of_models(void) {
    static const struct {
        const char *topology, *norm;
        bool tied;
        const char *outer; /* v vectors, m matrices */
    } CASES[] = {{"pre", "rmsnorm", true, "v"},        {"post", "rmsnorm", true, ""},
                 {"pre", "none", false, ""},           {"pre", "gated", true, "vm"},
                 {"peri", "rmsnorm_plain", false, ""}, {"post", "gated", false, ""}};
    for (size_t i = 0; i < sizeof CASES / sizeof *CASES; i++) {
        ModelOptions options = net_options(CASES[i].topology, CASES[i].norm);
        char error[256];
        Wiring wiring;
        options.tie_embeddings = CASES[i].tied;
        CHECK(wiring_resolve(&wiring, &options, error, sizeof error), "%s", error);
        CHECK(wiring_has_tensors(&wiring, &options, TENSOR_HEAD) == !CASES[i].tied, "head %zu", i);
        CHECK(wiring_has_tensors(&wiring, &options, TENSOR_OUTER_VECTOR) ==
                  (strchr(CASES[i].outer, 'v') != NULL),
              "vectors %zu", i);
        CHECK(wiring_has_tensors(&wiring, &options, TENSOR_OUTER_MATRIX) ==
                  (strchr(CASES[i].outer, 'm') != NULL),
              "matrices %zu", i);
        CHECK(wiring_has_tensors(&wiring, &options, TENSOR_EMBEDDING) &&
                  wiring_has_tensors(&wiring, &options, TENSOR_HIDDEN_MATRIX),
              "case %zu", i);
        wiring_free(&wiring);
    }
}

/* --- an update --- */

/* Three updates of every element by the equations of AdamW, with the factors of its tensor. */
static void check_updates(const Model *model, const Param *param, const real *before,
                          const OptimOptions *o, const char *scaling) {
    const TensorFactors f = wanted(scaling, kind_of(param));
    const double decay = param->shape[1] ? f.decay * o->weight_decay : 0;
    for (size_t i = 0; i < param->count; i++) {
        double p = (double)before[param->offset + i], m = 0, v = 0;
        const double g = (double)model->params.grads[param->offset + i];
        for (int n = 1; n <= 3; n++) {
            m = o->beta1 * m + (1 - o->beta1) * g;
            v = o->beta2 * v + (1 - o->beta2) * g * g;
            const double step =
                m / (1 - pow(o->beta1, n)) / (sqrt(v / (1 - pow(o->beta2, n))) + f.eps * o->eps);
            p -= f.lr * o->lr * (step + decay * p);
        }
        const double got = (double)model->params.values[param->offset + i];
        CHECK(fabs(got - p) <= net_tolerance() * fmax(1, fabs(p)), "%s, %s: %.9g, want %.9g",
              scaling, param->name, got, p);
    }
}

/* eps is as large as the gradients. */
static void test_update(void) {
    const OptimOptions optim = {
        .lr = 0.1, .beta1 = 0.9, .beta2 = 0.99, .eps = 0.5, .weight_decay = 0.3};
    const GammaWarmup off = {0};
    for (size_t s = 0; s < 3; s++) {
        ModelOptions options = four_by_nine(SCALINGS[s]);
        options.norm = index_named(norm_name, "gated");
        options.tie_embeddings = false;
        Model *model = model_create(&options, &off, V, 1, true);
        Params *params = &model->params;
        Optimizer optimizer = optimizer_create(&optim, params);
        real *before = mem_alloc(params->size * sizeof *before);
        net_draw(model, 3);
        for (size_t i = 0; i < params->size; i++)
            params->grads[i] = (real)net_uniform(8, i, -0.5, 0.5);
        memcpy(before, params->values, params->size * sizeof *before);
        for (int n = 0; n < 3; n++)
            optimizer_update(&optimizer, (Rates){.adamw = optim.lr}, 1, NULL);
        for (size_t p = 0; p < params_count(params); p++)
            check_updates(model, &params->list[p], before, &optim, SCALINGS[s]);
        mem_free(before);
        optimizer_free(&optimizer);
        model_free(model);
    }
}

/* --- the forward pass against reference.h --- */

static Pass batch(void) {
    net_tokens(tokens, B * T, V, 1);
    net_tokens(targets, B * T, V, 2);
    return net_pass(tokens, targets, B, T);
}

/* Loss of every token, at ratios that are no powers of two. */
static void check_reference(const char *topology, const char *norm, size_t i) {
    static const size_t BASES[][2] = {{6, 1}, {32, 3}, {0, 0}};
    const GammaWarmup off = {0};
    ModelOptions options = net_options(topology, norm);
    RowNet net = row_net(topology, 4);
    double losses[T];
    if (net_refuses(topology, &net, norm)) return;
    options.tie_embeddings = i % 2;
    options.position = i % 2 ? POSITION_ROPE : POSITION_LEARNED;
    options.n_kv_head = 2;
    scale_by(&options, SCALINGS[1 + i % 2], BASES[i % 3][0], BASES[i % 3][1]);
    Model *model = model_create(&options, &off, V, B, true);
    Reference ref = {
        .options = &options, .params = &model->params, .net = &net, .T = T, .V = V, .F = 20};
    const Pass pass = batch();
    net_draw(model, 7);
    params_zero_grads(&model->params);
    model_train(model, &pass);
    for (ref.b = 0; ref.b < B; ref.b++) {
        reference_losses(&ref, losses, tokens + ref.b * T, targets + ref.b * T);
        for (size_t t = 0; t < T; t++) {
            const double got = model->losses[ref.b * T + t];
            CHECK(fabs(got - losses[t]) <= 10 * net_tolerance() * fmax(1, losses[t]),
                  "%s %s, case %zu: loss %.12g, want %.12g", topology, norm, i, got, losses[t]);
        }
    }
    model_free(model);
}

static void test_reference(void) {
    for (size_t i = 0; i < 6 * ROW_COUNT; i++)
        check_reference(ROWS[i / 6].name, net_norm(i / 6 + i), i % 6);
}

/* --- models that are the same function without scaling --- */

/* A model with scaling and one without, of 4 features per head, so that q k / 4 is (q / 2) k / 2; the base
 * is a quarter as wide and half as deep. All factors are powers of two, and change no rounding. */
typedef struct {
    Model *scaled, *plain;
    WireEntry wire[4];
} Pair;

static double plain_factor(const Param *param, size_t i) {
    const bool q = strstr(param->name, "attn.qkv.") &&
                   i / (param->shape[1] ? param->shape[1] : 1) < 16; /* rows of queries */
    return q ? 0.5 : strcmp(param->name, "head.weight") == 0 ? 0.25 : 1;
}

static void pair_open(Pair *pair, ModelOptions options, const char *scaling, ModelUse use) {
    const GammaWarmup off = {0};
    const size_t depth = strcmp(scaling, "depth_mup") == 0 ? 1 : 2; /* branch 1/2 of 4 blocks */
    const bool dual = strcmp(topology_name(options.topology), "resi_dual") == 0;
    options.tie_embeddings = false;
    options.n_kv_head = 2;
    *pair = (Pair){.wire = {{"attn.branch", NULL, 0.5},
                            {"mlp.branch", NULL, 0.5},
                            {"attn.dual", NULL, 0.5},
                            {"mlp.dual", NULL, 0.5}}};
    ModelOptions plain = options;
    plain.wire = pair->wire;
    plain.n_wire = dual ? 4 : 2;
    scale_by(&options, scaling, 4, depth);
    pair->scaled = model_create(&options, &off, V, B, use);
    pair->plain = model_create(&plain, &off, V, B, use);
    net_draw(pair->scaled, 6);
    for (size_t p = 0; p < params_count(&pair->scaled->params); p++) {
        const Param *param = &pair->scaled->params.list[p];
        for (size_t i = 0; i < param->count; i++)
            pair->plain->params.values[param->offset + i] =
                (real)plain_factor(param, i) * pair->scaled->params.values[param->offset + i];
    }
}

static void pair_close(Pair *pair) {
    model_free(pair->scaled);
    model_free(pair->plain);
}

/* Loss, largest logits and gradients; those of a weight that is halved are doubled. */
static void check_same(const Pair *pair, const char *label) {
    real peaks[2][4 * TOKEN_GROUPS];
    Pass pass = batch();
    double loss[2];
    for (int k = 0; k < 2; k++) {
        Model *model = k ? pair->plain : pair->scaled;
        for (size_t i = 0; i < 4 * TOKEN_GROUPS; i++) peaks[k][i] = -1e9f;
        pass.peaks = peaks[k];
        params_zero_grads(&model->params);
        loss[k] = model_train(model, &pass);
    }
    CHECK(loss[0] == loss[1], "%s: loss %.17g, without scaling %.17g", label, loss[0], loss[1]);
    CHECK(memcmp(peaks[0], peaks[1], sizeof peaks[0]) == 0, "%s: largest logits differ", label);
    for (size_t p = 0; p < params_count(&pair->scaled->params); p++) {
        const Param *param = &pair->scaled->params.list[p];
        for (size_t i = 0; i < param->count; i++) {
            const size_t at = param->offset + i;
            const double got = (double)pair->scaled->params.grads[at];
            const double want = plain_factor(param, i) * (double)pair->plain->params.grads[at];
            CHECK(got == want, "%s: gradient of %s is %.9g, want %.9g", label, param->name, got,
                  want);
        }
    }
}

static ModelOptions pair_options(const char *topology, size_t i) {
    ModelOptions options = net_options(topology, i % 2 ? "layernorm" : "rmsnorm");
    options.position = i % 3 ? POSITION_ROPE : POSITION_LEARNED;
    options.qk_norm = SWITCH_OFF; /* a norm would undo the factor of q */
    options.dropout = i % 4 ? 0 : 0.2;
    options.precision = i % 2 ? PRECISION_BFLOAT16 : PRECISION_FLOAT32;
    return options;
}

static void test_same_function(void) {
    for (size_t i = 0; i < 4 * ROW_COUNT; i++) {
        const char *row = ROWS[i / 4].name;
        const RowNet net = row_net(row, 4);
        ModelOptions options = pair_options(row, i);
        char label[100];
        Pair pair;
        if (net.block[0].attn.learn[ROW_BRANCH] != '.') continue; /* wire would replace it */
        const char *scaling = SCALINGS[1 + i / 4 % 2];
        snprintf(label, sizeof label, "%s, %s, %s", row, scaling,
                 precision_name(options.precision));
        pair_open(&pair, options, scaling, i % 4 == 3 ? MODEL_RECOMPUTE : MODEL_TRAIN);
        check_same(&pair, label);
        pair_close(&pair);
    }
}

/* A pass over some tokens, then token by token: the logits of the last. */
static void check_logits(const Pair *pair, const char *label) {
    net_tokens(tokens, B * T, V, 1);
    for (size_t past = 0; past + 2 < T; past++) {
        const Pass pass = {.tokens = past ? tokens + past + 2 : tokens,
                           .B = 1,
                           .T = past ? 1 : 3,
                           .past = past ? past + 2 : 0,
                           .gamma = 1};
        model_forward(pair->scaled, &pass);
        model_forward(pair->plain, &pass);
        const real *got = model_logits(pair->scaled, pass.T - 1),
                   *want = model_logits(pair->plain, pass.T - 1);
        CHECK(memcmp(got, want, V * sizeof *got) == 0, "%s: logits of token %zu differ", label,
              pass.past);
    }
}

static void test_same_samples(void) {
    for (size_t i = 0; i < 2 * ROW_COUNT; i++) {
        ModelOptions options = pair_options(ROWS[i / 2].name, i);
        const RowNet net = row_net(ROWS[i / 2].name, 4);
        Pair pair;
        if (net.block[0].attn.learn[ROW_BRANCH] != '.') continue;
        options.final_norm = i % 5 ? SWITCH_AUTO : SWITCH_OFF;
        pair_open(&pair, options, "completep", MODEL_FORWARD);
        check_logits(&pair, ROWS[i / 2].name);
        pair_close(&pair);
    }
}

static const Test TESTS[] = {
    {"scaling: the table of factors", test_table},
    {"scaling: bases", test_bases},
    {"scaling: the factors of every tensor", test_tensors},
    {"scaling: the kinds of tensors of a model", test_kinds_of_models},
    {"scaling: updates by the factors", test_update},
    {"scaling: losses against plain loops", test_reference},
    {"scaling: losses and gradients of models without it", test_same_function},
    {"scaling: cached keys and values", test_same_samples},
};

int main(int argc, char **argv) {
    ops_start(1); /* models this small are slower with more */
    return test_main(TESTS, sizeof TESTS / sizeof *TESTS, argc, argv);
}

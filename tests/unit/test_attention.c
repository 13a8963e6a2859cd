/* test_attention.c - options of attention, MLP and head against plain loops: the width of a head, RoPE's
 * frequencies, RoPE and windows by block, the exact gelu, biases, softcaps. Losses, gradients by
 * differences, sampling with kept keys and values, and the equations.
 *
 * One idea: each model is small and unlike the others, and every loss comes from reference.h. */
#include "model/equations.h"
#include "ops/ops.h"
#include "tests/lib/nets.h"
#include "tests/lib/reference.h"

enum { V = 13, T = 10 };

typedef struct {
    const char *topology, *norm, *mlp, *qk;
    size_t n_head, n_kv_head, head_dim; /* 0 = the default */
    double theta, fraction, factor, low, high, original;
    const char *bias_at;
    bool head_bias, untied;
    double softcap_logits, softcap_attn, local_theta;
    const char *rope_layers, *window, *position; /* NULL = the default; position rope */
} Variant;

/* clang-format off */
static const Variant VARIANTS[] = {
    {"pre", "layernorm", "gelu_erf", "auto", .n_head = 2, .theta = 100},
    {"peri", "rmsnorm", "swiglu", "on", .n_head = 4, .head_dim = 6, .theta = 5e5},
    {"hybrid", "rmsnorm", "gelu", "auto", .n_head = 4, .n_kv_head = 2, .head_dim = 10, .fraction = 0.4},
    {"olmo2", "layernorm", "gelu_erf", "auto", .n_head = 2, .n_kv_head = 1, .head_dim = 12, .fraction = 0.5, .theta = 30},
    {"parallel", "layernorm", "geglu", "auto", .n_head = 2, .head_dim = 16, .factor = 8, .low = 1, .high = 4, .original = 64},
    {"post", "rmsnorm_plus1", "gelu_erf", "on", .n_head = 2, .theta = 20, .factor = 4, .low = 0.5, .high = 3, .original = 9},
    {"sandwich", "rmsnorm", "swiglu", "auto", .n_head = 3, .head_dim = 4, .fraction = 0.5, .factor = 2, .low = 1, .high = 2,
     .original = 12},
    {"pre", "rmsnorm", "swiglu", "auto", .n_head = 4, .n_kv_head = 2, .theta = 1e6, .bias_at = "qkv"},
    {"parallel", "layernorm", "gelu_erf", "auto", .n_head = 4, .bias_at = "norm"},
    {"peri", "layernorm", "geglu", "on", .n_head = 2, .bias_at = "norm  proj"},
    {"parallel", "layernorm", "gelu", "auto", .n_head = 2, .head_bias = true, .untied = true},
    {"post", "rmsnorm", "gelu", "auto", .n_head = 2, .head_bias = true, .softcap_logits = 0.5},
    {"pre", "rmsnorm", "relu2", "on", .n_head = 2, .untied = true, .softcap_logits = 0.2},
    {"pre", "rmsnorm", "swiglu", "auto", .n_head = 4, .n_kv_head = 2, .theta = 50, .rope_layers = "rope*3 none"},
    {"sandwich", "rmsnorm_plus1", "geglu", "on", .n_head = 2, .theta = 5000, .factor = 8, .low = 1, .high = 4,
     .original = 64, .local_theta = 30, .rope_layers = "local*2 rope", .window = "3*2 all", .fraction = 0.5},
    {"olmo2", "layernorm", "swiglu", "auto", .n_head = 4, .local_theta = 7, .rope_layers = "local none", .window = "1 4 all*2"},
    {"peri", "rmsnorm", "gelu", "auto", .n_head = 4, .n_kv_head = 1, .position = "learned", .window = "7"},
    {"hybrid", "rmsnorm", "gelu", "auto", .n_head = 2, .position = "none", .softcap_attn = 0.3},
    {"post", "layernorm", "gelu", "auto", .n_head = 4, .window = "5 2", .softcap_attn = 1, .softcap_logits = 2},
};
/* clang-format on */

static int tokens[T], targets[T];

static ModelOptions options_of(const Variant *v) {
    ModelOptions options = net_options(v->topology, v->norm);
    options.mlp = index_named(mlp_name, v->mlp);
    options.qk_norm = index_named(switch_name, v->qk);
    options.position = v->position ? index_named(position_name, v->position) : POSITION_ROPE;
    options.rope_layers = v->rope_layers;
    options.rope_local_theta = v->local_theta;
    options.window = v->window;
    options.softcap_attn = v->softcap_attn;
    options.context = T;
    options.bias_at = v->bias_at;
    options.head_bias = v->head_bias;
    options.tie_embeddings = !v->untied;
    options.softcap_logits = v->softcap_logits;
    options.n_head = v->n_head;
    options.n_kv_head = v->n_kv_head;
    options.head_dim = v->head_dim;
    if (v->theta > 0) options.rope_theta = v->theta;
    if (v->fraction > 0) options.rope_fraction = v->fraction;
    if (v->factor > 0) options.rope_factor = v->factor;
    options.rope_low_freq = v->low;
    options.rope_high_freq = v->high;
    options.rope_original = v->original;
    return options;
}

static Model *model_of(const ModelOptions *options, ModelUse use) {
    const GammaWarmup off = {0};
    char error[256];
    CHECK(model_check(options, error, sizeof error), "%s", error);
    Model *model = model_create(options, &off, V, 1, use);
    net_draw(model, 17);
    net_tokens(tokens, T, V, 3);
    net_tokens(targets, T, V, 4);
    return model;
}

static double plain_loss(const Model *model, const ModelOptions *options, const RowNet *net) {
    const Reference ref = {.options = options,
                           .params = &model->params,
                           .net = net,
                           .T = T,
                           .V = V,
                           .F = options->d_ff};
    double losses[T], total = 0;
    reference_losses(&ref, losses, tokens, targets);
    for (size_t t = 0; t < T; t++) total += losses[t];
    return total;
}

static RowNet net_of(const Variant *v) {
    RowNet net = row_net(v->topology, 4);
    row_switch(&net, "qk_norm", v->qk);
    return net;
}

static void test_losses(void) {
    for (size_t i = 0; i < sizeof VARIANTS / sizeof *VARIANTS; i++) {
        const ModelOptions options = options_of(&VARIANTS[i]);
        const RowNet net = net_of(&VARIANTS[i]);
        Model *model = model_of(&options, MODEL_FORWARD);
        Pass pass = net_pass(tokens, targets, 1, T);
        pass.training = false;
        model_forward(model, &pass);
        double got = model_loss(model, &pass), want = plain_loss(model, &options, &net);
        CHECK(fabs(got - want) <= net_tolerance() * want, "variant %zu: loss %.12g, want %.12g", i,
              got, want);
        model_free(model);
    }
}

/* The gradient predicts how the plain loss changes when every parameter moves a little. */
static void test_gradients(void) {
    const double h = 1e-5, tolerance = sizeof(real) == sizeof(float) ? 5e-3 : 1e-4;
    for (size_t i = 0; i < sizeof VARIANTS / sizeof *VARIANTS; i++) {
        const ModelOptions options = options_of(&VARIANTS[i]);
        const RowNet net = net_of(&VARIANTS[i]);
        Model *model = model_of(&options, MODEL_TRAIN);
        const Params *params = &model->params;
        double predicted = 0, size = 0, loss[2];
        Pass pass = net_pass(tokens, targets, 1, T);
        pass.grad_scale = 1;
        params_zero_grads(&model->params);
        model_train(model, &pass);
        real *from = mem_alloc(params->size * sizeof(real));
        memcpy(from, params->values, params->size * sizeof(real));
        for (int side = 0; side < 2; side++) {
            for (size_t k = 0; k < params->size; k++) {
                const double step = (side ? h : -h) * net_normal(23, k);
                params->values[k] = (real)((double)from[k] * (1 + step));
                const double moved = (double)params->values[k] - (double)from[k];
                predicted += (side ? 1 : -1) * moved * (double)params->grads[k];
                size += pow(moved * (double)params->grads[k], 2);
            }
            loss[side] = plain_loss(model, &options, &net);
        }
        CHECK(fabs(predicted - (loss[1] - loss[0])) <= tolerance * sqrt(size),
              "variant %zu: %.9g, but the loss moves %.9g", i, predicted, loss[1] - loss[0]);
        mem_free(from);
        model_free(model);
    }
}

/* Token by token, the logits are those of the whole sequence. */
static void test_kept_keys(void) {
    for (size_t i = 0; i < sizeof VARIANTS / sizeof *VARIANTS; i++) {
        const ModelOptions options = options_of(&VARIANTS[i]);
        Model *model = model_of(&options, MODEL_FORWARD);
        real whole[T * V];
        double worst = 0, largest = 0;
        model_forward(model, &(Pass){.tokens = tokens, .B = 1, .T = T, .gamma = 1});
        for (size_t t = 0; t < T; t++)
            memcpy(whole + t * V, model_logits(model, t), V * sizeof *whole);
        for (size_t t = 0; t < T; t++) {
            Pass pass = {.tokens = tokens + t, .B = 1, .T = 1, .past = t, .gamma = 1};
            model_forward(model, &pass);
            const real *logits = model_logits(model, 0);
            for (size_t k = 0; k < V; k++) {
                worst = fmax(worst, fabs((double)logits[k] - (double)whole[t * V + k]));
                largest = fmax(largest, fabs((double)whole[t * V + k]));
            }
        }
        CHECK(worst <= (sizeof(real) == sizeof(float) ? 1e-4 : 1e-10) * largest,
              "variant %zu: off by %g of %g", i, worst, largest);
        model_free(model);
    }
}

/* Frequencies of Llama 3.1 (theta 5e5, 128 features, factor 8, 1 to 4 waves in 8,192 tokens), from the formula
 * of its release by hand: pair 0 turns by one radian, the waves of pairs 28 and below are shorter than 2,048
 * tokens, those of pairs 35 and above longer than 8,192. */
static void test_llama3(void) {
    const Rope rope = {5e5, 128, 8, 1, 4, 8192};
    real *table = mem_alloc(2 * 128 * sizeof(real));
    rope_table(table, 2, 128, &rope);
    for (size_t i = 0; i < 64; i++) {
        const double f = pow(5e5, -(double)i / 64), wave = 2 * acos(-1) / f;
        const double got = asin((double)table[128 + 2 * i + 1]);
        const double mix = (8192 / wave - 1) / 3;
        const double want = wave < 2048 ? f : wave > 8192 ? f / 8 : (1 - mix) * f / 8 + mix * f;
        CHECK((i <= 28) == (wave < 2048) && (i >= 35) == (wave > 8192), "pair %zu: wave %g", i,
              wave);
        CHECK(fabs(got - want) <= 1e-6 * want, "pair %zu: %.9g, want %.9g", i, got, want);
    }
    mem_free(table);
}

static void test_refused(void) {
    static const struct {
        Variant variant;
        const char *says;
    } CASES[] = {
        {{"pre", "rmsnorm", "gelu", "auto", .n_head = 4, .head_dim = 5}, "model.head_dim = 5"},
        {{"pre", "rmsnorm", "gelu", "auto", .n_head = 4, .head_dim = 6, .fraction = 0.5},
         "model.rope_fraction = 0.5 of the 6 features of a head is 3, which must be an even"},
        {{"pre", "rmsnorm", "gelu", "auto", .n_head = 4, .head_dim = 10, .fraction = 0.25},
         "model.rope_fraction = 0.25 of the 10 features of a head is 2.5"},
        {{"pre", "rmsnorm", "gelu", "auto", .n_head = 4, .factor = 2, .low = 4, .high = 4},
         "model.rope_high_freq = 4 must be above model.rope_low_freq = 4"},
        {{"pre", "rmsnorm", "gelu", "auto", .n_head = 4, .bias_at = "qkv norms"},
         "model.bias_at: \"norms\" is not a site of biases (norm, qkv, proj, mlp); did you mean "
         "\"norm\"?"},
        {{"pre", "rmsnorm", "gelu", "auto", .n_head = 4, .bias_at = "qkv norm qkv"},
         "model.bias_at: \"qkv\" is listed twice"},
        {{"pre", "rmsnorm", "gelu", "auto", .n_head = 4, .position = "none", .rope_layers = "rope"},
         "model.rope_layers needs model.position rope, not none"},
        {{"pre", "rmsnorm", "gelu", "auto", .n_head = 4, .rope_layers = "rope*2 locla"},
         "model.rope_layers: \"locla\" is not rope, local or none; did you mean \"local\"?"},
        {{"pre", "rmsnorm", "gelu", "auto", .n_head = 4, .rope_layers = "rope*2 none*"},
         "model.rope_layers: \"none\" needs an integer above 0 after the *"},
        {{"pre", "rmsnorm", "gelu", "auto", .n_head = 4, .window = "all*3 0*2"},
         "model.window: \"0\" is neither a number of tokens, 1 to 1048576, nor all"},
        {{"pre", "rmsnorm", "gelu", "auto", .n_head = 4, .window = "12*1048577"},
         "model.window: \"12\" needs an integer above 0 after the *"},
    };
    for (size_t i = 0; i < sizeof CASES / sizeof *CASES; i++) {
        const ModelOptions options = options_of(&CASES[i].variant);
        char error[256] = "";
        CHECK(!model_check(&options, error, sizeof error), "case %zu is accepted", i);
        CHECK(strstr(error, CASES[i].says), "case %zu: %s", i, error);
    }
}

static void check_says(const char *text, const char *const *lines) {
    for (; *lines; lines++) CHECK(strstr(text, *lines), "no \"%s\" in\n%s", *lines, text);
}

/* What --describe prints, and the canonical form, whose words must stay. */
static void test_equations(void) {
    static const char *const PRINTED[] = {
        "block 3      ",
        "within attention q and k rotated by RoPE of base 30 in 6 features of a head, keys of the "
        "last 3 tokens\n",
        "within attention q and k not rotated\n",
        "softmax(5 tanh(q k / sqrt(12) / 5)) v, q and k rotated by RoPE of base 200 in 6 features",
        "up(u))), biases of qkv and mlp only\n",
        "; logits = 20 tanh((tok_emb h + bias) / 20)\n",
        NULL};
    static const char *const CANONICAL[] = {
        "block 1 qkv=- out_start=1 rope=local window=3\n",
        "block 2 qkv=- out_start=1 rope=none\n",
        "block 3 qkv=- out_start=1 window=3\n",
        " position=rope theta=200 fraction=0.5 local_theta=30 softcap=5\n",
        "mlp gelu bias=1 at=qkv,mlp,\n",
        " tied=1 bias=1 softcap=20\n",
        NULL};
    const Variant v = {"pre",
                       "layernorm",
                       "gelu",
                       "auto",
                       .n_head = 2,
                       .head_dim = 12,
                       .theta = 200,
                       .fraction = 0.5,
                       .bias_at = "qkv mlp",
                       .head_bias = true,
                       .softcap_logits = 20,
                       .softcap_attn = 5,
                       .local_theta = 30,
                       .rope_layers = "local none rope*2",
                       .window = "3 all"};
    const ModelOptions options = options_of(&v);
    const GammaWarmup off = {0};
    const BranchWarmup none = {0};
    char *printed = equations_text(&options, &off, &none);
    char *canonical = equations_canonical(&options, &off, &none);
    check_says(printed, PRINTED);
    check_says(canonical, CANONICAL);
    mem_free(printed);
    mem_free(canonical);
}

static const Test TESTS[] = {
    {"attention: losses of every variant", test_losses},
    {"attention: gradients of every variant", test_gradients},
    {"attention: kept keys and values of every variant", test_kept_keys},
    {"attention: the frequencies of Llama 3.1", test_llama3},
    {"attention: what is refused", test_refused},
    {"attention: equations and their canonical form", test_equations},
};

int main(int argc, char **argv) {
    ops_start(1);
    return test_main(TESTS, sizeof TESTS / sizeof *TESTS, argc, argv);
}

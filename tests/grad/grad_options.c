/* grad_options.c - exact gradients of every topology with each other option of the model: one table
 * of options times all rows, each pair with one of two norms (GRADIENTS=all: with both), a sample of
 * them with batchnorm, and models that mix rows. */
#include "tests/grad/gradcheck.h"

#include "ops/ops.h"

typedef struct {
    const char *name, *mlp, *position, *layers;
    size_t n_layer, n_kv_head, head_dim, micros;
    int qk_norm, embed_norm, final_norm;
    bool no_bias, untied;
    double dropout, eps, gamma, embed_scale, rope_fraction, rope_factor; /* 0 = the default */
    unsigned warm;                                                       /* bit 1 << Slot */
    ScalingKind scaling;
    size_t base_d_model, base_n_layer;
    BranchRamp branch;
    WireEntry wire[4];
} Variant;

enum { ALL_SLOTS = (1 << SLOTS) - 1 };

/* In span, attention reaches the output only through the input of the MLP: an MLP that reads something
 * else needs a skip. */
/* clang-format off */
static const Variant VARIANTS[] = {
    {"dropout", .dropout = 0.3},
    {"dropout and accumulation", .dropout = 0.2, .micros = 2},
    {"accumulation", .micros = 2},
    {"grouped queries", .n_kv_head = 1},
    {"grouped queries, rope, qk_norm", .n_kv_head = 1, .position = "rope", .qk_norm = SWITCH_ON},
    {"qk_norm on", .qk_norm = SWITCH_ON},
    {"qk_norm off", .qk_norm = SWITCH_OFF},
    {"no bias", .no_bias = true},
    {"untied head", .untied = true},
    {"no positions", .position = "none"},
    {"geglu", .mlp = "geglu"},
    {"gelu_erf", .mlp = "gelu_erf"},
    {"wide heads, partial rope", .position = "rope", .head_dim = 12, .rope_fraction = 0.5},
    {"other heads, scaled rope, slot mid", .position = "rope", .head_dim = 6, .n_kv_head = 1, .rope_factor = 8,
     .wire = {{"attn.mid", "norm", 0}}},
    {"relu2", .mlp = "relu2"},
    {"relu", .mlp = "relu"},
    {"embed_norm on", .embed_norm = SWITCH_ON},
    {"embed_norm off", .embed_norm = SWITCH_OFF},
    {"final_norm on", .final_norm = SWITCH_ON},
    {"final_norm off", .final_norm = SWITCH_OFF},
    {"norm_eps 1e-3", .eps = 1e-3},
    {"embed_scale 3", .embed_scale = 3},
    {"embed_scale 0.5, embed_norm on, dropout", .embed_scale = 0.5, .embed_norm = SWITCH_ON, .dropout = 0.2},
    {"gamma-warmup at 0.1", .warm = ALL_SLOTS, .gamma = 0.1},
    {"gamma-warmup at 0.5", .warm = ALL_SLOTS, .gamma = 0.5},
    {"gamma-warmup at 0.5 on out slots", .warm = 1 << SLOT_OUT, .gamma = 0.5},
    {"branch-warmup, deeper later", .branch = {true, .from = 0.1, .progress = 0.8}},
    {"branch-warmup past the end of block 1, dropout", .branch = {true, .progress = 1.2}, .dropout = 0.3},
    {"branch-warmup, all equal, accumulation, gamma-warmup", .branch = {true, 0.2, 0.4, BRANCH_EQUAL},
     .micros = 2, .warm = ALL_SLOTS, .gamma = 0.5},
    {"branch-warmup of other coefficients", .branch = {true, .from = 0.1, .progress = 0.8},
     .wire = {{"attn.branch", NULL, 0.5}, {"mlp.branch", NULL, -2}, {"mlp.skip", NULL, 0.7}}},
    {"slots overridden", .wire = {{"attn.out", "norm", 0}, {"mlp.post", "norm", 0}, {"mlp.in", "scale", 0},
                                  {"attn.in", "none", 0}}},
    {"scales everywhere, warm", .warm = ALL_SLOTS, .gamma = 0.5,
     .wire = {{"attn.out", "scale", 0}, {"mlp.post", "scale", 0}, {"mlp.in", "scale", 0}, {"attn.in", "norm", 0}}},
    {"slot mid", .wire = {{"attn.mid", "norm", 0}, {"mlp.mid", "norm", 0}}},
    {"slot mid, swiglu, rope, grouped queries", .mlp = "swiglu", .position = "rope", .n_kv_head = 1,
     .wire = {{"attn.mid", "norm", 0}, {"mlp.mid", "norm", 0}}},
    {"slot mid, dropout, accumulation", .dropout = 0.3, .micros = 2,
     .wire = {{"attn.mid", "norm", 0}, {"mlp.mid", "norm", 0}}},
    {"slot mid, warm", .warm = ALL_SLOTS, .gamma = 0.4, .no_bias = true,
     .wire = {{"attn.mid", "norm", 0}, {"mlp.mid", "norm", 0}}},
    {"slot mid a scale, geglu, warm", .warm = 1 << SLOT_MID, .gamma = 0.3, .mlp = "geglu",
     .wire = {{"attn.mid", "scale", 0}, {"mlp.mid", "scale", 0}, {"mlp.out", "norm", 0}}},
    {"slot mid of attention, shared input", .qk_norm = SWITCH_ON, .position = "rope",
     .wire = {{"attn.mid", "norm", 0}, {"mlp.read", "shared", 0}, {"attn.gain", NULL, 1.5}, {"mlp.skip", NULL, 1}}},
    {"slot mid of the MLP, relu2", .mlp = "relu2", .wire = {{"mlp.mid", "norm", 0}, {"mlp.skip", NULL, 0.6}}},
    {"coefficients overridden", .wire = {{"attn.branch", NULL, 0.5}, {"mlp.skip", NULL, 0.7},
                                         {"mlp.gain", NULL, 1.3}, {"mlp.block_skip", NULL, 0.4}}},
    {"attention coefficients overridden", .wire = {{"attn.gain", NULL, -0.6}, {"attn.skip", NULL, 0},
                                                   {"attn.block_skip", NULL, 0.8}, {"mlp.branch", NULL, 2}}},
    {"mlp reads the shared input", .wire = {{"mlp.read", "shared", 0}, {"attn.gain", NULL, 1.5}, {"mlp.skip", NULL, 1}}},
    {"mlp reads the block's input", .wire = {{"mlp.read", "block", 0}, {"mlp.in", "norm", 0}, {"mlp.skip", NULL, 1}}},
    {"block_skip of attention, which is a second skip", .wire = {{"attn.block_skip", NULL, 0.7}}},
    {"learned scalars", .wire = {{"attn.skip", NULL, 1, LEARN_SCALAR, 1}, {"attn.branch", NULL, 1, LEARN_SCALAR, 1},
                                 {"mlp.block_skip", NULL, 0, LEARN_SCALAR, 1}, {"mlp.x0", NULL, 0, LEARN_SCALAR, 1}}},
    {"learned vectors", .wire = {{"attn.block_skip", NULL, 0, LEARN_VECTOR, 1}, {"attn.x0", NULL, 0, LEARN_VECTOR, 1},
                                 {"mlp.skip", NULL, 1, LEARN_VECTOR, 1}, {"mlp.branch", NULL, 1, LEARN_VECTOR, 1}}},
    {"the stream enters and leaves by vectors, dropout", .dropout = 0.2,
     .wire = {{"attn.enter", NULL, 1, LEARN_VECTOR, 1}, {"attn.leave", NULL, 1, LEARN_VECTOR, 1},
              {"mlp.enter", NULL, 1, LEARN_VECTOR, 1}, {"mlp.enter_x0", NULL, 0, LEARN_VECTOR, 1}}},
    {"the stream enters and leaves by scalars, accumulation", .micros = 2,
     .wire = {{"attn.enter_x0", NULL, 0, LEARN_SCALAR, 1}, {"attn.leave", NULL, 1, LEARN_SCALAR, 1},
              {"mlp.enter", NULL, 1, LEARN_SCALAR, 1}, {"mlp.leave", NULL, 1, LEARN_SCALAR, 1}}},
    {"numbers of the first stream", .embed_norm = SWITCH_ON,
     .wire = {{"attn.enter", NULL, 0.7}, {"attn.enter_x0", NULL, 0.4}, {"mlp.x0", NULL, -0.3}, {"mlp.leave", NULL, 1.2}}},
    {"learned branches under branch-warmup, gamma-warmup", .branch = {true, .from = 0.1, .progress = 0.8},
     .warm = ALL_SLOTS, .gamma = 0.5,
     .wire = {{"attn.branch", NULL, 1, LEARN_VECTOR, 1}, {"mlp.branch", NULL, 1, LEARN_SCALAR, 1}}},
    {"learned coefficients, mlp reads the block's input",
     .wire = {{"mlp.read", "block", 0}, {"mlp.in", "norm", 0}, {"mlp.skip", NULL, 1, LEARN_SCALAR, 1},
              {"attn.enter", NULL, 1, LEARN_SCALAR, 1}}},
    {"completep, wider and deeper", .scaling = SCALING_COMPLETEP, .base_d_model = 4, .base_n_layer = 1},
    {"depth_mup, learned branches, dropout, untied head", .scaling = SCALING_DEPTH_MUP, .base_d_model = 3, .base_n_layer = 1,
     .dropout = 0.2, .untied = true, .wire = {{"attn.branch", NULL, 1, LEARN_SCALAR, 1}, {"mlp.branch", NULL, 1, LEARN_VECTOR, 1}}},
    {"completep at its base, qk_norm, no final norm, branch-warmup", .scaling = SCALING_COMPLETEP, .qk_norm = SWITCH_ON,
     .final_norm = SWITCH_OFF, .branch = {true, .from = 0.1, .progress = 0.8}},
    {"completep wider, no final norm, rope, accumulation", .scaling = SCALING_COMPLETEP, .base_d_model = 2,
     .position = "rope", .final_norm = SWITCH_OFF, .micros = 2},
    {"attention reads the block's input", .wire = {{"attn.read", "block", 0}}},
};

/* Models of several rows; the topology named first gives embedding norm, head and init. */
static const Variant MIXES[] = {
    {"pre", .layers = "post*1 peri*1 pre*", .n_layer = 3},
    {"peri", .layers = "deepnorm keel hybrid olmo2", .n_layer = 4},
    {"post", .layers = "lns*2 parallel b2t*", .n_layer = 4},
    {"none", .layers = "layerscale respost mixln*2 hybrid_star", .n_layer = 5},
    {"deepnorm", .layers = "parallel2 pre_post none* sandwich", .n_layer = 5, .warm = ALL_SLOTS, .gamma = 0.3},
    {"span", .layers = "span*2 subln trinity dssn", .n_layer = 5},
};
/* clang-format on */

static int index_of_name(const char *(*name)(int), const char *wanted) {
    int i = 0;
    while (strcmp(name(i), wanted) != 0) i++;
    return i;
}

static void apply(ModelOptions *options, const Variant *v) {
    if (v->mlp) options->mlp = index_of_name(mlp_name, v->mlp);
    if (v->position) options->position = index_of_name(position_name, v->position);
    if (v->layers) options->layers = v->layers;
    if (v->n_layer) options->n_layer = v->n_layer;
    options->n_kv_head = v->n_kv_head;
    options->qk_norm = v->qk_norm;
    options->embed_norm = v->embed_norm;
    options->final_norm = v->final_norm;
    options->bias = !v->no_bias;
    options->tie_embeddings = !v->untied;
    options->dropout = v->dropout;
    options->norm_eps = v->eps;
    if (v->embed_scale > 0) options->embed_scale = v->embed_scale;
    if (v->rope_fraction > 0) options->rope_fraction = v->rope_fraction;
    if (v->rope_factor > 0) options->rope_factor = v->rope_factor;
    options->rope_low_freq = 1;
    options->rope_high_freq = 4;
    options->rope_original = 16;
    options->head_dim = v->head_dim;
    options->scaling = v->scaling;
    options->base_d_model = v->base_d_model;
    options->base_n_layer = v->base_n_layer;
    options->wire = v->wire;
    while (options->n_wire < 4 && v->wire[options->n_wire].key) options->n_wire++;
}

static void check_variant(const Variant *v, int topology, const char *norm) {
    ModelOptions options = gc_options(topology, index_of_name(norm_name, norm));
    char label[160], error[256];
    apply(&options, v);
    snprintf(label, sizeof label, "%s/%s/%s", topology_name(topology), norm,
             v->layers ? v->layers : v->name);
    bool known = model_check(&options, error, sizeof error);
    CHECK(known, "%s: %s", label, error);
    if (known)
        gradcheck(&options, v->warm, v->gamma > 0 ? v->gamma : 1, v->branch,
                  v->micros ? v->micros : 1, label);
}

/* One of `thin` pairs, from pair `first` on; all variants and all rows are among them. */
static void options_with(const char *norm, size_t thin, size_t first) {
    if (gc_all()) thin = 1;
    for (size_t i = 0; i < sizeof VARIANTS / sizeof *VARIANTS; i++) {
        for (int topology = 0; topology_name(topology); topology++) {
            if ((i + (size_t)topology + first) % thin == 0)
                check_variant(&VARIANTS[i], topology, norm);
        }
    }
}

static void with_layernorm(void) {
    options_with("layernorm", 2, 0);
}
static void with_rmsnorm(void) {
    options_with("rmsnorm", 2, 1);
}

static void with_batchnorm(void) {
    options_with("batchnorm", 3, 0);
}

static void mixes(void) {
    for (size_t i = 0; i < sizeof MIXES / sizeof *MIXES; i++) {
        for (int norm = 0; norm_name(norm); norm++) {
            const bool keel = strstr(MIXES[i].layers, "keel") != NULL;       /* needs a norm */
            const bool respost = strstr(MIXES[i].layers, "respost") != NULL; /* needs a gain */
            if (norm_kind(norm) == &norm_none && keel) continue;
            if (gc_samples(norm_name(norm)) && i > 0) continue;
            if (!norm_param(norm_kind(norm), NORM_GAIN) && norm_kind(norm) != &norm_none && respost)
                continue;
            check_variant(&MIXES[i], index_of_name(topology_name, MIXES[i].name), norm_name(norm));
        }
    }
}

static void second_stream(void) {
    const Variant v = {"dual", .wire = {{"attn.dual", NULL, 0.5}, {"mlp.dual", NULL, -1.5}}};
    check_variant(&v, index_of_name(topology_name, "resi_dual"), "layernorm");
}

static const Test TESTS[] = {
    {"gradients of mixes of rows", mixes},
    {"gradients with the second stream weighted", second_stream},
    {"gradients of every option with layernorm", with_layernorm},
    {"gradients of every option with rmsnorm", with_rmsnorm},
    {"gradients of every option with batchnorm", with_batchnorm},
};

int main(int argc, char **argv) {
    ops_start(1);
    return test_main(TESTS, sizeof TESTS / sizeof *TESTS, argc, argv);
}

/* test_spellings.c - the values of choices as people write them, and the one spelling that is stored.
 *
 * A table has spellings of the literature and of other trainers with our name. Each is given by a
 * file and by --set. The config must be the same as with our name. */
#include "run/config/config_keys.h"
#include "run/config/config_value.h"
#include "tests/lib/config_files.h"

static const struct {
    const char *path, *spelled, *stored;
} SPELLINGS[] = {
    {"model.norm", "RMSNorm", "rmsnorm"},
    {"model.norm", "RMS Norm", "rmsnorm"},
    {"model.norm", "rms_norm", "rmsnorm"},
    {"model.norm", "rms", "rmsnorm"},
    {"model.norm", "LayerNorm", "layernorm"},
    {"model.norm", "layer-norm", "layernorm"},
    {"model.norm", "LN", "layernorm"},
    {"model.norm", "RMSNorm+1", "rmsnorm_plus1"},
    {"model.norm", "RMSNorm-Plus1", "rmsnorm_plus1"},
    {"model.norm", "DyT", "dyt"},
    {"model.norm", "Dynamic Tanh", "dyt"},
    {"model.norm", "Dynamic erf", "derf"},
    {"model.norm", "SeeDNorm", "seednorm"},
    {"model.norm", "BHyT", "bhyt"},
    {"model.norm", "ScaleNorm", "scalenorm"},
    {"model.norm", "GatedNorm", "gated"},
    {"model.norm", "RMSNorm Plain", "rmsnorm_plain"},
    {"model.norm", "BatchNorm1d", "batchnorm"},
    {"model.norm", "Identity", "none"},
    {"model.norm", "None", "none"},
    {"model.topology", "Pre-LN", "pre"},
    {"model.topology", "PreLN", "pre"},
    {"model.topology", "pre_norm", "pre"},
    {"model.topology", "PreNorm", "pre"},
    {"model.topology", "Pre-LayerNorm", "pre"},
    {"model.topology", "GPT-2", "pre"},
    {"model.topology", "Post-LN", "post"},
    {"model.topology", "postnorm", "post"},
    {"model.topology", "POST", "post"},
    {"model.topology", "Peri-LN", "peri"},
    {"model.topology", "Sandwich-LN", "sandwich"},
    {"model.topology", "DeepNorm", "deepnorm"},
    {"model.topology", "ResiDual", "resi_dual"},
    {"model.topology", "Mix-LN", "mixln"},
    {"model.topology", "LayerNorm-Scaling", "lns"},
    {"model.topology", "HybridNorm", "hybrid"},
    {"model.topology", "HybridNorm*", "hybrid_star"},
    {"model.topology", "KEEL", "keel"},
    {"model.topology", "B2T", "b2t"},
    {"model.topology", "OLMo-2", "olmo2"},
    {"model.topology", "LayerScale", "layerscale"},
    {"model.topology", "Res-Post-Norm", "respost"},
    {"model.topology", "GPT-J", "parallel"},
    {"model.topology", "GPT-NeoX", "parallel2"},
    {"model.mlp", "SwiGLU", "swiglu"},
    {"model.mlp", "silu", "swiglu"},
    {"model.mlp", "GELU", "gelu"},
    {"model.mlp", "gelu_new", "gelu"},
    {"model.mlp", "gelu_pytorch_tanh", "gelu"},
    {"model.mlp", "GEGLU", "geglu"},
    {"model.mlp", "ReLU", "relu"},
    {"model.mlp", "ReLU^2", "relu2"},
    {"model.mlp", "squared_relu", "relu2"},
    {"model.position", "RoPE", "rope"},
    {"model.position", "rotary", "rope"},
    {"model.position", "Learned", "learned"},
    {"model.position", "absolute", "learned"},
    {"model.position", "NoPE", "none"},
    {"model.qk_norm", "On", "on"},
    {"model.final_norm", "OFF", "off"},
    {"model.init", "Scaled", "scaled"},
    {"model.layers", "Post-LN*2 PreNorm*", "post*2 pre*"},
    {"model.layers", "  Peri-LN*2   LNS*", "  peri*2   lns*"},
    {"norm_removal.order", "MLP Attn", "mlp attn"},
    {"optim.schedule", "Cosine", "cosine"},
    {"optim.schedule", "cosine_annealing", "cosine"},
    {"optim.schedule", "constant_with_warmup", "constant"},
    {"optim.schedule", "WSD", "wsd"},
    {"data.format", "Raw-U16", "raw_u16"},
    {"data.vocab", "Chars", "chars"},
    {"data.order", "Sequential", "sequential"},
    {"spike.detector", "MAD", "mad"},
    {"spike.action", "Stop", "stop"},
};
enum { SPELLING_COUNT = sizeof SPELLINGS / sizeof *SPELLINGS };

/* Loads one value, from a file or from --set. data.format raw_u16 needs data.vocab_size. */
static void check_stored(const char *path, const char *spelled, const char *stored, bool by_set) {
    Config config;
    char json[256], quoted[80], set[256];
    snprintf(quoted, sizeof quoted, "\"%s\"", spelled);
    nest(json, sizeof json, path, quoted);
    snprintf(set, sizeof set, "%s=%s", path, spelled);
    bool loaded = by_set ? load_text(&config, "{}", SETS(set, "data.vocab_size=300"))
                         : load_text(&config, json, SETS("data.vocab_size=300"));
    CHECK(loaded, "%s = %s: %s", path, spelled, printed);
    if (!loaded) return;
    char *text = value_text(&config, key_find(path)), wanted[80];
    snprintf(wanted, sizeof wanted, "\"%s\"", stored);
    CHECK(strcmp(text, wanted) == 0, "%s = %s: %s, want %s", path, spelled, text, wanted);
    mem_free(text);
    config_free(&config);
}

static void test_spellings(void) {
    for (size_t i = 0; i < SPELLING_COUNT; i++) {
        check_stored(SPELLINGS[i].path, SPELLINGS[i].spelled, SPELLINGS[i].stored, false);
        check_stored(SPELLINGS[i].path, SPELLINGS[i].spelled, SPELLINGS[i].stored, true);
    }
}

static void test_lists_and_wire(void) {
    Config config;
    must_load(&config, "{\"model\": {\"wire\": {\"mlp.out\": \"None\", \"mlp.read\": \"Block\"}}}",
              SETS("gamma_warmup.slots=[\"In\", \"POST\"]", "model.wire.attn.post=NORM"));
    char *slots = value_text(&config, key_find("gamma_warmup.slots"));
    char *wire = value_text(&config, key_find("model.wire"));
    CHECK(strcmp(slots, "[\"in\", \"post\"]") == 0, "%s", slots);
    CHECK(strcmp(wire,
                 "{\"attn.post\": \"norm\", \"mlp.out\": \"none\", \"mlp.read\": \"block\"}") == 0,
          "%s", wire);
    mem_free(slots);
    mem_free(wire);
    config_free(&config);
    check_error(NULL, "gamma_warmup.slots=[\"in\", \"IN\"]",
                "gamma_warmup.slots lists \"in\" twice");
    check_error(NULL, "model.wire.mlp.out=Nothing", "must be \"none\", \"norm\" or \"scale\"");
    check_error(NULL, "model.layers=Pre-LN*2 Parallol*",
                "unknown topology \"Parallol\"; did you mean \"parallel\"");
}

/* Python's constants on the command line. A config in JSON has true and false. */
static void test_booleans(void) {
    Config config;
    must_load(&config, "{}", SETS("model.bias=False", "optim.decay_gamma_in=TRUE", "name=True"));
    CHECK(!config.model.bias && config.optim.decay_gamma_in, "True and False");
    CHECK(strcmp(config.name, "True") == 0, "%s", config.name);
    config_free(&config);
    check_error("{\"model\": {\"bias\": \"False\"}}", NULL, "not the string \"False\"");
    check_error(NULL, "model.bias=\"False\"", "not the string \"False\"");
}

/* Numbers of Python and C on the command line. Of two spellings of one number, JSON's is stored. */
static void test_numbers(void) {
    Config config;
    must_load(&config, "{}",
              SETS("optim.lr=.001", "train.steps=1_000", "optim.clip=+2.",
                   "optim.weight_decay=.5e-1", "name=.5"));
    CHECK(config.optim.lr == 0.001 && config.train.steps == 1000 && config.optim.clip == 2, "sets");
    CHECK(config.optim.weight_decay == 0.05 && strcmp(config.name, ".5") == 0, "sets");
    config_free(&config);
    static const char *const REFUSED[] = {"1k",   "0x10", "007", "1e999", "--1",
                                          "1..2", "1-2",  "_",   "."};
    for (size_t i = 0; i < sizeof REFUSED / sizeof *REFUSED; i++) {
        char set[64];
        snprintf(set, sizeof set, "train.steps=%s", REFUSED[i]);
        check_error(NULL, set, "error: ");
    }
    check_error("{\"optim\": {\"lr\": .001}}", NULL, "a number needs a digit before the");
}

/* Whatever is spelled, the run is the same one. */
static void test_identity(void) {
    Config ours, theirs;
    must_load(&ours, "{}",
              SETS("model.norm=layernorm", "model.topology=post", "model.mlp=swiglu",
                   "model.layers=post*2 pre*"));
    must_load(&theirs, "{}",
              SETS("model.norm=LayerNorm", "model.topology=Post-LN", "model.mlp=SiLU",
                   "model.layers=Post-LN*2 PreNorm*"));
    char *a = config_json(&ours, CONFIG_FULL), *b = config_json(&theirs, CONFIG_FULL);
    CHECK(strcmp(a, b) == 0, "%s", b);
    CHECK(!config_difference(&ours, &theirs, DIFFERENCE_ANY), "different runs");
    mem_free(a);
    mem_free(b);
    config_free(&ours);
    config_free(&theirs);
}

/* Every choice means itself in capitals, and every synonym a choice of its list. */
static void test_tables(void) {
    for (size_t k = 0; key_at(k); k++) {
        const Key *key = key_at(k);
        for (int i = 0; key->choices && key->choices(i); i++) {
            char capitals[64];
            snprintf(capitals, sizeof capitals, "%s", key->choices(i));
            for (char *c = capitals; *c; c++) *c = (char)(*c >= 'a' && *c <= 'z' ? *c - 32 : *c);
            CHECK(key_choice(key, key->choices(i)) == i, "%s %s", key->path, key->choices(i));
            CHECK(key_choice(key, capitals) == i, "%s %s", key->path, capitals);
        }
        for (const Synonym *s = key->synonyms; s && s->word; s++) {
            int meant = key_choice(key, s->word);
            CHECK(meant >= 0 && strcmp(key->choices(meant), s->name) == 0, "%s %s", key->path,
                  s->word);
            CHECK(name_meant(key->choices, NULL, s->word) < 0, "%s: %s needs no row", key->path,
                  s->word);
        }
    }
}

static const Test tests[] = {
    {"spellings: files and --set", test_spellings},
    {"spellings: lists, model.layers, model.wire", test_lists_and_wire},
    {"spellings: True and False", test_booleans},
    {"spellings: numbers", test_numbers},
    {"spellings: the run is the same", test_identity},
    {"spellings: choices and synonyms", test_tables},
};
TEST_MAIN(tests)

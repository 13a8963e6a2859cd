/* grad_attention.c - exact gradients with the options of attention, of biases and of the head that
 * foreign models need: a table of options times the rows, each pair with layernorm or rmsnorm, every
 * third pair (GRADIENTS=all: every pair with both). */
#include "tests/grad/gradcheck.h"

#include "base/words.h"
#include "ops/ops.h"

typedef struct {
    const char *name, *mlp, *position, *bias_at;
    size_t n_kv_head;
    double dropout, softcap_logits, softcap_attn; /* 0 = none */
    const char *rope_layers, *window;
    bool untied, head_bias;
} Variant;

/* clang-format off */
static const Variant VARIANTS[] = {
    {"biases of qkv", .bias_at = "qkv"},
    {"betas and biases of the MLP, geglu", .mlp = "geglu", .bias_at = "norm mlp"},
    {"betas alone", .mlp = "gelu_erf", .bias_at = "norm", .dropout = 0.2},
    {"bias of the head, untied", .untied = true, .head_bias = true},
    {"softcap of the logits, bias of the tied head", .head_bias = true, .softcap_logits = 0.8},
    {"softcap of the logits, dropout", .untied = true, .dropout = 0.3, .softcap_logits = 2},
    {"RoPE of two bases", .position = "rope", .rope_layers = "local rope", .n_kv_head = 1},
    {"RoPE and none, windows", .mlp = "swiglu", .position = "rope", .rope_layers = "none rope", .window = "2 all"},
    {"windows, dropout", .window = "3", .dropout = 0.2},
    {"softcap of the scores, window", .position = "rope", .window = "all 2", .softcap_attn = 0.7},
    {"softcap of the scores, dropout", .n_kv_head = 1, .dropout = 0.3, .softcap_attn = 2},
};
/* clang-format on */

static void check_variant(const Variant *v, int topology, const char *norm) {
    ModelOptions options = gc_options(topology, name_index(norm_name, norm));
    char label[160], error[256];
    if (v->mlp) options.mlp = name_index(mlp_name, v->mlp);
    if (v->position) options.position = name_index(position_name, v->position);
    options.n_kv_head = v->n_kv_head;
    options.dropout = v->dropout;
    options.bias_at = v->bias_at;
    options.rope_layers = v->rope_layers;
    options.rope_local_theta = 20;
    options.window = v->window;
    options.softcap_attn = v->softcap_attn;
    options.head_bias = v->head_bias;
    options.tie_embeddings = !v->untied;
    options.softcap_logits = v->softcap_logits;
    snprintf(label, sizeof label, "%s/%s/%s", topology_name(topology), norm, v->name);
    bool known = model_check(&options, error, sizeof error);
    CHECK(known, "%s: %s", label, error);
    if (known) gradcheck(&options, 0, 1, (BranchRamp){0}, 1, label);
}

static void every_topology(void) {
    static const char *const NORMS[] = {"layernorm", "rmsnorm"};
    for (size_t i = 0; i < sizeof VARIANTS / sizeof *VARIANTS; i++) {
        for (int topology = 0; topology_name(topology); topology++) {
            const size_t pair = i + (size_t)topology;
            for (size_t n = 0; n < 2; n++) {
                if (gc_all() || (pair % 3 == 0 && pair / 3 % 2 == n))
                    check_variant(&VARIANTS[i], topology, NORMS[n]);
            }
        }
    }
}

static const Test TESTS[] = {
    {"gradients of options of attention, biases and head", every_topology},
};

int main(int argc, char **argv) {
    ops_start(1);
    return test_main(TESTS, sizeof TESTS / sizeof *TESTS, argc, argv);
}

/* test_scaling_equations.c - the printed equations of models with model.scaling, and their hashes. */
#include "model/equations.h"
#include "tests/lib/nets.h"

static const GammaWarmup no_warmup;
static const BranchWarmup no_branch;

static const char COMPLETEP[] =
    "rmsnorm      N(x) = x / sqrt(mean(x^2) + eps) * gamma, eps 1e-06\n"
    "embedding    x = tok_emb[token] + pos_emb[t]\n"
    "blocks 1-4   u = N(x); x = x + 0.25 attention(u)\n"
    "             u' = N(x); x = x + 0.25 [branch] mlp(u')\n"
    "             learned mlp.branch a scalar from 2\n"
    "attention    4 heads, causal softmax(q k / 4) v\n"
    "mlp          mlp(u) = down(gelu(up(u)))\n"
    "head         h = N(x); logits = head h / 4\n"
    "init         matrices N(0, 0.02^2), proj and down divided by sqrt(2N), hidden matrices times "
    "0.5; N = 1, the depth of the base model\n"
    "scaling      completep, m_N = 4, m_L = 4: branches times 0.25, logits divided by 4\n"
    "             factors of       initial std     optim.lr    optim.eps weight_decay\n"
    "             embedding                  1            1         0.25            1\n"
    "             head                       1            1         0.25            1\n"
    "             outer vector               1            1         0.25            1\n"
    "             hidden vector              1            1       0.0625            1\n"
    "             hidden matrix            0.5         0.25       0.0625            4\n";
static const char AT_BASE[] =
    "rmsnorm      N(x) = x / sqrt(mean(x^2) + eps) * gamma, eps 1e-06\n"
    "embedding    x = tok_emb[token] + pos_emb[t]; d = x\n"
    "blocks 1-4   u = x; d = d + attention(u); x = N(x + attention(u))\n"
    "             u' = x; d = d + mlp(u'); x = N(x + mlp(u'))\n"
    "attention    4 heads, causal softmax(q k / 4) v\n"
    "mlp          mlp(u) = down(gelu(up(u)))\n"
    "head         h = x + N(d); logits = tok_emb h\n"
    "init         matrices N(0, 0.02^2); N = 4\n"
    "scaling      depth_mup, m_N = 1, m_L = 1: differs from none only in the scores of attention, "
    "q k / d_head\n";

static void check_text(const ModelOptions *options, const char *want) {
    char *text = equations_text(options, &no_warmup, &no_branch);
    CHECK(strcmp(text, want) == 0, "got\n%s    want\n%s", text, want);
    mem_free(text);
}

static void test_scaled_texts(void) {
    static const WireEntry WIRE = {"mlp.branch", NULL, 2, LEARN_SCALAR, 1};
    ModelOptions scaled = net_options("pre", "rmsnorm"), base = net_options("resi_dual", "rmsnorm");
    scaled.scaling = SCALING_COMPLETEP;
    scaled.base_d_model = 4;
    scaled.base_n_layer = 1;
    scaled.tie_embeddings = false;
    scaled.wire = &WIRE;
    scaled.n_wire = 1;
    check_text(&scaled, COMPLETEP);
    base.scaling = SCALING_DEPTH_MUP;
    check_text(&base, AT_BASE);
}

static bool same_text(const ModelOptions *a, const ModelOptions *b) {
    char *text_a = equations_text(a, &no_warmup, &no_branch),
         *text_b = equations_text(b, &no_warmup, &no_branch);
    const bool same = strcmp(text_a, text_b) == 0;
    mem_free(text_a);
    mem_free(text_b);
    return same;
}

static bool same_hash(const ModelOptions *a, const ModelOptions *b) {
    char hash_a[17], hash_b[17];
    equations_hash(hash_a, a, &no_warmup, &no_branch);
    equations_hash(hash_b, b, &no_warmup, &no_branch);
    return strcmp(hash_a, hash_b) == 0;
}

/* The line of scaling, and nothing else where it is off; a base of 0 is the model's own size. */
static void test_scaled_hashes(void) {
    static const struct {
        ScalingKind scaling;
        size_t base_d_model, base_n_layer;
        const char *line;
    } CASES[] = {
        {SCALING_NONE, 0, 0, ""},
        {SCALING_NONE, 8, 2, ""},
        {SCALING_COMPLETEP, 0, 0, "scaling completep width=1 depth=1\n"},
        {SCALING_COMPLETEP, 16, 4, "scaling completep width=1 depth=1\n"},
        {SCALING_DEPTH_MUP, 0, 0, "scaling depth_mup width=1 depth=1\n"},
        {SCALING_COMPLETEP, 8, 4, "scaling completep width=2 depth=1\n"},
        {SCALING_COMPLETEP, 8, 3, "scaling completep width=2 depth=1.3333333333333333\n"},
        {SCALING_DEPTH_MUP, 8, 3, "scaling depth_mup width=2 depth=1.3333333333333333\n"},
    };
    enum { COUNT = sizeof CASES / sizeof *CASES };
    ModelOptions options[COUNT];
    for (size_t i = 0; i < COUNT; i++) {
        options[i] = net_options("pre", "rmsnorm");
        options[i].scaling = CASES[i].scaling;
        options[i].base_d_model = CASES[i].base_d_model;
        options[i].base_n_layer = CASES[i].base_n_layer;
        char *text = equations_canonical(&options[i], &no_warmup, &no_branch);
        const char *line = strstr(text, "scaling");
        CHECK(strcmp(line ? line : "", CASES[i].line) == 0, "case %zu: %s", i, text);
        mem_free(text);
        for (size_t k = 0; k < i; k++) {
            const bool same = strcmp(CASES[k].line, CASES[i].line) == 0;
            CHECK(same_text(&options[k], &options[i]) == same, "texts of cases %zu and %zu", k, i);
            CHECK(same_hash(&options[k], &options[i]) == same, "hashes of cases %zu and %zu", k, i);
        }
    }
}

static const Test TESTS[] = {
    {"equations: texts of models with scaling", test_scaled_texts},
    {"equations: hashes of models with scaling", test_scaled_hashes},
};

TEST_MAIN(TESTS)

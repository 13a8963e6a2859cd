/* test_equations.c - the printed equations and their hash: golden texts, different texts for
 * different models, and a w exactly where gamma-warmup applies. */
#include "model/equations.h"
#include "tests/lib/nets.h"

enum { ALL_SLOTS = (1 << SLOTS) - 1 };

static BranchWarmup branch_warmup; /* used by text_of */

/* warm_slots 0: gamma-warmup is off, with other keys set. */
static char *text_of(const ModelOptions *options, unsigned warm_slots) {
    GammaWarmup warmup = {.steps = warm_slots ? 10 : 0, .from = 0.1, .to = 1, .slots = warm_slots};
    if (!warm_slots) warmup.slots = ALL_SLOTS;
    return equations_text(options, &warmup, &branch_warmup);
}

static void hash_of(char hash[17], const ModelOptions *options, unsigned warm_slots) {
    GammaWarmup warmup = {.steps = warm_slots ? 10 : 0, .from = 0.1, .to = 1, .slots = warm_slots};
    if (!warm_slots) warmup.slots = ALL_SLOTS;
    equations_hash(hash, options, &warmup, &branch_warmup);
}

static bool same_text(const ModelOptions *a, const ModelOptions *b) {
    char *text_a = text_of(a, 0), *text_b = text_of(b, 0), hash_a[17], hash_b[17];
    hash_of(hash_a, a, 0);
    hash_of(hash_b, b, 0);
    bool same = strcmp(text_a, text_b) == 0;
    CHECK(same == (strcmp(hash_a, hash_b) == 0), "text and hash disagree");
    CHECK(strlen(hash_a) == 16 && strspn(hash_a, "0123456789abcdef") == 16, "hash %s", hash_a);
    mem_free(text_a);
    mem_free(text_b);
    return same;
}

static const char PERI[] = "rmsnorm      N(x) = x / sqrt(mean(x^2) + eps) * gamma, eps 1e-06\n"
                           "embedding    x = N(tok_emb[token] + pos_emb[t])\n"
                           "blocks 1-4   u = N(x); x = x + N(attention(u))\n"
                           "             u' = N(x); x = x + N(mlp(u'))\n"
                           "attention    4 heads, causal softmax(q k / sqrt(4)) v\n"
                           "mlp          mlp(u) = down(gelu(up(u)))\n"
                           "head         h = N(x); logits = tok_emb h\n"
                           "init         matrices N(0, 0.02^2); N = 4\n";
static const char POST[] =
    "layernorm    N(x) = (x - mean) / sqrt(var + eps) * gamma + beta, eps 1e-05 (1e-06 in out "
    "slots)\n"
    "embedding    x = tok_emb[token]\n"
    "blocks 1-3   u = x; x = Nw(x + attention(u))\n"
    "             u' = x; x = Nw(x + mlp(u'))\n"
    "block 4      u = x; x = Nw(x + attention(u))\n"
    "             u' = x; x = N(x + mlp(u'))\n"
    "attention    4 heads, causal softmax(q k / sqrt(4)) v, q and k rotated by RoPE\n"
    "mlp          mlp(u) = down(silu(gate(u)) * up(u))\n"
    "head         h = x; logits = head h\n"
    "init         matrices N(0, 0.02^2); N = 4\n"
    "gamma-warmup Nw, Sw: gamma times w, from gamma_warmup.from to .to\n";
static const char RESI_DUAL[] =
    "rmsnorm      N(x) = x / sqrt(mean(x^2) + eps) * gamma, eps 1e-06\n"
    "embedding    x = tok_emb[token] + pos_emb[t]; d = x\n"
    "blocks 1-4   u = x; d = d + attention(u); x = N(x + attention(u))\n"
    "             u' = x; d = d + mlp(u'); x = N(x + mlp(u'))\n"
    "attention    4 heads, causal softmax(q k / sqrt(4)) v\n"
    "mlp          mlp(u) = down(gelu(up(u)))\n"
    "head         h = x + N(d); logits = tok_emb h\n"
    "init         matrices N(0, 0.02^2); N = 4\n";
static const char PARALLEL[] =
    "rmsnorm      N(x) = x / sqrt(mean(x^2) + eps) * gamma, eps 1e-06\n"
    "embedding    x = tok_emb[token] + pos_emb[t]\n"
    "blocks 1-4   u = N(x); x = x + attention(u)\n"
    "             u' = u; x = x + mlp(u')\n"
    "attention    4 heads, causal softmax(q k / sqrt(4)) v\n"
    "mlp          mlp(u) = down(gelu(up(u)))\n"
    "head         h = N(x); logits = tok_emb h\n"
    "init         matrices N(0, 0.02^2), proj and down divided by sqrt(2N); N = 4\n";
static const char B2T[] = "dyt          N(x) = tanh(alpha x) * gamma + beta\n"
                          "embedding    x = tok_emb[token] + pos_emb[t]\n"
                          "blocks 1-4   x_block = x; u = x; x = N(x + attention(u))\n"
                          "             u' = x; x = N(x + mlp(u') + x_block)\n"
                          "attention    4 heads, causal softmax(q k / sqrt(4)) v\n"
                          "mlp          mlp(u) = down(gelu(up(u)))\n"
                          "head         h = x; logits = tok_emb h\n"
                          "init         matrices N(0, 0.02^2); N = 4\n";
static const char WIRED[] =
    "layernorm    N(x) = (x - mean) / sqrt(var + eps) * gamma + beta, beta 0, eps 0.5\n"
    "embedding    x = tok_emb[token] + pos_emb[t]\n"
    "blocks 1-4   x_block = x; u = -0.5 S(x); x = S(x - 2 N(attention(u)) + 0.25 x_block)\n"
    "             u' = x_block; x = 0\n"
    "             within attention q = N(q), k = N(k), v = N(v) per head\n"
    "             S is a gain, gamma without a norm\n"
    "attention    4 heads on 2 of keys and values, causal softmax(q k / sqrt(4)) v\n"
    "mlp          mlp(u) = down(gelu(up(u))), no biases\n"
    "head         h = N(x); logits = tok_emb h\n"
    "init         matrices N(0, 0.02^2); N = 4\n";

static const char SUBLN[] =
    "rmsnorm      N(x) = x / sqrt(mean(x^2) + eps) * gamma, eps 1e-06\n"
    "embedding    x = tok_emb[token] + pos_emb[t]\n"
    "blocks 1-4   u = Nw(x); x = x + proj(Nw(heads(u)))\n"
    "             u' = Nw(x); x = x + down(Nw(hidden(u')))\n"
    "attention    4 heads, causal softmax(q k / sqrt(4)) v; attention(u) = proj(heads(u))\n"
    "mlp          mlp(u) = down(gelu(up(u))) = down(hidden(u))\n"
    "head         h = N(x); logits = tok_emb h\n"
    "init         matrices N(0, 0.02^2), v, proj, up and down times sqrt(log(2N)); N = 4\n"
    "gamma-warmup Nw, Sw: gamma times w, from gamma_warmup.from to .to\n";
static const char DSSN[] =
    "rmsnorm      N(x) = x / sqrt(mean(x^2) + eps) * gamma, eps 1e-06\n"
    "embedding    x = tok_emb[token] + pos_emb[t]\n"
    "blocks 1-4   u = N(x); x = x + N(attention(u))\n"
    "             u' = N(x); x = x + N(down(S(hidden(u'))))\n"
    "             initial gain of out slots 0.1415 in attention, 0.216 in the MLP\n"
    "             S is a gain, gamma without a norm\n"
    "attention    4 heads, causal softmax(q k / sqrt(4)) v\n"
    "mlp          mlp(u) = down(gelu(up(u))) = down(hidden(u))\n"
    "head         h = N(x); logits = tok_emb h\n"
    "init         matrices N(0, 0.02^2); N = 4\n";
static const char SPAN[] =
    "rmsnorm      N(x) = x / sqrt(mean(x^2) + eps) * gamma, eps 1e-06\n"
    "embedding    x = tok_emb[token] + pos_emb[t]\n"
    "block 1      x_block = x; u = N(x); x = N(x + attention(u))\n"
    "             u' = x; x = N(mlp(u') + x_block)\n"
    "blocks 2-4   x_block = x; u = x; x = N(x + attention(u))\n"
    "             u' = x; x = N(mlp(u') + x_block)\n"
    "attention    4 heads, causal softmax(q k / sqrt(4)) v\n"
    "mlp          mlp(u) = down(gelu(up(u)))\n"
    "head         h = x; logits = tok_emb h\n"
    "init         matrices N(0, 0.02^2), proj and down divided by sqrt(2N); N = 4\n";

static void check_text(const ModelOptions *options, unsigned warm_slots, const char *want) {
    char *text = text_of(options, warm_slots);
    CHECK(strcmp(text, want) == 0, "got\n%s    want\n%s", text, want);
    mem_free(text);
}

static void test_texts(void) {
    static const WireEntry WIRE[] = {
        {"attn.in", "scale"},      {"attn.out", "norm"},      {"attn.post", "scale"},
        {"attn.gain", NULL, -0.5}, {"attn.branch", NULL, -2}, {"attn.block_skip", NULL, 0.25},
        {"mlp.read", "block"},     {"mlp.skip", NULL, 0},     {"mlp.branch", NULL, 0},
    };
    ModelOptions peri = net_options("peri", "rmsnorm"), post = net_options("post", "layernorm");
    ModelOptions dual = net_options("resi_dual", "rmsnorm");
    ModelOptions parallel = net_options("parallel", "rmsnorm");
    ModelOptions wired = net_options("hybrid", "layernorm");
    ModelOptions b2t = net_options("b2t", "dyt");
    post.mlp = index_named(mlp_name, "swiglu");
    post.position = POSITION_ROPE;
    post.tie_embeddings = false;
    wired.norm_eps = 0.5;
    wired.bias = false;
    wired.n_kv_head = 2;
    wired.wire = WIRE;
    wired.n_wire = sizeof WIRE / sizeof *WIRE;
    check_text(&peri, 0, PERI);
    check_text(&post, ALL_SLOTS, POST);
    check_text(&dual, 0, RESI_DUAL);
    check_text(&parallel, 0, PARALLEL);
    check_text(&b2t, 0, B2T);
    check_text(&wired, 0, WIRED);
    const ModelOptions subln = net_options("subln", "rmsnorm"),
                       span = net_options("span", "rmsnorm");
    const WireEntry mid = {"mlp.mid", "scale", 0};
    ModelOptions dssn = net_options("dssn", "rmsnorm");
    dssn.wire = &mid;
    dssn.n_wire = 1;
    check_text(&subln, ALL_SLOTS, SUBLN);
    check_text(&dssn, 0, DSSN);
    check_text(&span, 0, SPAN);
    CHECK(hash_text(HASH_START, "a") == 0xaf63dc4c8601ec8cULL, "published value of FNV-1a");
}

/* The canonical form is a file format. WANT has its bytes for a model with every option; the hash
 * is computed by a second implementation of FNV-1a. */
static void test_canonical(void) {
    static const char WANT[] =
        "norm layernorm eps=1.0000000000000001e-05 eps_out=9.9999999999999995e-07 beta=1\n"
        "embedding norm=0\n"
        "block 1 attn Nw-- read=x skip=1 branch=1 gain=1 block_skip=0 dual=0\n"
        "block 1 mlp --- read=u skip=1 branch=1 gain=1 block_skip=0 dual=0\n"
        "block 1 qkv=qk_head out_start=1\n"
        "block 2 attn NwSw- read=x skip=1 branch=1 gain=1 block_skip=0 dual=0\n"
        "block 2 mlp NwSw- read=x skip=1 branch=1 gain=1 block_skip=0 dual=0\n"
        "block 2 qkv=qk_head out_start=0.10000000000000001\n"
        "attention heads=4 kv_heads=2 head_size=4 position=rope\n"
        "mlp swiglu bias=1\n"
        "head h=N(x) norm=1 tied=0\n"
        "init scaled std=0.02 blocks=2\n"
        "gamma_warmup\n"
        "branch_warmup equal\n"
        "norm_removal groups=1 first=7 last=7 average=0.5 first_apart=1 order=mlp,emb,\n";
    ModelOptions options = net_options("parallel", "layernorm");
    options.n_layer = 2;
    options.layers = "parallel layerscale";
    options.n_kv_head = 2;
    options.qk_norm = SWITCH_ON;
    options.position = POSITION_ROPE;
    options.mlp = index_named(mlp_name, "swiglu");
    options.tie_embeddings = false;
    options.removal = (NormRemoval){7, 3, "mlp  emb ", 0.5, true};
    GammaWarmup gamma = {.steps = 10, .from = 0.1, .to = 1, .slots = ALL_SLOTS};
    BranchWarmup branch = {.steps = 9, .order = BRANCH_EQUAL};
    char *text = equations_canonical(&options, &gamma, &branch), hash[17], want[17];
    CHECK(strcmp(text, WANT) == 0, "got\n%s    want\n%s", text, WANT);
    uint64_t sum = 0xcbf29ce484222325ULL;
    for (const char *c = WANT; *c; c++) sum = (sum ^ (unsigned char)*c) * 1099511628211ULL;
    snprintf(want, sizeof want, "%016llx", (unsigned long long)sum);
    equations_hash(hash, &options, &gamma, &branch);
    CHECK(strcmp(hash, want) == 0, "hash %s, want %s", hash, want);
    mem_free(text);
}

/* Slot mid and an initial gain of its own in the MLP are written only where they are. */
static void test_canonical_additions(void) {
    static const char WANT[] =
        "norm rmsnorm eps=9.9999999999999995e-07 eps_out=9.9999999999999995e-07 beta=0\n"
        "embedding norm=0\n"
        "block 1 attn NN- mid=Nw read=x skip=1 branch=1 gain=1 block_skip=0 dual=0\n"
        "block 1 mlp NN- mid=Sw read=x skip=1 branch=1 gain=1 block_skip=0 dual=0\n"
        "block 1 qkv=- out_start=0.28299999999999997 mlp_out_start=0.432\n"
        "attention heads=4 kv_heads=4 head_size=4 position=learned\n"
        "mlp gelu bias=1\n"
        "head h=N(x) norm=1 tied=1\n"
        "init subln std=0.02 blocks=1\n"
        "gamma_warmup\n";
    static const WireEntry MIDS[] = {{"attn.mid", "norm"}, {"mlp.mid", "scale"}};
    const GammaWarmup gamma = {.steps = 10, .from = 0.1, .to = 1, .slots = 1 << SLOT_MID};
    ModelOptions options = net_options("dssn", "rmsnorm");
    options.n_layer = 1;
    options.init = INIT_SUBLN;
    options.wire = MIDS;
    options.n_wire = 2;
    char *text = equations_canonical(&options, &gamma, &branch_warmup);
    CHECK(strcmp(text, WANT) == 0, "got\n%s    want\n%s", text, WANT);
    mem_free(text);
}

/* norm_removal adds one line where it is on, and nothing where it is off. */
static void test_removals(void) {
    static const struct {
        NormRemoval removal;
        const char *line;
    } CASES[] = {
        {{0, 3, "mlp", 0.5, true}, ""},
        {{7, 3, "mlp final", 0.9, true},
         "norm-removal of mlp final, groups: 5, after steps 7 .. 19; N then divides by an EMA of "
         "its RMS or standard deviation, decay 0.9, a separate one for first tokens\n"},
        {{7, 0, "emb final", 0, false},
         "norm-removal of emb final, groups: 2, after steps 7 .. 7; N then divides by an EMA of "
         "its RMS or standard deviation, decay 0\n"},
        {{9, 1, "emb", 0, false},
         "norm-removal of emb, groups: 1, after steps 9 .. 9; N then divides by an EMA of its "
         "RMS or standard deviation, decay 0\n"},
        {{9, 1, "qkv", 0, false}, "norm-removal none of these norms exists\n"},
    };
    ModelOptions options = net_options("peri", "rmsnorm");
    for (size_t i = 0; i < sizeof CASES / sizeof *CASES; i++) {
        char want[2048];
        options.removal = CASES[i].removal;
        snprintf(want, sizeof want, "%s%s", PERI, CASES[i].line);
        check_text(&options, 0, want);
    }
}

static void test_texts_differ(void) {
    static const WireEntry ENTRIES[] = {
        {"attn.in", "scale"},         {"attn.out", "scale"},       {"attn.post", "scale"},
        {"mlp.in", "scale"},          {"mlp.out", "scale"},        {"mlp.post", "scale"},
        {"attn.skip", NULL, 0.9},     {"attn.branch", NULL, 0},    {"attn.gain", NULL, 1.00001},
        {"attn.block_skip", NULL, 3}, {"mlp.skip", NULL, 0.9},     {"mlp.branch", NULL, -1},
        {"mlp.gain", NULL, 1.00001},  {"mlp.block_skip", NULL, 3}, {"attn.mid", "scale"},
        {"mlp.mid", "scale"},
    };
    for (size_t row = 0; row < ROW_COUNT; row++) {
        ModelOptions options = net_options(ROWS[row].name, "layernorm");
        CHECK(same_text(&options, &options), "%s: two texts of one model", ROWS[row].name);
        for (size_t other = 0; other < row; other++) {
            ModelOptions others = net_options(ROWS[other].name, "layernorm");
            CHECK(!same_text(&options, &others), "%s and %s", ROWS[row].name, ROWS[other].name);
        }
        for (size_t i = 0; i < sizeof ENTRIES / sizeof *ENTRIES; i++) {
            const char *name = strchr(ENTRIES[i].key, '.') + 1;
            ModelOptions wired = options;
            wired.wire = &ENTRIES[i];
            wired.n_wire = 1;
            bool scaled = ROWS[row].attn[1] == 'S' && strcmp(name, "out") == 0;
            CHECK(same_text(&options, &wired) == scaled, "%s: %s", ROWS[row].name, ENTRIES[i].key);
        }
    }
}

static void test_texts_of_options(void) {
    const ModelOptions base = net_options("pre", "layernorm");
    ModelOptions changed[42];
    size_t n = sizeof changed / sizeof *changed;
    for (size_t i = 0; i < n; i++) changed[i] = base;
    for (size_t i = 0; i < n; i++) changed[i].rope_local_theta = 10000;
    for (int i = 0; i < 4; i++) changed[i].norm = i + 1;
    for (int i = 4; i < 8; i++) changed[i].mlp = i - 3;
    changed[8].position = POSITION_ROPE;
    changed[9].position = POSITION_NONE;
    changed[10].bias = false;
    changed[11].tie_embeddings = false;
    changed[12].norm_eps = 1e-4;
    changed[13].init_std = 0.03;
    changed[14].embed_norm = SWITCH_ON;
    changed[15].qk_norm = SWITCH_ON;
    changed[16].n_kv_head = 2;
    changed[17].n_head = 2;
    changed[18].n_layer = 5;
    changed[19].embed_scale = 7;
    changed[20].embed_scale = 0; /* sqrt(16) */
    changed[21].embed_std = 0.03;
    changed[22].init = INIT_SUBLN;
    changed[23].init = INIT_DEEPNORM;
    changed[24].bias_at = "qkv";
    changed[25].bias_at = "norm";
    changed[26].bias_at = "qkv proj mlp";
    changed[27].head_bias = true;
    changed[28].softcap_logits = 30;
    changed[29].softcap_logits = 20;
    changed[30].softcap_logits = 20;
    changed[30].head_bias = true;
    for (int i = 31; i < 38; i++) changed[i].position = POSITION_ROPE;
    changed[31].rope_layers = "local"; /* of base 10000, but without what rope_factor does */
    changed[32].rope_layers = "local";
    changed[32].rope_local_theta = 5000;
    changed[33].rope_layers = "none";
    changed[34].rope_layers = "none rope";
    changed[35].rope_layers = "rope none";
    changed[36].rope_layers = "local rope";
    changed[37].rope_layers = "none local rope";
    changed[38].window = "5";
    changed[39].window = "4";
    changed[40].window = "all 4";
    changed[41].softcap_attn = 50;
    for (size_t i = 0; i < n; i++) {
        CHECK(!same_text(&base, &changed[i]), "option %zu has no effect", i);
        for (size_t k = 0; k < i; k++)
            CHECK(!same_text(&changed[i], &changed[k]), "%zu, %zu", i, k);
    }
}

/* Spellings of one model. */
static void test_texts_of_spellings(void) {
    const ModelOptions base = net_options("pre", "layernorm");
    ModelOptions rope = base, mixed, same = base;
    rope.position = POSITION_ROPE;
    mixed = rope;
    mixed.rope_layers = "none rope";
    same.bias_at = "mlp norm  proj qkv";
    same.window = "6 all 7*3";
    CHECK(same_text(&base, &same), "all sites of biases, windows as long as the context");
    same = rope;
    same.rope_layers = "rope*3";
    CHECK(same_text(&rope, &same), "RoPE in all blocks");
    same.rope_layers = "none*1  rope none rope ";
    CHECK(same_text(&mixed, &same), "a pattern repeated");
}

static size_t count_words(const char *from, const char *to, const char *word) {
    size_t count = 0;
    for (; (from = strstr(from, word)) && from < to; from++) count++;
    return count;
}

/* Equal blocks are printed once, as a range. Each range must have a w at every norm of a slot under
 * gamma-warmup. */
static void check_marks(const char *text, const RowNet *net, int slot) {
    size_t seen = 0;
    for (const char *at = strstr(text, "\nblock"); at; at = strstr(at + 1, "\nblock")) {
        size_t first = 0, last = 0;
        const char *end = at + 1;
        while ((end = strchr(end, '\n')) && end[1] == ' ') end++;
        if (sscanf(at, "\nblocks %zu-%zu", &first, &last) != 2) {
            CHECK(sscanf(at, "\nblock %zu", &first) == 1, "label of a block: %.20s", at);
            last = first;
        }
        CHECK(first == seen + 1, "block %zu follows %zu", first, seen);
        size_t marks = count_words(at, end, "Nw(") + count_words(at, end, "Sw(");
        for (seen = first; seen <= last; seen++) {
            const RowBlock *block = &net->block[seen - 1];
            size_t want = 0;
            for (int mlp = 0; mlp < 2; mlp++)
                want += (mlp ? &block->mlp : &block->attn)->slot[slot] != '.' &&
                        row_is_warm(net, 1u << slot, seen - 1, mlp, slot);
            CHECK(marks == want, "block %zu, slot %d: %zu marks, want %zu in\n%s", seen, slot,
                  marks, want, text);
        }
        seen = last;
    }
    CHECK(seen == net->N, "%zu blocks printed", seen);
    CHECK(count_words(text, text + strlen(text), "w(") ==
              count_words(strstr(text, "\nblock"), strstr(text, "\nattention"), "w("),
          "a mark outside the blocks:\n%s", text);
}

static void test_marks(void) {
    for (size_t i = 0; i < ROW_COUNT * 3 * SLOTS; i++) {
        const char *name = ROWS[i / (3 * SLOTS)].name;
        const int slot = (int)(i % SLOTS);
        ModelOptions options = net_options(name, "layernorm");
        options.n_layer = 5;
        RowNet net = row_net(name, 5);
        options.final_norm = (int)(i / SLOTS % 3);
        options.qk_norm = SWITCH_ON;
        row_switch(&net, "final_norm", switch_name(options.final_norm));
        char *text = text_of(&options, 1u << slot);
        check_marks(text, &net, slot);
        mem_free(text);
        text = text_of(&options, 0);
        CHECK(!strstr(text, "w(") && !strstr(text, "warmup"), "%s without warm-up:\n%s", name,
              text);
        mem_free(text);
    }
}

/* With branch-warmup every branch coefficient has a factor a, but not that of a second stream. Off,
 * it leaves no trace, whatever its other keys are. Its two orders have different texts. */
static void test_branch_warmup(void) {
    static const char DEEPER[] =
        "branch-warmup a: from branch_warmup.from to 1 over .steps steps, l times as many in "
        "block l\n";
    static const char EQUAL[] = "branch-warmup a: from branch_warmup.from to 1 over .steps steps, "
                                "the same in every block\n";
    for (size_t row = 0; row < ROW_COUNT; row++) {
        ModelOptions options = net_options(ROWS[row].name, "layernorm");
        char *off = text_of(&options, 0), *text[3];
        for (int i = 0; i < 3; i++) {
            branch_warmup = (BranchWarmup){.steps = i ? 9 : 0, .from = 0.3, .order = i / 2};
            text[i] = text_of(&options, 0);
        }
        branch_warmup = (BranchWarmup){0};
        CHECK(strcmp(text[0], off) == 0, "off, got\n%s    want\n%s", text[0], off);
        CHECK(strcmp(text[1] + strlen(text[1]) - strlen(DEEPER), DEEPER) == 0, "%s", text[1]);
        CHECK(strcmp(text[2] + strlen(text[2]) - strlen(EQUAL), EQUAL) == 0, "%s", text[2]);
        const char *end = strstr(text[1], "\nattention"), *off_end = strstr(off, "\nattention");
        size_t warm = count_words(text[1], end, " + a ") + count_words(text[1], end, "(a ") +
                      count_words(text[1], end, " + [branch] a ");
        size_t all = count_words(off, off_end, "u = ") + count_words(off, off_end, "u' = ");
        CHECK(warm == all && all > 0, "%zu branches, %zu of them warm in\n%s", all, warm, text[1]);
        mem_free(off);
        for (int i = 0; i < 3; i++) mem_free(text[i]);
    }
}

static void test_branch_warmup_texts(void) {
    static const WireEntry WIRE[] = {{"attn.branch", NULL, -2}, {"attn.skip", NULL, 0}};
    ModelOptions wired = net_options("resi_dual", "layernorm");
    wired.wire = WIRE;
    wired.n_wire = 2;
    branch_warmup = (BranchWarmup){.steps = 9};
    char *text = text_of(&wired, ALL_SLOTS);
    branch_warmup = (BranchWarmup){0};
    CHECK(strstr(text, "u = x; d = d + attention(u); x = Nw(-2 a attention(u))\n") &&
              strstr(text, "u' = x; d = d + mlp(u'); x = Nw(x + a mlp(u'))\n"),
          "%s", text);
    mem_free(text);
}

static const Test TESTS[] = {
    {"equations: golden texts", test_texts},
    {"equations: canonical form", test_canonical},
    {"equations: canonical form of later additions", test_canonical_additions},
    {"equations: norm removal", test_removals},
    {"equations: every row and every override has its own text", test_texts_differ},
    {"equations: every option has its own text", test_texts_of_options},
    {"equations: one text for every spelling", test_texts_of_spellings},
    {"equations: a w exactly where gamma-warmup applies", test_marks},
    {"equations: branch-warmup at every branch", test_branch_warmup},
    {"equations: branch-warmup among other coefficients", test_branch_warmup_texts},
};
TEST_MAIN(TESTS)

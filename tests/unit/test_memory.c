/* test_memory.c - the memory of a model, counted a second time from the equations.
 *
 * A missing buffer shows as a wrong gradient; a superfluous one shows only here. Absent norms cost
 * nothing: their output is their input. All sizes are multiples of 64 bytes, so there is no
 * padding. */
#include "model/mlp.h"
#include "ops/ops.h"
#include "tests/lib/nets.h"

enum { V = 16, B = 2, T = 16, R = B * T, C = 16, NH = 4, HS = 4, F = 32, N = R * C };

/* Elements that every pass needs, and those that only training needs. */
typedef struct {
    size_t pass, training;
} Need;

static const NormFormula *formula; /* of the norm under test */

/* What a row of `width` features keeps. */
static size_t stats(size_t width) {
    return formula->n_stats + formula->n_ranks * formula_rank(width);
}

static size_t head_norm(size_t heads) {
    return R * heads * (HS + stats(HS)); /* input of the norm, its statistics */
}

/* The scratch of a norm's sums: of 16 chunks, with what its backward pass needs beside them. */
static size_t partials(size_t width) {
    size_t sums = 0, scratch = formula->n_ranks ? 8 * (3 * width + formula_rank(width)) : 0;
    for (size_t i = 0; i < formula_params(formula); i++)
        sums += formula_size(&formula->param[i], width);
    if (sums + scratch < width) sums = width; /* of S, which any model may have */
    return 16 * ((sums + scratch + 15) / 16 * 16);
}

static bool enters(const RowSublayer *s) {
    return !row_is(s, ROW_ENTER, 1) || !row_is(s, ROW_ENTER_X0, 0);
}

static bool reads_x0(const RowSublayer *s) {
    return !row_is(s, ROW_X0, 0) || !row_is(s, ROW_ENTER_X0, 0);
}

/* The gradient of the first stream, and the sums for learned coefficients. */
static size_t coefficients_need(const RowNet *net) {
    bool x0 = false;
    size_t need = 0;
    for (size_t l = 0; l < net->N; l++)
        x0 |= reads_x0(&net->block[l].attn) || reads_x0(&net->block[l].mlp);
    for (int i = 0; i < ROW_NUMBERS; i++) {
        bool learned = false;
        for (size_t l = 0; l < net->N; l++)
            learned |= net->block[l].attn.learn[i] != '.' || net->block[l].mlp.learn[i] != '.';
        need += learned ? 16 * ((C + 15) / 16 * 16) : 0;
    }
    return need + N * x0;
}

static Need sublayer_need(const RowSublayer *s, size_t hidden) {
    Need need = {.pass = N};                                                /* y */
    if (s->slot[ROW_IN] != '.' || s->number[ROW_GAIN] != 1) need.pass += N; /* u */
    if (s->slot[ROW_MID] != '.') need.pass += R * hidden;                   /* its output */
    if (s->slot[ROW_OUT] != '.') need.pass += N;                            /* b, its input */
    if (s->slot[ROW_POST] != '.') need.pass += N;                           /* s, its input */
    if (s->learn[ROW_BRANCH] != '.') need.pass += N;                        /* o */
    if (enters(s)) need.pass += N;                                          /* x */
    if (!row_is(s, ROW_LEAVE, 1)) need.pass += N;                           /* N_post(s) */
    for (int slot = 0; slot < ROW_SLOTS; slot++) {
        if (s->slot[slot] == 'n') need.pass += R * stats(slot == ROW_MID ? hidden : C);
    }
    return need;
}

static Need block_need(const RowBlock *block, const ModelOptions *options) {
    const size_t NKV = options->n_kv_head, gated = mlp_kind(options->mlp)->gated;
    Need attn = sublayer_need(&block->attn, NH * HS), mlp = sublayer_need(&block->mlp, F);
    Need need = {attn.pass + mlp.pass, attn.training + mlp.training};
    need.pass += R * HS * (NH + 2 * NKV) + R * NH + N; /* q k v, softmax denominators, mixed */
    need.pass += R * F * (2 + gated);
    if (block->qkv == 'w')
        need.pass += R * HS * (NH + NKV) + R * (stats(HS * NH) + stats(HS * NKV));
    if (block->qkv == 'h' || block->qkv == 'v') need.pass += head_norm(NH + NKV);
    if (block->qkv == 'v') need.pass += head_norm(NKV);
    return need;
}

/* `tables`: of RoPE. */
static Need net_need(const RowNet *net, const ModelOptions *options, size_t tables) {
    const size_t NKV = options->n_kv_head;
    const size_t gated = mlp_kind(options->mlp)->gated, emb = net->emb, dual = net->dual;
    Need need = {0};
    need.pass +=
        N * (1 + emb + dual) + R * stats(C) * emb; /* embedding sum, its norm, second stream */
    need.training += N * (3 + emb + dual);
    need.pass += V + R * V;                    /* logits of one token, of all */
    if (options->base_d_model) need.pass += N; /* h / m_N */
    if (dual || net->final_norm) need.pass += N, need.training += N;
    if (net->final_norm) need.pass += R * stats(C);
    need.pass += 2 * N;                    /* b and o of sublayers without an out norm */
    need.training += 5 * N;                /* of s, o, b, and u of each sublayer */
    need.pass += attention_scratch(T, HS); /* for one thread */
    need.pass += T * HS * tables;
    if (options->softcap_logits > 0) need.pass += V; /* slopes of one token, for one thread */
    need.training += R * HS * (2 * NH + 2 * NKV) + R * F * (1 + gated);
    need.training += coefficients_need(net);
    bool has_norms = false, heads = false, hidden = false; /* and slots mid */
    for (size_t l = 0; l < net->N; l++) {
        has_norms |= net->block[l].qkv != '.';
        heads |= net->block[l].attn.slot[ROW_MID] != '.';
        hidden |= net->block[l].mlp.slot[ROW_MID] != '.';
    }
    need.training += 3 * partials(hidden ? F : C);
    need.training += R * NH * HS * heads + R * F * hidden; /* gradients of their outputs */
    if (has_norms)
        need.pass += R * HS * NH,
            need.training += 2 * R * HS * NH; /* contiguous copies for norms of q, k, v */
    for (size_t l = 0; l < net->N; l++) {
        Need block = block_need(&net->block[l], options);
        need.pass += block.pass;
        need.training += block.training;
    }
    return need;
}

static const struct {
    const char *mlp, *position, *qk, *embed, *final;
    size_t n_kv_head;
    WireEntry wire;
    size_t base_d_model;     /* of model.scaling completep */
    const char *rope_layers; /* with as many tables as kinds of it */
    size_t tables;
    double softcap_logits;
} VARIANTS[] = {
    {"gelu", "learned", "auto", "auto", "auto", 4},
    {"swiglu", "rope", "on", "on", "off", 2},
    {"geglu", "none", "off", "off", "on", 1},
    {"gelu", "learned", "auto", "auto", "auto", 4, .wire = {"attn.mid", "norm"}},
    {"swiglu", "rope", "auto", "auto", "auto", 2, .wire = {"mlp.mid", "scale"}},
    {"gelu", "learned", "auto", "auto", "auto", 4, .wire = {"mlp.skip", NULL, 1, LEARN_VECTOR, 1}},
    {"gelu", "rope", "auto", "auto", "auto", 4, .wire = {"attn.branch", NULL, 1, LEARN_SCALAR, 1}},
    {"gelu", "learned", "auto", "auto", "auto", 2, .wire = {"mlp.enter_x0", NULL, 0.5}},
    {"gelu", "learned", "auto", "auto", "auto", 2, .wire = {"attn.x0", NULL, 0, LEARN_SCALAR, 1}},
    {"gelu", "learned", "auto", "auto", "auto", 1, .wire = {"attn.leave", NULL, 0.5}},
    {"gelu", "learned", "auto", "auto", "auto", 4, .base_d_model = 3},
    {"gelu", "rope", "auto", "auto", "auto", 2, .rope_layers = "local none rope", .tables = 2},
    {"gelu", "rope", "auto", "auto", "auto", 2, .rope_layers = "local*3 none", .tables = 1,
     .softcap_logits = 30},
    {"gelu", "rope", "auto", "auto", "auto", 2, .rope_layers = "none", .tables = 0},
};

static void check_memory(const char *topology, const char *norm, size_t variant, bool training) {
    const GammaWarmup off = {0};
    ModelOptions options = net_options(topology, norm);
    RowNet net = row_net(topology, 4);
    options.d_ff = F;
    options.context = T;
    options.mlp = index_named(mlp_name, VARIANTS[variant].mlp);
    options.position = index_named(position_name, VARIANTS[variant].position);
    options.n_kv_head = VARIANTS[variant].n_kv_head;
    options.qk_norm = index_named(switch_name, VARIANTS[variant].qk);
    options.embed_norm = index_named(switch_name, VARIANTS[variant].embed);
    options.final_norm = index_named(switch_name, VARIANTS[variant].final);
    options.wire = &VARIANTS[variant].wire;
    options.n_wire = VARIANTS[variant].wire.key != NULL;
    options.rope_layers = VARIANTS[variant].rope_layers;
    options.rope_local_theta = 100;
    options.softcap_logits = VARIANTS[variant].softcap_logits;
    options.base_d_model = VARIANTS[variant].base_d_model;
    options.scaling = options.base_d_model ? SCALING_COMPLETEP : SCALING_NONE;
    if (options.n_wire) row_wire(&net, options.wire);
    row_switch(&net, "qk_norm", VARIANTS[variant].qk);
    row_switch(&net, "embed_norm", VARIANTS[variant].embed);
    row_switch(&net, "final_norm", VARIANTS[variant].final);
    Model *model = model_create(&options, &off, V, B, training);
    formula = norm_formula(norm);
    const bool pattern = options.rope_layers != NULL, rope = options.position == POSITION_ROPE;
    Need need = net_need(&net, &options, pattern ? VARIANTS[variant].tables : rope);
    size_t want = sizeof(real) * (need.pass + training * need.training) + R * sizeof(double);
    CHECK(model->arena.size == want && model->arena.used == want,
          "%s %s, variant %zu, training %d: %zu bytes, want %zu", topology, norm, variant, training,
          model->arena.size, want);
    model_free(model);
}

static void test_memory(void) {
    for (size_t i = 0; i < ROW_COUNT * sizeof VARIANTS / sizeof *VARIANTS; i++) {
        const char *row = ROWS[i % ROW_COUNT].name;
        for (int k = 0; norm_kind(k); k++) {
            if (norm_kind(k) == &norm_none || norm_kind(k)->gather) continue;
            if (row_refuses(row, norm_name(k))) continue;
            check_memory(row, norm_name(k), i / ROW_COUNT, false);
            check_memory(row, norm_name(k), i / ROW_COUNT, true);
        }
    }
}

static const Test TESTS[] = {{"memory: every buffer and no other", test_memory}};

int main(int argc, char **argv) {
    ops_start(1);
    return test_main(TESTS, sizeof TESTS / sizeof *TESTS, argc, argv);
}

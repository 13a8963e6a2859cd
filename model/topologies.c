/* topologies.c - see topologies.h. */
#include "model/topologies.h"

#include <math.h>
#include <string.h>

/* --- the table --- */

#define NO SLOT_ABSENT
#define NORM SLOT_NORM
#define GAIN SLOT_SCALE

/* clang-format off */
static const Topology TOPOLOGIES[] = {
    {.name = "post", .about = "x = N(x + F(x)) (Vaswani et al. 2017)",
     .attn = {NO, NO, NORM}, .mlp = {NO, NO, NORM}, .init = INIT_PLAIN},
    {.name = "pre", .about = "x = x + F(N(x)) (GPT-2; Xiong et al. 2020)",
     .attn = {NORM, NO, NO}, .mlp = {NORM, NO, NO}, .final = FINAL_NORM, .init = INIT_SCALED},
    {.name = "peri", .about = "x = x + N(F(N(x))), embedding norm (Kim et al. 2025)", .embed_norm = true,
     .attn = {NORM, NORM, NO}, .mlp = {NORM, NORM, NO}, .final = FINAL_NORM, .init = INIT_PLAIN},
    {.name = "sandwich", .about = "peri without the embedding norm (CogView; Gemma 2)",
     .attn = {NORM, NORM, NO}, .mlp = {NORM, NORM, NO}, .final = FINAL_NORM, .init = INIT_PLAIN},
    {.name = "olmo2", .about = "x = x + N(F(x)), norms on whole q and k (OLMo 2)", .qkv = QK_WHOLE,
     .attn = {NO, NORM, NO}, .mlp = {NO, NORM, NO}, .final = FINAL_NORM, .init = INIT_PLAIN},
    {.name = "deepnorm", .about = "x = N((2N)^(1/4) x + F(x)), smaller init (Wang et al. 2022)",
     .attn = {NO, NO, NORM, .skip = F_TWO_N_ROOT4}, .mlp = {NO, NO, NORM, .skip = F_TWO_N_ROOT4},
     .init = INIT_DEEPNORM},
    {.name = "resi_dual", .about = "post, and a second stream d = d + F(x); head x + N(d) (Xie et al. 2023)",
     .attn = {NO, NO, NORM, .dual = F_ONE}, .mlp = {NO, NO, NORM, .dual = F_ONE},
     .final = FINAL_DUAL, .init = INIT_PLAIN, .alone = true},
    {.name = "mixln", .about = "first quarter of the blocks post, the rest pre (Li et al. 2024)",
     .attn = {NORM, NO, NO}, .mlp = {NORM, NO, NO}, .final = FINAL_NORM, .init = INIT_PLAIN,
     .first_row = "post", .first_share = 0.25, .least_blocks = 4},
    {.name = "lns", .about = "x = x + F(N(x)/sqrt(l)) (Sun et al. 2025)",
     .attn = {NORM, NO, NO, .gain = F_RSQRT_L}, .mlp = {NORM, NO, NO, .gain = F_RSQRT_L},
     .final = FINAL_NORM, .init = INIT_PLAIN},
    {.name = "hybrid", .about = "q, k, v normed per head; n = N(x + A(x)), x = n + MLP(n) (Zhuo et al. 2025)",
     .attn = {NO, NO, NORM}, .mlp = {NO, NO, NO}, .qkv = QKV_HEAD, .final = FINAL_NORM, .init = INIT_PLAIN},
    {.name = "hybrid_star", .about = "hybrid, its first block wired as pre (Zhuo et al. 2025)",
     .attn = {NO, NO, NORM}, .mlp = {NO, NO, NO}, .qkv = QKV_HEAD, .final = FINAL_NORM, .init = INIT_PLAIN,
     .first_row = "pre", .first_least = 1},
    {.name = "keel", .about = "x = N(2N x + F(N(x))) (2601.19895)", .needs_norm = true,
     .attn = {NORM, NO, NORM, .skip = F_TWO_N}, .mlp = {NORM, NO, NORM, .skip = F_TWO_N}, .init = INIT_PLAIN},
    {.name = "pre_post", .about = "x = N(x + F(N(x))): before and after the residual connection, not Peri-LN",
     .attn = {NORM, NO, NORM}, .mlp = {NORM, NO, NORM}, .init = INIT_PLAIN},
    {.name = "b2t", .about = "post, the MLP's sum also adds the block's input (Takase et al. 2022)",
     .attn = {NO, NO, NORM}, .mlp = {NO, NO, NORM, .block_skip = F_ONE}, .init = INIT_PLAIN},
    {.name = "parallel", .about = "x = x + A(u) + MLP(u), u = N(x) (GPT-J, PaLM)",
     .attn = {NORM, NO, NO}, .mlp = {NO, NO, NO, .read = READ_SHARED}, .final = FINAL_NORM,
     .init = INIT_SCALED},
    {.name = "parallel2", .about = "x = x + A(N(x)) + MLP(N'(x)), two norms of the block's input (GPT-NeoX)",
     .attn = {NORM, NO, NO}, .mlp = {NORM, NO, NO, .read = READ_BLOCK}, .final = FINAL_NORM,
     .init = INIT_SCALED},
    {.name = "layerscale", .about = "x = x + S F(N(x)), S small at the start (Touvron et al. 2021)",
     .attn = {NORM, GAIN, NO}, .mlp = {NORM, GAIN, NO}, .final = FINAL_NORM, .init = INIT_PLAIN,
     .out_start = OUT_LAYERSCALE},
    {.name = "respost", .about = "x = x + N(F(x)), the gain of N starts at 0 (Swin V2)",
     .attn = {NO, NORM, NO}, .mlp = {NO, NORM, NO}, .final = FINAL_NORM, .init = INIT_PLAIN,
     .out_start = OUT_ZERO},
    {.name = "none", .about = "x = x + F(x): no block norms, a final norm",
     .attn = {NO, NO, NO}, .mlp = {NO, NO, NO}, .final = FINAL_NORM, .init = INIT_SCALED},
    {0}, /* the end */
};
/* clang-format on */

#undef NO
#undef NORM
#undef GAIN

enum { ROWS = sizeof TOPOLOGIES / sizeof *TOPOLOGIES - 1 };

const Topology *topology_at(int i) {
    return i >= 0 && i < ROWS ? &TOPOLOGIES[i] : NULL;
}

const char *topology_name(int i) {
    return i >= 0 && i < ROWS ? TOPOLOGIES[i].name : NULL;
}

const char *topology_about(int i) {
    return i >= 0 && i < ROWS ? TOPOLOGIES[i].about : NULL;
}

const Topology *topology_find(const char *name, size_t length) {
    for (int i = 0; i < ROWS; i++) {
        const char *row = TOPOLOGIES[i].name;
        if (strlen(row) == length && memcmp(row, name, length) == 0) return &TOPOLOGIES[i];
    }
    return NULL;
}

/* --- from a row to a block --- */

static double formula_value(Formula formula, double otherwise, size_t N, size_t l) {
    switch (formula) {
    case F_DEFAULT:
        break;
    case F_ONE:
        return 1;
    case F_TWO_N:
        return 2 * (double)N;
    case F_TWO_N_ROOT4:
        return pow(2 * (double)N, 0.25);
    case F_RSQRT_L:
        return 1 / sqrt((double)l);
    }
    return otherwise;
}

static SublayerWiring sublayer_of(const SublayerRow *row, size_t N, size_t l) {
    return (SublayerWiring){
        .slot = {[SLOT_IN] = row->in, [SLOT_OUT] = row->out, [SLOT_POST] = row->post},
        .read = row->read,
        .skip = formula_value(row->skip, 1, N, l),
        .branch = 1,
        .gain = formula_value(row->gain, 1, N, l),
        .block_skip = formula_value(row->block_skip, 0, N, l),
        .dual = formula_value(row->dual, 0, N, l),
    };
}

static double out_start_of(OutStart start, size_t N) {
    switch (start) {
    case OUT_ONE:
        break;
    case OUT_ZERO:
        return 0;
    case OUT_LAYERSCALE:
        return N <= 18 ? 0.1 : N <= 24 ? 1e-5 : 1e-6;
    }
    return 1;
}

BlockWiring topology_block(const Topology *topology, size_t N, size_t l) {
    size_t first = (size_t)floor(topology->first_share * (double)N);
    if (first < topology->first_least) first = topology->first_least;
    bool replaced = topology->first_row && l <= first;
    const Topology *row =
        replaced ? topology_find(topology->first_row, strlen(topology->first_row)) : topology;
    return (BlockWiring){
        .row = row->name,
        .attn = sublayer_of(&row->attn, N, l),
        .mlp = sublayer_of(&row->mlp, N, l),
        .qkv = topology->qkv,
        .out_start = out_start_of(row->out_start, N),
    };
}

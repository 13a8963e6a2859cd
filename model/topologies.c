/* topologies.c - the table of topologies. The equations are in topologies.h. */
#include "model/topologies.h"

#include <math.h>
#include <string.h>

/* --- the table --- */

/* The lines of a row:
 *   .name    the value of model.topology, and its family
 *   slots    {in, out, post} of attention and the MLP, BOTH where they are the same: NO norm, a
 *            NORM, or a GAIN (gamma without a norm); then the slot `mid` and `read`, coefficients, the
 *            learned ones as {kind, first value, that of the last block, factor of the learning
 *            rate}, and the initial gain of slot out, where not default
 *   model    norms of q, k, v; the input of the head; the rule of initial values; the rest if not 0
 *   .about   the description that `train --list topologies` prints
 * In descriptions A is attention, F is attention or the MLP, N(x) a norm, S a gain, N the depth. */

#define NO SLOT_ABSENT
#define NORM SLOT_NORM
#define GAIN SLOT_SCALE
#define BOTH(...) .attn = {__VA_ARGS__}, .mlp = {__VA_ARGS__}

/* clang-format off */
static const Topology TOPOLOGIES[] = {
    {.name = "post", .family = FAMILY_POST,
     BOTH(NO, NO, NORM), .final = FINAL_NONE, .init = INIT_PLAIN,
     .about = "x = N(x + F(x)) (Vaswani et al. 2017)"},

    {.name = "deepnorm", .family = FAMILY_POST,
     BOTH(NO, NO, NORM, .skip = F_TWO_N_ROOT4), .final = FINAL_NONE, .init = INIT_DEEPNORM,
     .about = "x = N((2N)^(1/4) x + F(x)), smaller init (Wang et al. 2022)"},

    {.name = "resi_dual", .family = FAMILY_POST,
     BOTH(NO, NO, NORM, .dual = F_ONE), .final = FINAL_DUAL, .init = INIT_PLAIN,
     .dual_stream = true,
     .about = "post, and a second stream d = d + F(x); head x + N(d) (Xie et al. 2023)"},

    {.name = "keel", .family = FAMILY_POST,
     BOTH(NORM, NO, NORM, .skip = F_TWO_N), .final = FINAL_NONE, .init = INIT_PLAIN,
     .needs_norm = true,
     .about = "x = N(2N x + F(N(x))) (2601.19895)"},

    {.name = "pre_post", .family = FAMILY_POST,
     BOTH(NORM, NO, NORM), .final = FINAL_NONE, .init = INIT_PLAIN,
     .about = "x = N(x + F(N(x))): before and after the residual connection, not Peri-LN"},

    {.name = "b2t", .family = FAMILY_POST,
     .attn = {NO, NO, NORM}, .mlp = {NO, NO, NORM, .block_skip = F_ONE}, .final = FINAL_NONE,
     .init = INIT_PLAIN,
     .about = "post, the MLP's sum also adds the block's input (Takase et al. 2022)"},

    {.name = "span", .family = FAMILY_POST,
     .attn = {NO, NO, NORM}, .mlp = {NO, NO, NORM, .skip = F_ZERO, .block_skip = F_ONE},
     .first_in = NORM, .final = FINAL_NONE, .init = INIT_SCALED,
     .about = "n = N(x + A(x)), x = N(x + MLP(n)); A(N(x)) in block 1 (SpanNorm 2026)"},

    {.name = "pre", .family = FAMILY_PRE,
     BOTH(NORM, NO, NO), .final = FINAL_NORM, .init = INIT_SCALED,
     .about = "x = x + F(N(x)) (GPT-2; Xiong et al. 2020)"},

    {.name = "lns", .family = FAMILY_PRE,
     BOTH(NORM, NO, NO, .gain = F_RSQRT_L), .final = FINAL_NORM, .init = INIT_PLAIN,
     .about = "x = x + F(N(x)/sqrt(l)) (Sun et al. 2025)"},

    {.name = "parallel", .family = FAMILY_PRE,
     .attn = {NORM, NO, NO}, .mlp = {NO, NO, NO, .read = READ_SHARED}, .final = FINAL_NORM,
     .init = INIT_SCALED,
     .about = "x = x + A(u) + MLP(u), u = N(x) (GPT-J, PaLM)"},

    {.name = "parallel2", .family = FAMILY_PRE,
     .attn = {NORM, NO, NO}, .mlp = {NORM, NO, NO, .read = READ_BLOCK}, .final = FINAL_NORM,
     .init = INIT_SCALED,
     .about = "x = x + A(N(x)) + MLP(N'(x)), two norms of the block's input (GPT-NeoX)"},

    {.name = "layerscale", .family = FAMILY_PRE,
     BOTH(NORM, GAIN, NO, .out_start = F_LAYERSCALE), .final = FINAL_NORM, .init = INIT_PLAIN,
     .about = "x = x + S F(N(x)), S initially small (Touvron et al. 2021)"},

    {.name = "lambdas", .family = FAMILY_PRE,
     .attn = {NORM, NO, NO, .learned = {[COEF_ENTER] = {LEARN_SCALAR, 1.15, 1.05, 0.01},
                                        [COEF_ENTER_X0] = {LEARN_SCALAR, 0.20, 0.05, 1}}},
     .mlp = {NORM, NO, NO}, .final = FINAL_NORM, .init = INIT_SCALED,
     .about = "pre, before each block x = r x + e x_0 with learned scalars r, e (nanochat 2026)"},

    {.name = "gpas", .family = FAMILY_PRE,
     BOTH(NORM, NO, NO, .learned = {[COEF_LEAVE] = {LEARN_SHRINK, 0, 0, 1}}), .final = FINAL_NORM,
     .init = INIT_SCALED,
     .about = "pre, then x = x - silu(g) x with a learned scalar g, not in gradients (GPAS 2025)"},

    {.name = "subln", .family = FAMILY_PRE,
     BOTH(NORM, NO, NO, .mid = NORM), .final = FINAL_NORM, .init = INIT_SUBLN,
     .about = "pre, also a norm before W_O and before W_2, larger init (Magneto 2022)"},

    {.name = "peri", .family = FAMILY_AROUND,
     BOTH(NORM, NORM, NO), .final = FINAL_NORM, .init = INIT_PLAIN, .embed_norm = true,
     .about = "x = x + N(F(N(x))), embedding norm (Kim et al. 2025)"},

    {.name = "sandwich", .family = FAMILY_AROUND,
     BOTH(NORM, NORM, NO), .final = FINAL_NORM, .init = INIT_PLAIN,
     .about = "peri without the embedding norm (CogView; Gemma 2)"},

    {.name = "dssn", .family = FAMILY_AROUND,
     .attn = {NORM, NORM, NO, .out_start = F_RSQRT_N, .out_factor = 0.283},
     .mlp = {NORM, NORM, NO, .out_start = F_RSQRT_N, .out_factor = 0.432},
     .final = FINAL_NORM, .init = INIT_PLAIN,
     .about = "sandwich, out gains initially 0.283/sqrt(N) and 0.432/sqrt(N) (Pangu Ultra 2025)"},

    {.name = "trinity", .family = FAMILY_AROUND,
     BOTH(NORM, NORM, NO, .out_start = F_RSQRT_N), .qkv = QK_HEAD, .final = FINAL_NORM,
     .init = INIT_PLAIN,
     .about = "sandwich, out gains initially 1/sqrt(N), norms on q, k; no gate (Trinity 2026)"},

    {.name = "gemma4", .family = FAMILY_AROUND,
     .attn = {NORM, NORM, NO},
     .mlp = {NORM, NORM, NO, .learned = {[COEF_LEAVE] = {LEARN_SCALAR, 1, 1, 1}}},
     .final = FINAL_NORM, .init = INIT_PLAIN,
     .about = "sandwich, the stream behind each block times a learned scalar (Gemma 4)"},

    {.name = "olmo2", .family = FAMILY_OUTPUT,
     BOTH(NO, NORM, NO), .qkv = QK_WHOLE, .final = FINAL_NORM, .init = INIT_PLAIN,
     .about = "x = x + N(F(x)), norms on whole q and k (OLMo 2)"},

    {.name = "respost", .family = FAMILY_OUTPUT,
     BOTH(NO, NORM, NO, .out_start = F_ZERO), .final = FINAL_NORM, .init = INIT_PLAIN,
     .about = "x = x + N(F(x)), the gain of N initially 0 (Swin V2)"},

    {.name = "mixln", .family = FAMILY_MIXED,
     BOTH(NORM, NO, NO), .final = FINAL_NORM, .init = INIT_PLAIN,
     .first_row = "post", .first_fraction = 0.25, .min_blocks = 4,
     .about = "first quarter of the blocks post, the rest pre (Li et al. 2024)"},

    {.name = "hybrid", .family = FAMILY_MIXED,
     .attn = {NO, NO, NORM}, .mlp = {NO, NO, NO}, .qkv = QKV_HEAD, .final = FINAL_NORM,
     .init = INIT_PLAIN,
     .about = "norms on q, k, v per head; n = N(x + A(x)), x = n + MLP(n) (Zhuo et al. 2025)"},

    {.name = "hybrid_star", .family = FAMILY_MIXED,
     .attn = {NO, NO, NORM}, .mlp = {NO, NO, NO}, .qkv = QKV_HEAD, .final = FINAL_NORM,
     .init = INIT_PLAIN, .first_row = "pre", .first_min = 1,
     .about = "hybrid, its first block wired as pre (Zhuo et al. 2025)"},

    {.name = "none", .family = FAMILY_NONE,
     BOTH(NO, NO, NO), .final = FINAL_NORM, .init = INIT_SCALED,
     .about = "x = x + F(x): no block norms, a final norm"},

    {.name = "rezero", .family = FAMILY_NONE,
     BOTH(NO, NO, NO, .learned = {[COEF_BRANCH] = {LEARN_SCALAR, 0, 0, 1}}), .final = FINAL_NORM,
     .init = INIT_SCALED,
     .about = "x = x + a F(x), a learned scalar a, initially 0, a final norm (Bachlechner 2020)"},

    {0}, /* the end */
};
/* clang-format on */

/* Names of the literature that name_meant does not derive from those of the table. */
const Synonym topology_synonyms[] = {
    {"vanilla", "post"},
    {"gpt2", "pre"},
    {"cogview", "sandwich"},
    {"layernormscaling", "lns"},
    {"gptj", "parallel"},
    {"palm", "parallel"},
    {"gptneox", "parallel2"},
    {"hybridnorm*", "hybrid_star"},
    {"hybrid*", "hybrid_star"},
    {"hybridnormstar", "hybrid_star"},
    {"swinv2", "respost"},
    {"bottomtotop", "b2t"},
    {"pangu", "dssn"},
    {"depthscaledsandwich", "dssn"},
    {"afmoe", "trinity"},
    {"magneto", "subln"},
    {"nanochat", "lambdas"},
    {"skipinit", "rezero"},
    {0},
};

#undef NO
#undef NORM
#undef GAIN
#undef BOTH

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

const char *topology_family(int i) {
    static const char *const NAMES[] = {
        [FAMILY_POST] = "post",     [FAMILY_PRE] = "pre",     [FAMILY_AROUND] = "around",
        [FAMILY_OUTPUT] = "output", [FAMILY_MIXED] = "mixed", [FAMILY_NONE] = "none",
    };
    return NAME_AT(NAMES, i);
}

const Topology *topology_find(const char *name, size_t length) {
    for (int i = 0; i < ROWS; i++) {
        const char *row = TOPOLOGIES[i].name;
        if (strlen(row) == length && memcmp(row, name, length) == 0) return &TOPOLOGIES[i];
    }
    return NULL;
}

/* --- coefficients --- */

const char *coefficient_name(int i) {
    static const char *const NAMES[] = {
        [COEF_ENTER] = "enter",   [COEF_ENTER_X0] = "enter_x0",     [COEF_SKIP] = "skip",
        [COEF_BRANCH] = "branch", [COEF_BLOCK_SKIP] = "block_skip", [COEF_X0] = "x0",
        [COEF_LEAVE] = "leave",
    };
    return NAME_AT(NAMES, i);
}

double coefficient_neutral(CoefficientName name) {
    return name == COEF_ENTER_X0 || name == COEF_BLOCK_SKIP || name == COEF_X0 ? 0 : 1;
}

static CoefficientWiring learned_coefficient(const LearnedRow *row, size_t N, size_t l) {
    const double share = N > 1 ? (double)(l - 1) / (double)(N - 1) : 0;
    return (CoefficientWiring){.value = row->first + share * (row->last - row->first),
                               .learn = row->learn,
                               .lr_scale = row->lr_scale};
}

/* --- from a row to a block --- */

static double formula_value(Formula formula, double by_default, size_t N, size_t l) {
    switch (formula) {
    case F_DEFAULT:
        break;
    case F_ONE:
        return 1;
    case F_ZERO:
        return 0;
    case F_TWO_N:
        return 2 * (double)N;
    case F_TWO_N_ROOT4:
        return pow(2 * (double)N, 0.25);
    case F_RSQRT_N:
        return 1 / sqrt((double)N);
    case F_RSQRT_L:
        return 1 / sqrt((double)l);
    case F_LAYERSCALE: /* the values of the paper, by depth */
        return N <= 18 ? 0.1 : N <= 24 ? 1e-5 : 1e-6;
    }
    return by_default;
}

static SublayerWiring sublayer_wiring(const SublayerRow *row, size_t N, size_t l) {
    const double out_factor = row->out_factor != 0 ? row->out_factor : 1;
    SublayerWiring sublayer = {
        .slot = {[SLOT_IN] = row->in,
                 [SLOT_MID] = row->mid,
                 [SLOT_OUT] = row->out,
                 [SLOT_POST] = row->post},
        .read = row->read,
        .gain = formula_value(row->gain, 1, N, l),
        .dual = formula_value(row->dual, 0, N, l),
        .out_gain = out_factor * formula_value(row->out_start, 1, N, l),
        .branch_scale = 1,
    };
    for (CoefficientName name = 0; name < COEFFICIENTS; name++) {
        const Formula formula = name == COEF_SKIP         ? row->skip
                                : name == COEF_BLOCK_SKIP ? row->block_skip
                                                          : F_DEFAULT;
        sublayer.coefficient[name] =
            row->learned[name].learn != LEARN_NOT
                ? learned_coefficient(&row->learned[name], N, l)
                : (CoefficientWiring){formula_value(formula, coefficient_neutral(name), N, l),
                                      LEARN_NOT, 1};
    }
    return sublayer;
}

BlockWiring topology_block(const Topology *topology, size_t N, size_t l) {
    const Topology *row = topology;
    size_t first = (size_t)floor(topology->first_fraction * (double)N);
    if (first < topology->first_min) first = topology->first_min;
    if (topology->first_row && l <= first)
        row = topology_find(topology->first_row, strlen(topology->first_row));
    BlockWiring block = {
        .row = row->name,
        .attn = sublayer_wiring(&row->attn, N, l),
        .mlp = sublayer_wiring(&row->mlp, N, l),
        .qkv = topology->qkv,
    };
    if (l == 1 && row->first_in != SLOT_ABSENT) block.attn.slot[SLOT_IN] = row->first_in;
    return block;
}

/* wiring.c - the table of topologies and how a config turns a row into blocks. See wiring.h. */
#include "model/wiring.h"
#include "norm/norm.h"

#include <ctype.h>
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* --- the table -----------------------------------------------------------------------------------
 */

/* Coefficients may depend on the depth N and the block's number l = 1..N. */
typedef enum { F_DEFAULT, F_ONE, F_TWO_N, F_TWO_N_ROOT4, F_RSQRT_L } Formula;

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

/* The gain at which `out` slots start. */
typedef enum { OUT_ONE, OUT_ZERO, OUT_LAYERSCALE } OutStart;

typedef struct {
    SlotKind in, out, post;
    Read read;
    Formula skip, gain, block_skip, dual; /* F_DEFAULT: 1, 1, 0, 0; branch is 1 in every row */
} SublayerRow;

typedef struct {
    const char *name, *about;
    SublayerRow attn, mlp;
    QkvNorm qkv;
    bool embed_norm;
    FinalKind final;
    InitRule init;
    OutStart out_start;
    /* The first blocks of the net, floor(first_share*N) of them but at least first_least, take
     * slots and coefficients from another row; q/k/v norms stay. */
    const char *first_row;
    double first_share;
    size_t first_least;
    size_t least_blocks;
    bool alone;      /* its second stream runs through the whole net: no mixes */
    bool needs_norm; /* its skip grows the stream N-fold without one */
} Topology;

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

const char *topology_name(int i) {
    return i >= 0 && i < ROWS ? TOPOLOGIES[i].name : NULL;
}

const char *topology_about(int i) {
    return i >= 0 && i < ROWS ? TOPOLOGIES[i].about : NULL;
}

static const Topology *find_row(const char *name, size_t length) {
    for (int i = 0; i < ROWS; i++) {
        const char *row = TOPOLOGIES[i].name;
        if (strlen(row) == length && memcmp(row, name, length) == 0) return &TOPOLOGIES[i];
    }
    return NULL;
}

/* --- from a row to a block
 * ------------------------------------------------------------------------- */

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

static BlockWiring block_of(const Topology *topology, size_t N, size_t l) {
    size_t first = (size_t)floor(topology->first_share * (double)N);
    if (first < topology->first_least) first = topology->first_least;
    bool replaced = topology->first_row && l <= first;
    const Topology *row =
        replaced ? find_row(topology->first_row, strlen(topology->first_row)) : topology;
    return (BlockWiring){
        .row = row->name,
        .attn = sublayer_of(&row->attn, N, l),
        .mlp = sublayer_of(&row->mlp, N, l),
        .qkv = topology->qkv,
        .out_start = out_start_of(row->out_start, N),
    };
}

static bool fail(char *error, size_t size, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
static bool fail(char *error, size_t size, const char *format, ...) {
    va_list args;
    va_start(args, format);
    vsnprintf(error, size, format, args);
    va_end(args);
    return false;
}

static bool row_fits(const Topology *row, const ModelOptions *options, char *error, size_t size) {
    const Topology *net = &TOPOLOGIES[options->topology];
    if (options->n_layer < row->least_blocks) {
        return fail(error, size,
                    "model.n_layer = %zu is too few for topology %s, which needs at least %zu",
                    options->n_layer, row->name, row->least_blocks);
    }
    if (row->needs_norm && norm_kind(options->norm) == &norm_none) {
        return fail(error, size,
                    "model.norm none does not go with topology %s: its skip of 2N needs a norm",
                    row->name);
    }
    if (row->alone != net->alone) {
        return fail(error, size,
                    "model.layers: %s cannot be mixed with other rows, its second stream "
                    "runs through the whole net",
                    row->alone ? row->name : net->name);
    }
    return true;
}

/* --- model.layers: "row", "row*count", at most one "row*" for the rest
 * ----------------------------- */

typedef struct {
    const Topology *row;
    size_t count;
    bool rest;
} Word;

/* Reads the next word at *text and moves behind it; false with a sentence when it is wrong. */
static bool next_word(const char **text, Word *word, char *error, size_t size) {
    const char *start = *text, *end = start;
    while (*end && !isspace((unsigned char)*end)) end++;
    const char *star = memchr(start, '*', (size_t)(end - start));
    size_t length = (size_t)((star ? star : end) - start);
    *text = end;
    word->row = find_row(start, length);
    if (!word->row) {
        char name[64];
        const char *names[ROWS + 1] = {NULL};
        for (int i = 0; i < ROWS; i++) names[i] = TOPOLOGIES[i].name;
        snprintf(name, sizeof name, "%.*s", (int)length, start);
        const char *near = name_nearest(name, names);
        return fail(error, size, "model.layers: unknown topology \"%s\"%s%s%s", name,
                    near ? "; did you mean \"" : "", near ? near : "", near ? "\"?" : "");
    }
    word->rest = star && star + 1 == end;
    word->count = 1;
    if (!star || word->rest) return true;
    char *stop = NULL;
    unsigned long long count = isdigit((unsigned char)star[1]) ? strtoull(star + 1, &stop, 10) : 0;
    if (!count || stop != end || count > 1000000) {
        return fail(error, size, "model.layers: \"%.*s\" needs a whole number above 0 after the *",
                    (int)(end - start), start);
    }
    word->count = (size_t)count;
    return true;
}

/* Counts what the words ask for, and finds the one that takes the rest. */
static bool layers_count(const ModelOptions *options, size_t *rest, char *error, size_t size) {
    size_t total = 0, rests = 0;
    for (const char *at = options->layers + strspn(options->layers, " \t"); *at;
         at += strspn(at, " \t")) {
        Word word;
        if (!next_word(&at, &word, error, size)) return false;
        if (!row_fits(word.row, options, error, size)) return false;
        if (word.rest)
            rests++;
        else
            total += word.count;
    }
    if (rests > 1)
        return fail(error, size, "model.layers: only one row can take the rest (\"row*\")");
    if (total > options->n_layer || (!rests && total != options->n_layer)) {
        return fail(error, size, "model.layers adds up to %zu blocks, but model.n_layer is %zu",
                    total, options->n_layer);
    }
    *rest = options->n_layer - total;
    return true;
}

static bool layers_apply(Wiring *wiring, const ModelOptions *options, char *error, size_t size) {
    size_t rest = 0, l = 1;
    if (!layers_count(options, &rest, error, size)) return false;
    for (const char *at = options->layers + strspn(options->layers, " \t"); *at;
         at += strspn(at, " \t")) {
        Word word;
        if (!next_word(&at, &word, error, size)) return false;
        size_t count = word.rest ? rest : word.count;
        for (; count; count--, l++) wiring->block[l - 1] = block_of(word.row, wiring->L, l);
    }
    return true;
}

/* --- model.wire: single slots and coefficients, in every block
 * -------------------------------------- */

static const struct {
    const char *name;
    size_t offset;
} COEFFICIENTS[] = {
    {"skip", offsetof(SublayerWiring, skip)}, {"branch", offsetof(SublayerWiring, branch)},
    {"gain", offsetof(SublayerWiring, gain)}, {"block_skip", offsetof(SublayerWiring, block_skip)},
    {"dual", offsetof(SublayerWiring, dual)},
};

static int index_of(const char *word, const char *const *words) {
    for (int i = 0; words[i]; i++) {
        if (strcmp(words[i], word) == 0) return i;
    }
    return -1;
}

static const char *const SLOT_KINDS[] = {"none", "norm", "scale", NULL};
static const char *const READS[] = {"stream", "block", "shared", NULL};

static bool wire_coefficient(SublayerWiring *sublayer, const WireEntry *entry, const char *name,
                             bool dual_stream, char *error, size_t size) {
    for (size_t i = 0; i < sizeof COEFFICIENTS / sizeof *COEFFICIENTS; i++) {
        if (strcmp(COEFFICIENTS[i].name, name) != 0) continue;
        if (entry->text) {
            return fail(error, size, "model.wire: \"%s\" must be a number, not \"%s\"", entry->key,
                        entry->text);
        }
        if (strcmp(name, "dual") == 0 && !dual_stream) {
            return fail(error, size,
                        "model.wire: \"%s\" means nothing here, the net has no second stream",
                        entry->key);
        }
        *(double *)((char *)sublayer + COEFFICIENTS[i].offset) = entry->number;
        return true;
    }
    return fail(error, size,
                "model.wire: unknown key \"%s\"; known after attn. and mlp. are in out post skip "
                "branch gain block_skip dual read",
                entry->key);
}

static bool wire_entry(BlockWiring *block, const WireEntry *entry, bool dual_stream, char *error,
                       size_t size) {
    bool attn = strncmp(entry->key, "attn.", 5) == 0, mlp = strncmp(entry->key, "mlp.", 4) == 0;
    if (!attn && !mlp) {
        return fail(error, size, "model.wire: unknown key \"%s\"; keys begin with attn. or mlp.",
                    entry->key);
    }
    SublayerWiring *sublayer = attn ? &block->attn : &block->mlp;
    const char *name = entry->key + (attn ? 5 : 4);
    for (int slot = 0; slot < SLOTS; slot++) {
        if (strcmp(slot_name(slot), name) != 0) continue;
        int kind = entry->text ? index_of(entry->text, SLOT_KINDS) : -1;
        if (kind < 0) {
            return fail(error, size, "model.wire: \"%s\" must be \"none\", \"norm\" or \"scale\"",
                        entry->key);
        }
        sublayer->slot[slot] = (SlotKind)kind;
        return true;
    }
    if (strcmp(name, "read") == 0) {
        int read = entry->text ? index_of(entry->text, READS) : -1;
        if (read < 0 || (attn && read == READ_SHARED)) {
            return fail(error, size, "model.wire: \"%s\" must be \"stream\"%s \"block\"%s",
                        entry->key, attn ? " or" : ",",
                        attn ? ", attention comes first" : " or \"shared\"");
        }
        sublayer->read = (Read)read;
        return true;
    }
    return wire_coefficient(sublayer, entry, name, dual_stream, error, size);
}

/* --- the whole
 * ---------------------------------------------------------------------------------------- */

static QkvNorm switch_qkv(int qk_norm, QkvNorm row) {
    if (qk_norm == SWITCH_OFF) return QKV_PLAIN;
    return qk_norm == SWITCH_ON && row == QKV_PLAIN ? QK_HEAD : row;
}

static bool resolve_blocks(Wiring *wiring, const ModelOptions *options, char *error, size_t size) {
    const Topology *row = &TOPOLOGIES[options->topology];
    if (!row_fits(row, options, error, size)) return false;
    for (size_t l = 1; l <= wiring->L; l++) wiring->block[l - 1] = block_of(row, wiring->L, l);
    if (*options->layers && !layers_apply(wiring, options, error, size)) return false;
    for (size_t l = 1; l <= wiring->L; l++) {
        BlockWiring *block = &wiring->block[l - 1];
        block->qkv = switch_qkv(options->qk_norm, block->qkv);
        for (size_t i = 0; i < options->n_wire; i++) {
            if (!wire_entry(block, &options->wire[i], row->alone, error, size)) return false;
        }
    }
    return true;
}

bool wiring_resolve(Wiring *wiring, const ModelOptions *options, char *error, size_t size) {
    const Topology *row = &TOPOLOGIES[options->topology];
    *wiring = (Wiring){
        .L = options->n_layer,
        .block = mem_alloc(size_mul(options->n_layer, sizeof(BlockWiring))),
        .embed_norm =
            options->embed_norm == SWITCH_AUTO ? row->embed_norm : options->embed_norm == SWITCH_ON,
        .final = row->final,
        .final_norm = options->final_norm == SWITCH_AUTO ? row->final != FINAL_NONE
                                                         : options->final_norm == SWITCH_ON,
        .init = options->init == INIT_AUTO ? row->init : (InitRule)options->init,
    };
    /* A second stream stays where its norm is switched off: h = x + d. */
    if (row->final != FINAL_DUAL) wiring->final = wiring->final_norm ? FINAL_NORM : FINAL_NONE;
    if (resolve_blocks(wiring, options, error, size)) return true;
    wiring_free(wiring);
    return false;
}

static bool sublayer_is_plain(const SublayerWiring *sublayer, unsigned slots) {
    for (int slot = 0; slot < SLOTS; slot++) {
        SlotKind wanted = slots & 1u << slot ? SLOT_NORM : SLOT_ABSENT;
        if (sublayer->slot[slot] != wanted) return false;
    }
    return sublayer->read == READ_STREAM && sublayer->skip == 1 && sublayer->branch == 1 &&
           sublayer->gain == 1 && sublayer->block_skip == 0 && sublayer->dual == 0;
}

bool wiring_is_plain(const Wiring *wiring, unsigned slots) {
    for (size_t l = 0; l < wiring->L; l++) {
        const BlockWiring *block = &wiring->block[l];
        if (!sublayer_is_plain(&block->attn, slots) || !sublayer_is_plain(&block->mlp, slots))
            return false;
    }
    return true;
}

bool wiring_norms_qkv(const Wiring *wiring) {
    bool any = false;
    for (size_t l = 0; l < wiring->L; l++) any |= wiring->block[l].qkv != QKV_PLAIN;
    return any;
}

void wiring_free(Wiring *wiring) {
    mem_free(wiring->block);
    *wiring = (Wiring){0};
}

bool wiring_is_warm(const Wiring *wiring, unsigned slots, size_t block, bool mlp, Slot slot) {
    bool feeds_head =
        wiring->final != FINAL_NORM && block + 1 == wiring->L && mlp && slot == SLOT_POST;
    return (slots >> slot & 1) && !feeds_head;
}

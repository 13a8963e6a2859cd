/* rows.h - the table of topologies, transcribed a second time in its own notation, so that a
 * mistake in the table of the program cannot go unnoticed.
 *
 * Shares only the names of the rows with model/topologies.c. A RowNet is a whole model, resolved
 * block by block; row_switch and row_wire are the switches and overrides of the config. */
#ifndef TESTS_LIB_ROWS_H
#define TESTS_LIB_ROWS_H

#include "base/base.h"
#include "model/options.h"

#include <math.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

enum { ROW_BLOCKS = 32 };

typedef struct {
    const char *name, *emb;
    const char *attn, *mlp; /* in, out, post: n a norm, S a gain without a norm, . nothing */
    const char *skip, *other, *final, *init;
} Row;

/* clang-format off */
static const Row ROWS[] = {
    /*name          emb  attn   mlp    skip        other                          final     init */
    {"post",        ".", "..n", "..n", "1",        "",                            "none",   "plain"},
    {"pre",         ".", "n..", "n..", "1",        "",                            "n",      "scaled"},
    {"peri",        "n", "nn.", "nn.", "1",        "",                            "n",      "plain"},
    {"sandwich",    ".", "nn.", "nn.", "1",        "",                            "n",      "plain"},
    {"olmo2",       ".", ".n.", ".n.", "1",        "qk_norm whole",               "n",      "plain"},
    {"deepnorm",    ".", "..n", "..n", "(2N)^1/4", "",                            "none",   "deepnorm"},
    {"resi_dual",   ".", "..n", "..n", "1",        "dual 1",                      "x+N(d)", "plain"},
    {"mixln",       ".", "n..", "n..", "1",        "first quarter: row post",     "n",      "plain"},
    {"lns",         ".", "n..", "n..", "1",        "gain 1/sqrt(l)",              "n",      "plain"},
    {"hybrid",      ".", "..n", "...", "1",        "qkv_norm",                    "n",      "plain"},
    {"hybrid_star", ".", "..n", "...", "1",        "qkv_norm, first block: row pre", "n",   "plain"},
    {"keel",        ".", "n.n", "n.n", "2N",       "",                            "none",   "plain"},
    {"pre_post",    ".", "n.n", "n.n", "1",        "",                            "none",   "plain"},
    {"b2t",         ".", "..n", "..n", "1",        "mlp block_skip 1",            "none",   "plain"},
    {"parallel",    ".", "n..", "...", "1",        "mlp reads u",                 "n",      "scaled"},
    {"parallel2",   ".", "n..", "n..", "1",        "mlp reads block",             "n",      "scaled"},
    {"layerscale",  ".", "nS.", "nS.", "1",        "small out gain",              "n",      "plain"},
    {"respost",     ".", ".n.", ".n.", "1",        "out gain 0",                  "n",      "plain"},
    {"dssn",        ".", "nn.", "nn.", "1",        "out gain c/sqrt(N)",          "n",      "plain"},
    {"trinity",     ".", "nn.", "nn.", "1",        "out gain 1/sqrt(N), qk_norm head", "n", "plain"},
    {"span",        ".", "..n", "..n", "1",        "mlp skip 0, mlp block_skip 1, attn in n in block 1", "none", "scaled"},
    {"subln",       ".", "n..", "n..", "1",        "mid n",                       "n",      "subln"},
    {"lambdas",     ".", "n..", "n..", "1",        "attn x learned 1.15 to 1.05, attn x0 learned .2 to .05", "n", "scaled"},
    {"gpas",        ".", "n..", "n..", "1",        "y times 1 - silu(g)",         "n",      "scaled"},
    {"gemma4",      ".", "nn.", "nn.", "1",        "mlp y learned 1",             "n",      "plain"},
    {"rezero",      ".", "...", "...", "1",        "o learned 0",                 "n",      "scaled"},
    {"none",        ".", "...", "...", "1",        "",                            "n",      "scaled"},
};
/* clang-format on */
enum { ROW_COUNT = sizeof ROWS / sizeof *ROWS };

/* The slots of a sublayer, in the order of the bits of gamma_warmup.slots. */
enum { ROW_IN, ROW_MID, ROW_OUT, ROW_POST, ROW_SLOTS };

/* The coefficients of a sublayer, and the words of model.wire. */
enum {
    ROW_SKIP,
    ROW_BRANCH,
    ROW_GAIN,
    ROW_BLOCK_SKIP,
    ROW_DUAL,
    ROW_ENTER,
    ROW_ENTER_X0,
    ROW_X0,
    ROW_LEAVE,
    ROW_NUMBERS
};
static const char *const ROW_NUMBER_NAMES[ROW_NUMBERS] = {
    "skip", "branch", "gain", "block_skip", "dual", "enter", "enter_x0", "x0", "leave"};

typedef struct {
    char slot[ROW_SLOTS];
    char read; /* x the stream, b the block's input, u the u of attention */
    double number[ROW_NUMBERS];
    char learn[ROW_NUMBERS]; /* . not, s a scalar, v a vector, g a scalar of GPAS; number is the */
    double lr_scale[ROW_NUMBERS]; /* initial value then; factor of its learning rate */
    double out_gain;
} RowSublayer;

typedef struct {
    const Row *row;
    RowSublayer attn, mlp;
    char qkv; /* norms: . none, w whole q and k, h q and k per head, v also v */
} RowBlock;

typedef struct {
    size_t N;
    RowBlock block[ROW_BLOCKS];
    bool emb, dual, final_norm; /* h = x | N(x) | x + d | x + N(d) */
    const char *init;
} RowNet;

static inline const Row *row_find(const char *name) {
    for (size_t i = 0; i < ROW_COUNT; i++) {
        if (strcmp(ROWS[i].name, name) == 0) return &ROWS[i];
    }
    die(EXIT_INTERNAL, "topology %s has no row in tests/lib/rows.h", name);
}

static inline bool row_says(const Row *row, const char *words) {
    return strstr(row->other, words) != NULL;
}

static inline double row_out_gain(const Row *row, bool mlp, size_t N) {
    double small = N <= 18 ? 0.1 : N <= 24 ? 1e-5 : 1e-6, root = sqrt((double)N);
    if (row_says(row, "small out gain")) return small;
    if (row_says(row, "out gain 0")) return 0;
    if (row_says(row, "out gain 1/sqrt(N)")) return 1 / root;
    if (row_says(row, "out gain c/sqrt(N)")) return (mlp ? 0.432 : 0.283) / root;
    return 1;
}

static inline void row_set(RowSublayer *s, int number, char learn, double value, double lr_scale) {
    s->number[number] = value;
    s->learn[number] = learn;
    s->lr_scale[number] = lr_scale;
}

static inline RowSublayer row_sublayer(const Row *row, bool mlp, size_t N, size_t l) {
    const char *slots = mlp ? row->mlp : row->attn;
    RowSublayer s = {.read = 'x', .out_gain = row_out_gain(row, mlp, N)};
    const double depth = N > 1 ? ((double)l - 1) / ((double)N - 1) : 0;
    for (int i = 0; i < ROW_NUMBERS; i++) {
        bool adds = i == ROW_BLOCK_SKIP || i == ROW_DUAL || i == ROW_ENTER_X0 || i == ROW_X0;
        row_set(&s, i, '.', adds ? 0 : 1, 1);
    }
    if (!mlp && row_says(row, "attn x learned 1.15 to 1.05"))
        row_set(&s, ROW_ENTER, 's', 1.15 - 0.1 * depth, 0.01);
    if (!mlp && row_says(row, "attn x0 learned .2 to .05"))
        row_set(&s, ROW_ENTER_X0, 's', 0.2 - 0.15 * depth, 1);
    if (row_says(row, "y times 1 - silu(g)")) row_set(&s, ROW_LEAVE, 'g', 0, 1);
    if (mlp && row_says(row, "mlp y learned 1")) row_set(&s, ROW_LEAVE, 's', 1, 1);
    if (row_says(row, "o learned 0")) row_set(&s, ROW_BRANCH, 's', 0, 1);
    s.slot[ROW_IN] = slots[0];
    s.slot[ROW_MID] = row_says(row, "mid n") ? 'n' : '.';
    s.slot[ROW_OUT] = slots[1];
    s.slot[ROW_POST] = slots[2];
    if (!mlp && l == 1 && row_says(row, "attn in n in block 1")) s.slot[ROW_IN] = 'n';
    if (mlp && row_says(row, "mlp skip 0")) s.number[ROW_SKIP] = 0;
    if (strcmp(row->skip, "(2N)^1/4") == 0) s.number[ROW_SKIP] = sqrt(sqrt(2.0 * (double)N));
    if (strcmp(row->skip, "2N") == 0) s.number[ROW_SKIP] = 2.0 * (double)N;
    if (row_says(row, "gain 1/sqrt(l)")) s.number[ROW_GAIN] = 1 / sqrt((double)l);
    if (row_says(row, "dual 1")) s.number[ROW_DUAL] = 1;
    if (mlp && row_says(row, "mlp block_skip 1")) s.number[ROW_BLOCK_SKIP] = 1;
    if (mlp && row_says(row, "mlp reads u")) s.read = 'u';
    if (mlp && row_says(row, "mlp reads block")) s.read = 'b';
    return s;
}

/* Whether a coefficient is a number, and which. */
static inline bool row_is(const RowSublayer *s, int number, double value) {
    return s->learn[number] == '.' && s->number[number] == value;
}

/* Whether the backward pass leaves something out, so that it is no gradient of the loss. */
static inline bool row_stops_gradient(const Row *row) {
    return row_says(row, "silu(g)");
}

/* Block l = 1..N of a model of this row. */
static inline RowBlock row_block(const Row *row, size_t N, size_t l) {
    const Row *from = row;
    if (row_says(row, "first quarter: row post") && l <= N / 4) from = row_find("post");
    if (row_says(row, "first block: row pre") && l == 1) from = row_find("pre");
    return (RowBlock){
        .row = from,
        .attn = row_sublayer(from, false, N, l),
        .mlp = row_sublayer(from, true, N, l),
        .qkv = row_says(row, "qk_norm whole")  ? 'w'
               : row_says(row, "qk_norm head") ? 'h'
               : row_says(row, "qkv_norm")     ? 'v'
                                               : '.',
    };
}

static inline RowNet row_net(const char *name, size_t N) {
    const Row *row = row_find(name);
    RowNet net = {.N = N,
                  .emb = *row->emb == 'n',
                  .dual = strcmp(row->final, "x+N(d)") == 0,
                  .final_norm = strcmp(row->final, "none") != 0,
                  .init = row->init};
    for (size_t l = 1; l <= N; l++) net.block[l - 1] = row_block(row, N, l);
    return net;
}

/* Applies a switch: "auto", "on" or "off". */
static inline void row_switch(RowNet *net, const char *key, const char *value) {
    bool on = strcmp(value, "on") == 0;
    if (strcmp(value, "auto") == 0) return;
    if (strcmp(key, "embed_norm") == 0) net->emb = on;
    if (strcmp(key, "final_norm") == 0) net->final_norm = on;
    for (size_t l = 0; l < net->N && strcmp(key, "qk_norm") == 0; l++) {
        char *qkv = &net->block[l].qkv;
        *qkv = !on ? '.' : *qkv == '.' ? 'h' : *qkv;
    }
}

/* Applies an entry of `wire` to every block. */
static inline void row_wire(RowNet *net, const WireEntry *entry) {
    static const char LEARN[] = {
        [LEARN_NOT] = '.', [LEARN_SCALAR] = 's', [LEARN_VECTOR] = 'v', [LEARN_SHRINK] = 'g'};
    const char *key = entry->key, *text = entry->text;
    static const char *const SLOT_NAMES[] = {"in", "mid", "out", "post"};
    const char *name = strchr(key, '.') + 1;
    for (size_t l = 0; l < net->N; l++) {
        RowSublayer *s = *key == 'a' ? &net->block[l].attn : &net->block[l].mlp;
        for (int i = 0; i < ROW_NUMBERS; i++) {
            if (strcmp(name, ROW_NUMBER_NAMES[i]) != 0) continue;
            row_set(s, i, LEARN[entry->learn], entry->number, entry->learn ? entry->lr_scale : 1);
        }
        for (size_t i = 0; i < ROW_SLOTS; i++) {
            if (strcmp(name, SLOT_NAMES[i]) != 0) continue;
            s->slot[i] = strcmp(text, "norm") == 0 ? 'n' : strcmp(text, "scale") == 0 ? 'S' : '.';
        }
        if (strcmp(name, "read") != 0) continue;
        s->read = strcmp(text, "stream") == 0 ? 'x' : strcmp(text, "block") == 0 ? 'b' : 'u';
    }
}

/* Whether gamma-warmup scales a slot of block l = 0..N-1: where it is listed, except in the
 * last norm of the stream if the head reads the stream without a norm of its own. */
static inline bool row_is_warm(const RowNet *net, unsigned slots, size_t l, bool mlp, int slot) {
    bool feeds_head = l == net->N - 1 && mlp && slot == ROW_POST && (net->dual || !net->final_norm);
    return (slots & 1u << slot) && !feeds_head;
}

#endif

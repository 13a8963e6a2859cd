/* topologies.h - the table of topologies: which norms stand where, with which coefficients.
 *
 * One idea: a topology is a row of data. Every block of every topology is the same two sublayers
 *
 *     u = gain * N_in(r)          r = the stream x | the block's input | the block's first u
 *     b = f(u)                    f = attention | mlp
 *     o = N_out(b)
 *     s = skip * x + branch * o + block_skip * x_block
 *     y = N_post(s)               y is the next x
 *     d = d + dual * o            only where a second stream exists
 *
 * and a row gives the slots and the coefficients. Nothing outside topologies.c knows the name of
 * one. All data is constant. Read next: the table in topologies.c, then wiring.h. */
#ifndef MODEL_TOPOLOGIES_H
#define MODEL_TOPOLOGIES_H

#include "model/options.h"

typedef enum { SLOT_ABSENT, SLOT_NORM, SLOT_SCALE } SlotKind; /* nothing, model.norm, gamma alone */
typedef enum { READ_STREAM, READ_BLOCK, READ_SHARED } Read;   /* what r is */
typedef enum { QKV_PLAIN, QK_WHOLE, QK_HEAD, QKV_HEAD } QkvNorm;
/* h = x | N(x) | x + N(d) */
typedef enum { FINAL_NONE, FINAL_NORM, FINAL_DUAL } FinalKind;

typedef struct {
    SlotKind slot[SLOTS];
    Read read;
    double skip, branch, gain, block_skip, dual;
} SublayerWiring;

typedef struct {
    const char *row; /* the table row that this block was taken from */
    SublayerWiring attn, mlp;
    QkvNorm qkv;
    double out_start; /* the gain at which the `out` slots start */
} BlockWiring;

/* Coefficients may depend on the depth N and the block's number l = 1..N. */
typedef enum { F_DEFAULT, F_ONE, F_TWO_N, F_TWO_N_ROOT4, F_RSQRT_L } Formula;

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
    /* The first blocks of the model, floor(first_share*N) of them but at least first_least, take
     * slots and coefficients from another row; q/k/v norms stay. */
    const char *first_row;
    double first_share;
    size_t first_least;
    size_t least_blocks;
    bool alone;      /* its second stream runs through the whole net: no mixes */
    bool needs_norm; /* its skip grows the stream N-fold without one */
} Topology;

/* The row of index i, which model.topology holds; NULL past the last. */
const Topology *topology_at(int i);
/* Name and one-line description of the i-th topology; NULL past the last. */
const char *topology_name(int i);
const char *topology_about(int i);
/* The row called by the `length` bytes at `name`, or NULL. */
const Topology *topology_find(const char *name, size_t length);
/* Block l = 1..N of a model of N blocks in this topology. */
BlockWiring topology_block(const Topology *topology, size_t N, size_t l);

#endif

/* topologies.h - the table of topologies: where the norms are, and with which coefficients.
 *
 * One idea: a topology is a row of data. Every block of every topology consists of the same two
 * sublayers, attention and then the MLP:
 *
 *     x = enter * x + enter_x0 * x_0
 *     u = gain * N_in(r)          r = the stream x | the block's input | the block's first u
 *     b = f(u)                    f = attention | mlp, each W N_mid(h(u)) with a last layer W
 *     o = N_out(b)
 *     s = skip * x + branch * o + block_skip * x_block + x0 * x_0
 *     y = leave * N_post(s)       y is the next x
 *     d = d + dual * o            only with a second stream
 *
 * x_0 is the first stream, behind the embedding and its norm. A row gives the four slots N_in, N_mid,
 * N_out, N_post and the coefficients. gain and dual are numbers; every other coefficient is a number or
 * learned. Only topologies.c contains the names of the topologies. All data is constant.
 * Read next: the table in topologies.c, then wiring.h. */
#ifndef MODEL_TOPOLOGIES_H
#define MODEL_TOPOLOGIES_H

#include "base/words.h"
#include "model/options.h"

typedef enum { SLOT_ABSENT, SLOT_NORM, SLOT_SCALE } SlotKind; /* identity, model.norm, gamma only */
typedef enum { READ_STREAM, READ_BLOCK, READ_SHARED } Read;   /* r, in the order above */
/* Norms of q and k over all heads at once, or of q and k, or of q, k and v, for each head. */
typedef enum { QKV_PLAIN, QK_WHOLE, QK_HEAD, QKV_HEAD } QkvNorm;
typedef enum { FINAL_NONE, FINAL_NORM, FINAL_DUAL } FinalKind; /* h = x | N(x) | x + N(d) */

/* --- one block, with the values of its coefficients --- */

/* The coefficients that can be learned, in the order of the equations. */
typedef enum {
    COEF_ENTER,
    COEF_ENTER_X0,
    COEF_SKIP,
    COEF_BRANCH,
    COEF_BLOCK_SKIP,
    COEF_X0,
    COEF_LEAVE,
    COEFFICIENTS
} CoefficientName;
/* enter enter_x0 skip branch block_skip x0 leave; NULL past the end. */
const char *coefficient_name(int i);
/* The value that leaves a term as it is, or leaves it out: 1 for enter, skip, branch and leave, else 0. */
double coefficient_neutral(CoefficientName name);

typedef struct {
    double value; /* the number, or the initial value of the parameter */
    Learn learn;
    double lr_scale; /* factor of optim.lr for the parameter */
} CoefficientWiring;

/* Whether a coefficient is `value` whatever training does. */
static inline bool coefficient_is(const CoefficientWiring *coefficient, double value) {
    return coefficient->learn == LEARN_NOT && coefficient->value == value;
}

typedef struct {
    SlotKind slot[SLOTS];
    Read read;
    CoefficientWiring coefficient[COEFFICIENTS];
    double gain, dual;
    double out_gain;     /* initial gain of slot `out` */
    double branch_scale; /* what a learned `branch` is multiplied with; 1 where it is a number */
} SublayerWiring;

typedef struct {
    const char *row; /* name of the table row that the block was built from */
    SublayerWiring attn, mlp;
    QkvNorm qkv;
    RopeKind rope;
    size_t window; /* tokens that a query attends to, itself included; 0 = all up to its own */
} BlockWiring;

/* --- one row of the table --- */

/* A coefficient may depend on the depth N and on the number of the block, l = 1..N. */
typedef enum {
    F_DEFAULT,     /* 1 for skip, gain and out_start, 0 for block_skip and dual */
    F_ONE,         /* 1 */
    F_ZERO,        /* 0 */
    F_TWO_N,       /* 2 N */
    F_TWO_N_ROOT4, /* (2 N)^(1/4) */
    F_RSQRT_N,     /* 1 / sqrt(N) */
    F_RSQRT_L,     /* 1 / sqrt(l) */
    F_LAYERSCALE   /* small, and smaller in deep models */
} Formula;

/* A learned coefficient, whose initial value changes linearly from block 1 to block N. */
typedef struct {
    Learn learn; /* LEARN_NOT = it is the number of its Formula, or has its neutral value */
    double first, last;
    double lr_scale;
} LearnedRow;

typedef struct {
    SlotKind in, out, post;
    SlotKind mid; /* behind the others, because few rows have it */
    Read read;
    Formula skip, gain, block_skip, dual;
    LearnedRow learned[COEFFICIENTS];
    Formula out_start; /* initial gain of slot `out` ... */
    double out_factor; /* ... times this; 0 = 1 */
} SublayerRow;

/* Where the norms of the stream are: after the sum, before the sublayer, around it, after it only,
 * not in the same places in all sublayers, nowhere. */
typedef enum {
    FAMILY_POST,
    FAMILY_PRE,
    FAMILY_AROUND,
    FAMILY_OUTPUT,
    FAMILY_MIXED,
    FAMILY_NONE
} Family;

typedef struct {
    const char *name, *about;
    Family family; /* for readers only */
    SublayerRow attn, mlp;
    bool embed_norm; /* a norm behind the embedding */
    QkvNorm qkv;
    FinalKind final;
    InitRule init;
    SlotKind first_in; /* slot `in` of attention in block 1, where it is not that of the row */

    /* The first max(first_min, floor(first_fraction * N)) blocks are built from `first_row`: slots,
     * coefficients and initial gains, but not the norms of q, k and v. NULL = none are. */
    const char *first_row;
    double first_fraction;
    size_t first_min;

    size_t min_blocks; /* smallest model.n_layer */
    bool dual_stream;  /* a second stream through all blocks: not to be mixed with other rows */
    bool needs_norm;   /* model.norm none is refused: the skip would grow the stream (2N)-fold */
} Topology;

/* Row i, the value of model.topology; NULL past the last row. */
const Topology *topology_at(int i);
/* Name and one-line description of row i; NULL past the last row. */
const char *topology_name(int i);
const char *topology_about(int i);
/* The name of a Family: post pre around output mixed none. */
const char *topology_family(int i);
/* Other names of the rows, ended by {0}. */
extern const Synonym topology_synonyms[];
/* The row whose name is the `length` bytes at `name`, or NULL. */
const Topology *topology_find(const char *name, size_t length);
/* Block l = 1..N of a model of N blocks. */
BlockWiring topology_block(const Topology *topology, size_t N, size_t l);

#endif

/* options.h - what a user can say about the model, as plain data.
 *
 * One idea: the config file fills these structs and the model reads nothing else. Enumerated fields
 * are indices into the list that the named function walks. Strings and arrays belong to whoever
 * filled the struct and must outlive the model.
 * Read next: wiring.h, which turns them into the slots and coefficients of every block. */
#ifndef MODEL_OPTIONS_H
#define MODEL_OPTIONS_H

#include "base/base.h"

typedef enum { SLOT_IN, SLOT_OUT, SLOT_POST, SLOTS } Slot;
typedef enum { POSITION_LEARNED, POSITION_ROPE, POSITION_NONE } Position;
typedef enum { SWITCH_AUTO, SWITCH_ON, SWITCH_OFF } Switch;
typedef enum { INIT_AUTO, INIT_PLAIN, INIT_SCALED, INIT_DEEPNORM } InitRule;
typedef enum { BRANCH_DEEPER, BRANCH_EQUAL } BranchOrder;

/* The i-th word of each list, NULL past its end. */
const char *slot_name(int i);         /* in out post */
const char *position_name(int i);     /* learned rope none */
const char *switch_name(int i);       /* auto on off */
const char *init_name(int i);         /* auto plain scaled deepnorm */
const char *branch_order_name(int i); /* deeper equal */

/* One entry of model.wire, e.g. {"mlp.out", "none", 0} or {"attn.branch", NULL, 0.5}. */
typedef struct {
    const char *key;
    const char *text; /* NULL where the value is a number */
    double number;
} WireEntry;

/* Norms that are divided by constants once some updates are taken, see removal.h; section
 * norm_removal of the config. */
typedef struct {
    size_t start, interval; /* start 0 = off */
    const char *order;      /* places of norms, "mlp attn qkv emb final" */
    double average;         /* memory of the running mean deviations */
    bool first_apart;       /* a constant of its own for the first token of a row */
} NormRemoval;

typedef struct {
    int topology;    /* topology_name() in wiring.h */
    int norm;        /* norm_name() in norm/norm.h */
    double norm_eps; /* 0 = auto */
    size_t n_layer, n_head;
    size_t n_kv_head; /* 0 = n_head */
    size_t d_model;
    size_t d_ff; /* 0 = auto */
    size_t context;
    int mlp;                             /* mlp_name() in mlp.h */
    int position;                        /* Position */
    int qk_norm, embed_norm, final_norm; /* Switch */
    bool bias, tie_embeddings;
    double dropout;
    int init; /* InitRule */
    double init_std;
    const char *layers; /* "" = model.topology in every block */
    const WireEntry *wire;
    size_t n_wire;
    NormRemoval removal;
} ModelOptions;

/* gamma_eff = w * gamma in the block slots listed; steps 0 = off. */
typedef struct {
    size_t steps;
    double from, to;
    unsigned slots; /* bit 1 << Slot */
} GammaWarmup;

/* What a block adds to the stream is multiplied by a factor that grows to 1; steps 0 = off. */
typedef struct {
    size_t steps; /* of block 1 */
    double from;
    int order; /* BranchOrder: block l takes l times as long, or as long as the first */
} BranchWarmup;

#endif

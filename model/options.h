/* options.h - the keys of the config's section `model`, as plain data.
 *
 * One idea: the config file fills these structs, and the model reads nothing else. An enumerated
 * field is an index into the list of the function named behind it. Strings and arrays belong to the
 * caller and must outlive the model.
 * Read next: topologies.h, then wiring.h, which resolves the options to slots and coefficients. */
#ifndef MODEL_OPTIONS_H
#define MODEL_OPTIONS_H

#include "base/base.h"

typedef enum { SLOT_IN, SLOT_MID, SLOT_OUT, SLOT_POST, SLOTS } Slot;
typedef enum { POSITION_LEARNED, POSITION_ROPE, POSITION_NONE } Position;
typedef enum { ROPE_GLOBAL, ROPE_LOCAL, ROPE_NONE } RopeKind; /* of a block */
typedef enum { SWITCH_AUTO, SWITCH_ON, SWITCH_OFF } Switch;
typedef enum { INIT_AUTO, INIT_PLAIN, INIT_SCALED, INIT_DEEPNORM, INIT_SUBLN } InitRule;
typedef enum { BRANCH_DEEPER, BRANCH_EQUAL } BranchOrder;
typedef enum { SCALING_NONE, SCALING_DEPTH_MUP, SCALING_COMPLETEP } ScalingKind;
typedef enum { BIAS_NORM, BIAS_QKV, BIAS_PROJ, BIAS_MLP, BIAS_SITES } BiasSite;
typedef enum { LEARN_NOT, LEARN_SCALAR, LEARN_VECTOR, LEARN_SHRINK } Learn; /* coefficient.h */

/* Entry i of each list; NULL past the end. */
const char *slot_name(int i);             /* in mid out post */
const char *position_name(int i);         /* learned rope none */
const char *rope_kind_name(int i);        /* rope local none */
const char *switch_name(int i);           /* auto on off */
const char *init_name(int i);             /* auto plain scaled deepnorm subln */
const char *branch_order_name(int i);     /* deeper equal */
const char *scaling_name(int i);          /* none depth_mup completep */
const char *learn_name(int i);            /* not scalar vector shrink */
const char *bias_site_name(int i);        /* norm qkv proj mlp */
const char *precision_name(int i);        /* float32 bfloat16 */
const char *stream_precision_name(int i); /* float32 bfloat16 float16 */

/* One entry of model.wire, such as {"mlp.out", "none", 0} or {"attn.branch", NULL, 0.5}, for every
 * block, or {"blocks.0.attn.in", "none", 0} for the first; a learned coefficient is {"attn.branch",
 * NULL, 0.5, LEARN_SCALAR, 1}. */
typedef struct {
    const char *key;
    const char *text; /* NULL where the value is a number or learned */
    double number;    /* the initial value where it is learned */
    int learn;        /* Learn */
    double lr_scale;  /* of a learned coefficient: factor of optim.lr */
} WireEntry;

/* Norms that divide by constants after some number of steps, see removal.h; section norm_removal of
 * the config. */
typedef struct {
    size_t start, interval; /* start 0 = off */
    const char *order;      /* places of norms, such as "mlp attn qkv emb final" */
    double average;         /* EMA decay rate of 1/r, the RMS or standard deviation of a norm */
    bool first_apart;       /* the first token of a sequence has a constant of its own */
} NormRemoval;

typedef struct {
    int topology;    /* topology_name() in topologies.h */
    int norm;        /* norm_name() in norm/norm.h */
    double norm_eps; /* 0 = auto */
    size_t n_layer, n_head;
    size_t n_kv_head; /* 0 = n_head */
    size_t head_dim;  /* features of a head; 0 = d_model / n_head */
    size_t d_model;
    size_t d_ff; /* 0 = auto */
    size_t context;
    int mlp;              /* mlp_name() in mlp.h */
    int position;         /* Position */
    double rope_theta;    /* of RoPE, see Rope in ops.h */
    double rope_fraction; /* share of the features of a head that rotate */
    double rope_factor, rope_low_freq, rope_high_freq, rope_original;
    const char *rope_layers; /* RopeKind of each block, see pattern.h; "" = RoPE in all */
    double rope_local_theta; /* of ROPE_LOCAL blocks, which rope_factor does not change */
    const char *window;      /* tokens that each block attends to, see pattern.h; "" = all */
    double softcap_attn;     /* c of c tanh(score / c); 0 = none */
    int qk_norm, embed_norm, final_norm; /* Switch */
    bool bias;
    const char *bias_at; /* the sites of biases, such as "norm qkv"; "" = all */
    bool head_bias;
    double softcap_logits; /* c of c tanh(logits / c); 0 = none */
    bool tie_embeddings;
    double dropout;
    int init; /* InitRule */
    double init_std;
    double embed_std;       /* of the token and position tables; 0 = init_std */
    double embed_scale;     /* factor of the embedding; 0 = sqrt(d_model) */
    double gamma_out_start; /* initial gain of the out slots; 0 = as the topology defines */
    int scaling;            /* ScalingKind, see scaling.h */
    size_t base_d_model, base_n_layer; /* sizes of the base model of scaling; 0 = its own */
    const char *layers;                /* "" = model.topology in every block */
    const WireEntry *wire;
    size_t n_wire;
    NormRemoval removal;
    int precision;        /* Precision in ops.h, of the operands of matrix multiplications */
    int stream_precision; /* Precision of the residual stream and of the outputs of branches */
} ModelOptions;

/* embed_std, embed_scale and head_dim with their 0 resolved. */
double options_embed_std(const ModelOptions *options);
double options_embed_scale(const ModelOptions *options);
size_t options_head_dim(const ModelOptions *options);
/* Whether the model has biases at a site: betas of its norms, or biases of qkv, of proj, or of the
 * layers of the MLP. */
bool options_has_bias(const ModelOptions *options, BiasSite site);
bool options_has_layer_bias(const ModelOptions *options); /* at any site but the norms */
/* Whether bias_at lists sites only, each once; false with a sentence where it does not. */
bool options_check_bias(const ModelOptions *options, char *error, size_t size);
/* Features of a head that rotate. */
size_t options_rope_width(const ModelOptions *options);

/* Gamma-warmup: gamma_eff = w * gamma in the block slots of the mask; steps 0 = off. */
typedef struct {
    size_t steps;
    double from, to;
    unsigned slots; /* bit mask, 1 << Slot */
} GammaWarmup;

/* Branch-warmup: the branches of a block are multiplied by a factor that grows to 1; steps 0 = off.
 */
typedef struct {
    size_t steps; /* of block 1 */
    double from;
    int order; /* BranchOrder: block l takes l times as many steps, or as many as block 1 */
} BranchWarmup;

#endif

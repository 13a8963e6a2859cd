/* architectures.h - the table of architectures: how the classes of Hugging Face say what this program says otherwise.
 *
 * One idea: a class is a row of data. The row names the topology, the fields of config.json and their defaults, and
 * the tensors with the layouts in which they are kept. Reading a model (hf_config.h, hf_weights.h) walks the row in
 * one direction, writing one can walk it in the other. A class whose models differ in topology or in names has
 * several rows, told apart by `when`.
 * Everything here is constant. Read next: architectures.c, then hf_config.h. */
#ifndef RUN_MODELS_ARCHITECTURES_H
#define RUN_MODELS_ARCHITECTURES_H

#include "model/options.h"

/* --- fields of config.json --- */

typedef enum {
    FIELD_WIDTH, /* d_model */
    FIELD_LAYERS,
    FIELD_HEADS,
    FIELD_KV_HEADS,  /* absent: as many as heads */
    FIELD_HEAD_DIM,  /* absent: width / heads */
    FIELD_HIDDEN,    /* d_ff; absent: 4 * width */
    FIELD_POSITIONS, /* the longest context */
    FIELD_VOCAB,
    FIELD_EPS,
    FIELD_ACTIVATION,
    FIELD_TIED,
    FIELD_EMBED_SCALE,   /* factor of the embedding */
    FIELD_LOGIT_FACTOR,  /* of the logits; */
    FIELD_LOGIT_DIVISOR, /* the same, as a divisor */
    FIELD_BRANCH,        /* factor of both branches */
    FIELD_SCORE_FACTOR,  /* of the scores q.k; absent: 1/sqrt(head_dim) */
    FIELD_SCORE_SIZE,    /* the same, as 1/sqrt of this */
    FIELD_ROTARY,        /* features of a head that rotate; */
    FIELD_FRACTION,      /* the same, as a fraction; absent: all */
    FIELD_LOGIT_CAP,     /* softcap of the logits */
    FIELD_SCORE_CAP,     /* softcap of the scores */
    FIELD_WINDOW,        /* sliding window of attention */
    FIELD_NO_ROPE,       /* a list with 0 for each layer without RoPE */
    FIELD_TYPES,         /* a list with the type of attention of each layer; */
    FIELD_PATTERN,       /* if absent: one layer in so many, the last, is not a sliding one */
    FIELDS
} Field;

/* --- tensors --- */

/* Where a tensor of a class goes. Norms and linear layers are two tensors, .weight and .bias. */
typedef enum {
    PLACE_TOKENS,
    PLACE_POSITIONS,
    PLACE_EMBED_NORM,
    PLACE_ATTN_IN,
    PLACE_ATTN_OUT,
    PLACE_ATTN_POST,
    PLACE_Q,
    PLACE_K,
    PLACE_V,
    PLACE_QKV, /* instead of the three */
    PLACE_Q_NORM,
    PLACE_K_NORM,
    PLACE_PROJ,
    PLACE_MLP_IN,
    PLACE_MLP_OUT,
    PLACE_MLP_POST,
    PLACE_GATE,
    PLACE_UP,
    PLACE_GATE_UP, /* instead of the two, the gate first */
    PLACE_DOWN,
    PLACE_FINAL,
    PLACE_HEAD, /* not read if the head is tied */
    PLACES
} Place;

/* Sets of tensors that have biases. */
enum {
    BIASED_NORM = 1 << BIAS_NORM,
    BIASED_QKV = 1 << BIAS_QKV,
    BIASED_PROJ = 1 << BIAS_PROJ,
    BIASED_MLP = 1 << BIAS_MLP,
    BIASED_LINEAR = BIASED_QKV | BIASED_PROJ | BIASED_MLP,
    BIASED_HEAD = 1 << BIAS_SITES,
};

typedef enum {
    ROTATE_NONE,     /* positions are learned */
    ROTATE_HALVES,   /* pairs (i, i+r/2) of the first r features of a head */
    ROTATE_PAIRS,    /* pairs (2i, 2i+1) */
    ROTATE_OPPOSITE, /* halves, by the opposite angle */
} Rotation;

/* The RoPE of layers with a sliding window and of the others. */
typedef enum {
    LOCAL_SAME,
    LOCAL_THETA, /* each has its own frequencies */
    LOCAL_ONLY,  /* layers without a window have no RoPE */
} LocalRope;

/* A boolean field that decides. */
typedef struct {
    const char *field;
    bool value;
} When;

typedef struct {
    const char *field;
    unsigned biases;
} BiasField;

enum { WHENS = 2, BIAS_FIELDS = 3 };

typedef struct {
    const char *model_type, *class_name;
    When when[WHENS];
    const char *topology, *norm;
    bool exported;   /* whether --export may choose it */
    bool gated;      /* the MLP */
    bool qk_norms;   /* of each head; those of olmo2 are part of the topology */
    bool plus_one;   /* the gains are gamma + 1, and our norm has gamma */
    bool transposed; /* weights are (in, out) */
    bool grouped; /* qkv: the query heads of a group, its key and its value, then the next group */
    bool embed_sqrt; /* the embedding is multiplied by sqrt(width) */
    bool embed_norm; /* the embedding is normalized, whatever the topology says */
    bool tanh_gelu;  /* what it calls gelu is the tanh form */
    LocalRope local_rope;
    size_t kv_heads; /* 0 = FIELD_KV_HEADS */
    double eps;      /* 0 = FIELD_EPS */
    double score;    /* factor of the scores; 0 = FIELD_SCORE_FACTOR or FIELD_SCORE_SIZE */
    Rotation rotation;
    size_t position_offset;            /* rows of the position table before that of position 0 */
    unsigned biases;                   /* that the class always has */
    BiasField bias_field[BIAS_FIELDS]; /* and those that a field decides */
    const char *defaults;              /* of the fields of the class, as JSON */
    const char *prefix;                /* of all names but that of the head; files may lack it */
    const char *field[FIELDS];         /* names in config.json, NULL = the class has none */
    const char *tensor[PLACES];        /* names without .weight; {i} = number of the block */
} Architecture;

/* Row i; NULL past the end. */
const Architecture *architecture_at(size_t i);

/* Names that a config.json may use for the activation of an MLP, and ours; gated or not. NULL if there is none. */
const char *architecture_mlp(const char *activation, bool gated);
/* The first name of an activation of ours; NULL if there is none. */
const char *architecture_activation(const char *mlp, bool gated);

/* A field that this program has nothing for, unless it has the value that changes nothing. */
typedef enum { HARMLESS_FALSE, HARMLESS_TRUE, HARMLESS_ONE, HARMLESS_WIDTH } Harmless;
typedef struct {
    const char *field;
    Harmless harmless;
    const char *need; /* what a model needs that sets it */
} Unsupported;

/* Row i of the table of such fields, whatever the class; NULL past the end. */
const Unsupported *unsupported_at(size_t i);

#endif

/* attention.h - the attention branch: b = proj(N_mid(attention(q, k, v))), q, k, v = qkv(u).
 *
 * One idea: q, k and v are column ranges of one tensor, computed by one matmul. One that has a norm
 * is copied to a contiguous buffer, in which its heads are plain rows, normalized, and copied back.
 * qkv.weight has all query heads, then all key heads, then all value heads.
 * Buffers belong to the arena of the model. Read next: mlp.h. */
#ifndef MODEL_ATTENTION_H
#define MODEL_ATTENTION_H

#include "model/linear.h"
#include "model/mid.h"
#include "model/pass.h"

/* One of q, k, v: heads*HS columns of qkv, with an optional norm over all heads or per head. */
typedef struct {
    size_t heads, first; /* its first column, which is also its first row of qkv.weight */
    Norm norm;
    size_t norm_rows; /* vectors per token that the norm sees: 1 or heads */
    real *raw;        /* (B,T,heads*HS) input of the norm; NULL without one */
} Projection;

/* Buffers that all blocks share. */
typedef struct {
    real *normalized;  /* (B,T,NH*HS) output of a norm of q, k or v */
    real *dqkv;        /* (B,T,(NH+2NKV)*HS) */
    real *dnormalized; /* (B,T,NH*HS) gradient of the output of such a norm ... */
    real *draw;        /* (B,T,NH*HS) ... and of its input */
    real *dmixed;      /* (B,T,NH*HS) */
    real *dmid;        /* (B,T,NH*HS) gradient of Mid.m where a block has slot mid, else NULL */
    real *scratch;     /* attention_scratch(T) */
    real *rope_table
        [ROPE_NONE]; /* (T,HS/2,2) for each RopeKind that rotates; NULL = no block has it */
} AttentionShared;

typedef struct {
    Shape shape;
    size_t block; /* counts from 0 */
    Linear qkv, proj;
    Projection q, k, v;
    RopeKind rope;
    size_t window;       /* see AttentionShape */
    real score_scale;    /* factor of q k */
    real softcap;        /* of the scores; 0 = none */
    uint32_t dropout_id; /* of the dropout on the attention probabilities, see sublayer.c */
    double dropout;
    real *x;     /* (B,T,(NH+2NKV)*HS) q, k and v after norm and RoPE. Generation reads the keys and
                    values of earlier tokens from here: it is the KV cache */
    real *lse;   /* (B,NH,T) */
    real *mixed; /* (B,T,NH*HS) outputs of the heads */
    Mid mid;     /* from mixed to the input of proj */
    const AttentionShared *shared;
} Attention;

void attention_plan_shared(AttentionShared *shared, Plan *plan);
/* `prefix` is "blocks.0.attn", `block` counts from 0. */
void attention_plan(Attention *attention, Plan *plan, const AttentionShared *shared,
                    const char *prefix, size_t block, uint32_t dropout_id);

/* b (B,T,C) = f(u), u (B,T,C). */
void attention_branch_forward(Attention *attention, real *b, const real *u, const Pass *pass);
/* du = or += the gradient of u. du may alias db, which is read before du is written. */
void attention_branch_backward(Attention *attention, real *du, const real *db, const real *u,
                               GradWrite du_write, const Pass *pass);

#endif

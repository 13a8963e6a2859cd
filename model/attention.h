/* attention.h - the attention branch: b = proj(attention(q, k, v)) of u.
 *
 * One idea: q, k and v are columns of one tensor, made by one product; where one of them is normed
 * it takes a detour through a tensor of its own, in which heads are plain rows. qkv.weight holds
 * all query heads, then all key heads, then all value heads. Read next: mlp.h. */
#ifndef MODEL_ATTENTION_H
#define MODEL_ATTENTION_H

#include "model/linear.h"
#include "model/pass.h"

/* One of q, k, v: heads*HS columns of qkv, maybe normed, over whole rows or per head. */
typedef struct {
    size_t heads, first; /* its first column, which is also its first row of qkv.weight */
    Norm norm;
    size_t norm_rows; /* rows the norm sees per token: 1 or heads */
    real *raw;        /* (B,T,heads*HS) before the norm; NULL without one */
} Projection;

/* Buffers that all blocks share, planned once per model. */
typedef struct {
    real *normed;     /* (B,T,NH*HS) the detour of a norm */
    real *dqkv;       /* (B,T,(NH+2NKV)*HS) */
    real *dnormed;    /* (B,T,NH*HS) its gradients, after the norm ... */
    real *draw;       /* (B,T,NH*HS) ... and before */
    real *dmixed;     /* (B,T,NH*HS) */
    real *scratch;    /* attention_scratch(T) */
    real *rope_table; /* (T,HS/2,2) */
} AttentionShared;

typedef struct {
    Shape shape;
    Linear qkv, proj;
    Projection q, k, v;
    bool rope;
    uint32_t site; /* of dropout on the probabilities */
    double dropout;
    real *x;     /* (B,T,(NH+2NKV)*HS) q, k and v as attention reads them: normed, then turned; the
                    next token of a row finds the keys and values of those before it here */
    real *lse;   /* (B,NH,T) */
    real *mixed; /* (B,T,NH*HS) what proj reads */
    const AttentionShared *shared;
} Attention;

void attention_plan_shared(AttentionShared *shared, Plan *plan);
/* `prefix` is "blocks.0.attn". */
void attention_plan(Attention *attention, Plan *plan, const AttentionShared *shared,
                    const char *prefix, QkvNorm qkv_norm, uint32_t site);

/* b (B,T,C) = f(u), u (B,T,C). */
void attention_branch_forward(Attention *attention, real *b, const real *u, const Pass *pass);
/* du = or += f'(u) db. du may be db: what is read of db is read before. */
void attention_branch_backward(Attention *attention, real *du, const real *db, const real *u,
                               GradWrite du_write, const Pass *pass);

#endif

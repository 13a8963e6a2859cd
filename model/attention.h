/* attention.h - the attention branch: b = proj(attention(q, k, v)) of u.
 *
 * One idea: q, k and v are three tensors made by three row ranges of one weight, so that norms and
 * rotary positions treat heads as plain rows. qkv.weight holds all query heads, then all key heads,
 * then all value heads. Floor 2. Read next: mlp.h. */
#ifndef MODEL_ATTENTION_H
#define MODEL_ATTENTION_H

#include "model/plan.h"

/* One of q, k, v: heads*HS features, maybe normed, over whole rows or per head. */
typedef struct {
    size_t heads, first_row; /* its rows of qkv.weight begin here */
    Norm norm;
    size_t norm_rows; /* rows the norm sees per token: 1 or heads */
    real *raw;        /* (B,T,heads*HS) before the norm; the same memory as x without one */
    real *x;          /* (B,T,heads*HS) as attention reads it: normed, then turned */
    real *draw, *dx;  /* gradients of the two, shared by all blocks */
} Projection;

typedef struct {
    Shape shape;
    Linear qkv, proj;
    Projection q, k, v;
    bool rope;
    uint32_t site; /* of dropout on the probabilities */
    double dropout;
    real *lse;        /* (B,NH,T) */
    real *mixed;      /* (B,T,NH*HS) what proj reads */
    real *dmixed;     /* its gradient, shared by all blocks */
    real *scratch;    /* attention_scratch(T), shared */
    real *rope_table; /* (T,HS/2,2), shared */
} Attention;

/* Buffers that all blocks share, planned once per model. */
typedef struct {
    real *dq, *dk, *dv, *dq_raw, *dk_raw, *dv_raw, *dmixed, *scratch, *rope_table;
} AttentionShared;

void attention_plan_shared(AttentionShared *shared, Plan *plan);
/* `prefix` is "blocks.0.attn". */
void attention_plan(Attention *attention, Plan *plan, const AttentionShared *shared,
                    const char *prefix, QkvNorm qkv_norm, uint32_t site);

/* b (B,T,C) = f(u), u (B,T,C). */
void attention_branch_forward(Attention *attention, real *b, const real *u, const Pass *pass);
/* du += f'(u) db. */
void attention_branch_backward(Attention *attention, real *du, const real *db, const real *u,
                               const Pass *pass);

#endif

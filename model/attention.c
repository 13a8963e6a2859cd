/* attention.c - see attention.h. The kernel itself is attention_forward/_backward in ops/. */
#include "model/attention.h"

#include <stdio.h>

void attention_plan_shared(AttentionShared *shared, Plan *plan) {
    const Shape s = plan->shape;
    size_t q = s.B * s.T * s.NH * s.HS, kv = s.B * s.T * s.NKV * s.HS;
    *shared = (AttentionShared){
        .dq = plan_grad(plan, q),
        .dk = plan_grad(plan, kv),
        .dv = plan_grad(plan, kv),
        .dq_raw = plan_grad(plan, q),
        .dk_raw = plan_grad(plan, kv),
        .dv_raw = plan_grad(plan, kv),
        .dmixed = plan_grad(plan, q),
        .scratch = plan_reals(plan, attention_scratch(s.T)),
    };
    if (plan->options->position != POSITION_ROPE) return;
    shared->rope_table = plan_reals(plan, s.T * s.HS);
    if (shared->rope_table) rope_table(shared->rope_table, s.T, s.HS);
}

/* The norm acts on whole rows of q and k (olmo2) or on each head, one gamma for all of them. */
static Projection projection_plan(Plan *plan, const char *prefix, const char *name, bool normed,
                                  bool whole, size_t heads, size_t first_head) {
    const Shape s = plan->shape;
    const NormKind *kind = normed ? norm_kind(plan->options->norm) : &norm_none;
    size_t rows = whole ? 1 : heads, width = whole ? heads * s.HS : s.HS;
    char full[128];
    snprintf(full, sizeof full, "%s.norm_%s", prefix, name);
    Projection p = {.heads = heads, .first_row = first_head * s.HS, .norm_rows = rows};
    p.norm = plan_norm(plan, full, kind, s.B * s.T * rows, width, PARAM_GAMMA, false, 1);
    p.x = plan_reals(plan, s.B * s.T * heads * s.HS);
    p.raw = kind == &norm_none ? p.x : plan_reals(plan, s.B * s.T * heads * s.HS);
    return p;
}

void attention_plan(Attention *attention, Plan *plan, const AttentionShared *shared,
                    const char *prefix, QkvNorm qkv_norm, uint32_t site) {
    const Shape s = plan->shape;
    char name[128];
    *attention = (Attention){.shape = s,
                             .site = site,
                             .dropout = plan->options->dropout,
                             .rope = plan->options->position == POSITION_ROPE,
                             .dmixed = shared->dmixed,
                             .scratch = shared->scratch,
                             .rope_table = shared->rope_table};
    snprintf(name, sizeof name, "%s.qkv", prefix);
    attention->qkv = plan_linear(plan, name, LINEAR_QKV, (s.NH + 2 * s.NKV) * s.HS, s.C);
    bool normed = qkv_norm != QKV_PLAIN, whole = qkv_norm == QK_WHOLE;
    attention->q = projection_plan(plan, prefix, "q", normed, whole, s.NH, 0);
    attention->k = projection_plan(plan, prefix, "k", normed, whole, s.NKV, s.NH);
    attention->v =
        projection_plan(plan, prefix, "v", qkv_norm == QKV_HEAD, false, s.NKV, s.NH + s.NKV);
    attention->q.dx = shared->dq;
    attention->k.dx = shared->dk;
    attention->v.dx = shared->dv;
    attention->q.draw = attention->q.raw == attention->q.x ? shared->dq : shared->dq_raw;
    attention->k.draw = attention->k.raw == attention->k.x ? shared->dk : shared->dk_raw;
    attention->v.draw = attention->v.raw == attention->v.x ? shared->dv : shared->dv_raw;
    snprintf(name, sizeof name, "%s.proj", prefix);
    attention->proj = plan_linear(plan, name, LINEAR_RESIDUAL, s.C, s.NH * s.HS);
    attention->lse = plan_reals(plan, s.B * s.NH * s.T);
    attention->mixed = plan_reals(plan, s.B * s.T * s.NH * s.HS);
}

static AttentionShape kernel_shape(const Attention *attention, const Pass *pass) {
    const Shape *s = &attention->shape;
    return (AttentionShape){.B = pass->B, .T = pass->T, .NH = s->NH, .NKV = s->NKV, .HS = s->HS};
}

static Dropout kernel_dropout(const Attention *attention, const Pass *pass) {
    return (Dropout){pass->training ? attention->dropout : 0, pass->seed, pass->step, pass->micro,
                     attention->site};
}

/* The rows of qkv.weight, and the piece of its bias, that make this projection. */
static Linear part(const Attention *attention, const Projection *p) {
    return linear_rows(attention->qkv, p->first_row, p->heads * attention->shape.HS);
}

static void projection_forward(const Attention *attention, const Projection *p, bool turned,
                               const real *u, const Pass *pass) {
    const size_t R = pass->B * pass->T, HS = attention->shape.HS;
    Linear w = part(attention, p);
    layer_forward(&w, p->raw, u, R);
    norm_forward(&p->norm, p->x, p->raw, 1, R * p->norm_rows);
    if (turned) rope_forward(p->x, attention->rope_table, pass->B, pass->T, p->heads, HS);
}

/* From p->dx to du. */
static void projection_backward(const Attention *attention, const Projection *p, bool turned,
                                real *du, const real *u, const Pass *pass) {
    const size_t R = pass->B * pass->T, HS = attention->shape.HS;
    Linear w = part(attention, p);
    if (turned) rope_backward(p->dx, attention->rope_table, pass->B, pass->T, p->heads, HS);
    if (p->draw != p->dx) zero(p->draw, R * w.out);
    norm_backward(&p->norm, p->draw, p->dx, p->raw, 1, R * p->norm_rows);
    layer_backward(&w, du, p->draw, u, R);
}

void attention_branch_forward(Attention *attention, real *b, const real *u, const Pass *pass) {
    Dropout dropout = kernel_dropout(attention, pass);
    projection_forward(attention, &attention->q, attention->rope, u, pass);
    projection_forward(attention, &attention->k, attention->rope, u, pass);
    projection_forward(attention, &attention->v, false, u, pass);
    attention_forward(attention->mixed, attention->lse, attention->q.x, attention->k.x,
                      attention->v.x, attention->scratch, &dropout, kernel_shape(attention, pass));
    layer_forward(&attention->proj, b, attention->mixed, pass->B * pass->T);
}

void attention_branch_backward(Attention *attention, real *du, const real *db, const real *u,
                               const Pass *pass) {
    const size_t R = pass->B * pass->T;
    const Projection *q = &attention->q, *k = &attention->k, *v = &attention->v;
    Dropout dropout = kernel_dropout(attention, pass);
    zero(attention->dmixed, R * attention->proj.in);
    layer_backward(&attention->proj, attention->dmixed, db, attention->mixed, R);
    zero(q->dx, R * q->heads * attention->shape.HS);
    zero(k->dx, R * k->heads * attention->shape.HS);
    zero(v->dx, R * v->heads * attention->shape.HS);
    attention_backward(q->dx, k->dx, v->dx, attention->dmixed, attention->mixed, attention->lse,
                       q->x, k->x, v->x, attention->scratch, &dropout,
                       kernel_shape(attention, pass));
    projection_backward(attention, q, attention->rope, du, u, pass);
    projection_backward(attention, k, attention->rope, du, u, pass);
    projection_backward(attention, v, false, du, u, pass);
}

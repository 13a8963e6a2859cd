/* attention.c - see attention.h. The kernel itself is attention_forward/_backward in ops/. */
#include "model/attention.h"

#include <stdio.h>

static size_t width(const Shape *s) {
    return qkv_width(s->NH, s->NKV, s->HS);
}

void attention_plan_shared(AttentionShared *shared, Plan *plan) {
    const Shape s = plan->shape;
    size_t R = s.B * s.T, q = R * s.NH * s.HS;
    bool normed = wiring_norms_qkv(plan->wiring);
    *shared = (AttentionShared){
        .normed = normed ? plan_reals(plan, q) : NULL,
        .dqkv = plan_grad(plan, R * width(&s)),
        .dnormed = normed ? plan_grad(plan, q) : NULL,
        .draw = normed ? plan_grad(plan, q) : NULL,
        .dmixed = plan_grad(plan, q),
        .scratch = plan_reals(plan, attention_scratch(s.T, s.HS)),
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
    size_t rows = whole ? 1 : heads, features = whole ? heads * s.HS : s.HS;
    char full[128];
    snprintf(full, sizeof full, "%s.norm_%s", prefix, name);
    Projection p = {.heads = heads, .first = first_head * s.HS, .norm_rows = rows};
    p.norm = plan_norm(plan, full, kind, s.B * s.T * rows, features, PARAM_GAMMA, false, 1);
    p.raw = kind == &norm_none ? NULL : plan_reals(plan, s.B * s.T * heads * s.HS);
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
                             .shared = shared};
    snprintf(name, sizeof name, "%s.qkv", prefix);
    attention->qkv = plan_linear(plan, name, LINEAR_QKV, width(&s), s.C);
    bool normed = qkv_norm != QKV_PLAIN, whole = qkv_norm == QK_WHOLE;
    attention->q = projection_plan(plan, prefix, "q", normed, whole, s.NH, 0);
    attention->k = projection_plan(plan, prefix, "k", normed, whole, s.NKV, s.NH);
    attention->v =
        projection_plan(plan, prefix, "v", qkv_norm == QKV_HEAD, false, s.NKV, s.NH + s.NKV);
    snprintf(name, sizeof name, "%s.proj", prefix);
    attention->proj = plan_linear(plan, name, LINEAR_RESIDUAL, s.C, s.NH * s.HS);
    attention->x = plan_reals(plan, s.B * s.T * width(&s));
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

static bool is_normed(const Projection *p) {
    return p->norm.kind != &norm_none;
}

static void projection_forward(const Attention *attention, const Projection *p, bool turned,
                               const Pass *pass) {
    const AttentionShared *shared = attention->shared;
    const Shape *s = &attention->shape;
    const size_t R = pass->B * pass->T, stride = width(s), own = p->heads * s->HS;
    real *x = attention->x + pass->past * stride + p->first;
    if (is_normed(p)) {
        copy_columns(p->raw, own, x, stride, R, own);
        norm_forward(&p->norm, shared->normed, p->raw, 1, R * p->norm_rows);
        copy_columns(x, stride, shared->normed, own, R, own);
    }
    if (!turned) return;
    rope_forward(x, shared->rope_table + pass->past * s->HS, pass->B, pass->T, p->heads, s->HS,
                 stride);
}

/* In place: its columns of dqkv, from what attention read to what the product made. */
static void projection_backward(const Attention *attention, const Projection *p, bool turned,
                                const Pass *pass) {
    const AttentionShared *shared = attention->shared;
    const Shape *s = &attention->shape;
    const size_t R = pass->B * pass->T, stride = width(s), own = p->heads * s->HS;
    real *dx = shared->dqkv + p->first;
    if (turned) rope_backward(dx, shared->rope_table, pass->B, pass->T, p->heads, s->HS, stride);
    if (!is_normed(p)) return;
    copy_columns(shared->dnormed, own, dx, stride, R, own);
    norm_backward(&p->norm, shared->draw, shared->dnormed, p->raw, 1, R * p->norm_rows, GRAD_SET);
    copy_columns(dx, stride, shared->draw, own, R, own);
}

void attention_branch_forward(Attention *attention, real *b, const real *u, const Pass *pass) {
    const size_t R = pass->B * pass->T;
    real *x = attention->x + pass->past * width(&attention->shape);
    layer_forward(&attention->qkv, x, u, R);
    projection_forward(attention, &attention->q, attention->rope, pass);
    projection_forward(attention, &attention->k, attention->rope, pass);
    projection_forward(attention, &attention->v, false, pass);
    if (pass->past) {
        attention_next(attention->mixed, attention->x, attention->shared->scratch, pass->past,
                       kernel_shape(attention, pass));
    } else {
        Dropout dropout = kernel_dropout(attention, pass);
        attention_forward(attention->mixed, attention->lse, attention->x,
                          attention->shared->scratch, &dropout, kernel_shape(attention, pass));
    }
    layer_forward(&attention->proj, b, attention->mixed, R);
}

void attention_branch_backward(Attention *attention, real *du, const real *db, const real *u,
                               GradWrite du_write, const Pass *pass) {
    const size_t R = pass->B * pass->T;
    const AttentionShared *shared = attention->shared;
    Dropout dropout = kernel_dropout(attention, pass);
    layer_backward(&attention->proj, shared->dmixed, db, attention->mixed, R, GRAD_SET,
                   pass->grads);
    attention_backward(shared->dqkv, shared->dmixed, attention->mixed, attention->lse, attention->x,
                       shared->scratch, &dropout, kernel_shape(attention, pass));
    projection_backward(attention, &attention->q, attention->rope, pass);
    projection_backward(attention, &attention->k, attention->rope, pass);
    projection_backward(attention, &attention->v, false, pass);
    layer_backward(&attention->qkv, du, shared->dqkv, u, R, du_write, pass->grads);
}

/* attention.c - see attention.h. The kernels are attention_forward and attention_backward of ops.h. */
#include "model/attention.h"

#include <stdio.h>

static size_t width(const Shape *s) {
    return qkv_width(s->NH, s->NKV, s->HS);
}

/* --- planning --- */

/* The table of a kind of RoPE, if a block has it. */
static void plan_rope(AttentionShared *shared, Plan *plan, RopeKind kind) {
    const ModelOptions *o = plan->options;
    const Shape s = plan->shape;
    const bool local = kind == ROPE_LOCAL;
    const Rope rope = {.theta = local ? o->rope_local_theta : o->rope_theta,
                       .width = options_rope_width(o),
                       .factor = local ? 1 : o->rope_factor,
                       .low = o->rope_low_freq,
                       .high = o->rope_high_freq,
                       .original = o->rope_original};
    if (!wiring_has_rope(plan->wiring, kind)) return;
    shared->rope_table[kind] = plan_reals(plan, s.T * s.HS);
    if (shared->rope_table[kind]) rope_table(shared->rope_table[kind], s.T, s.HS, &rope);
}

void attention_plan_shared(AttentionShared *shared, Plan *plan) {
    const Shape s = plan->shape;
    size_t R = s.B * s.T, q = R * s.NH * s.HS;
    bool norms = wiring_has_qkv_norms(plan->wiring);
    *shared = (AttentionShared){
        .normalized = norms ? plan_reals(plan, q) : NULL,
        .dqkv = plan_grad(plan, R * width(&s)),
        .dnormalized = norms ? plan_grad(plan, q) : NULL,
        .draw = norms ? plan_grad(plan, q) : NULL,
        .dmixed = plan_grad(plan, q),
        .dmid = mid_plan_shared(plan, false, s.NH * s.HS),
        .scratch = plan_reals(plan, attention_scratch(s.T, s.HS)),
    };
    for (RopeKind kind = 0; kind < ROPE_NONE; kind++) plan_rope(shared, plan, kind);
}

/* Adds the norm `name` to a projection of which heads, first and norm_rows are set: over all heads
 * at once (norm_rows 1), or on each head with one gamma for all. */
static void projection_plan_norm(Projection *p, Plan *plan, const char *name, size_t block,
                                 bool has_norm) {
    const Shape s = plan->shape;
    const size_t R = s.B * s.T;
    const NormKind *kind = has_norm ? norm_kind(plan->options->norm) : &norm_none;
    p->norm = plan_norm(plan, (NormPlan){.name = name,
                                         .place = NORM_PLACE_QKV,
                                         .block = block,
                                         .kind = kind,
                                         .rows = R * p->norm_rows,
                                         .C = p->heads * s.HS / p->norm_rows,
                                         .gamma = PARAM_GAMMA,
                                         .start_gain = 1});
    p->raw = kind == &norm_none ? NULL : plan_reals(plan, R * p->heads * s.HS);
}

static void plan_projections(Attention *attention, Plan *plan, const char *prefix, size_t block) {
    const Shape s = plan->shape;
    const QkvNorm qkv = plan->wiring->block[block].qkv;
    const struct {
        Projection *projection;
        const char *name;
        size_t heads, first_head;
        bool has_norm;
    } list[] = {{&attention->q, "q", s.NH, 0, qkv != QKV_PLAIN},
                {&attention->k, "k", s.NKV, s.NH, qkv != QKV_PLAIN},
                {&attention->v, "v", s.NKV, s.NH + s.NKV, qkv == QKV_HEAD}};
    for (size_t i = 0; i < sizeof list / sizeof *list; i++) {
        const size_t heads = list[i].heads;
        char name[128];
        snprintf(name, sizeof name, "%s.norm_%s", prefix, list[i].name);
        *list[i].projection = (Projection){.heads = heads,
                                           .first = list[i].first_head * s.HS,
                                           .norm_rows = qkv == QK_WHOLE ? 1 : heads};
        projection_plan_norm(list[i].projection, plan, name, block, list[i].has_norm);
    }
}

void attention_plan(Attention *attention, Plan *plan, const AttentionShared *shared,
                    const char *prefix, size_t block, uint32_t dropout_id) {
    const Shape s = plan->shape;
    char name[128];
    *attention = (Attention){.shape = s,
                             .block = block,
                             .dropout_id = dropout_id,
                             .dropout = plan->options->dropout,
                             .rope = plan->wiring->block[block].rope,
                             .window = plan->wiring->block[block].window,
                             .score_scale = (real)scaling_scores(&plan->wiring->scaling, s.HS),
                             .softcap = (real)plan->options->softcap_attn,
                             .shared = shared};
    snprintf(name, sizeof name, "%s.qkv", prefix);
    attention->qkv = plan_linear(plan, name, LINEAR_QKV, BIAS_QKV, width(&s), s.C);
    plan_projections(attention, plan, prefix, block);
    attention->x = plan_reals(plan, s.B * s.T * width(&s));
    attention->lse = plan_reals(plan, s.B * s.NH * s.T);
    attention->mixed = plan_reals(plan, s.B * s.T * s.NH * s.HS);
    attention->mid = mid_plan(plan, prefix, block, false, s.NH * s.HS, attention->mixed,
                              shared->dmixed, shared->dmid);
    snprintf(name, sizeof name, "%s.proj", prefix);
    attention->proj = plan_linear(plan, name, LINEAR_RESIDUAL, BIAS_PROJ, s.C, s.NH * s.HS);
}

/* --- what forward and backward share --- */

static AttentionShape kernel_shape(const Attention *attention, const Pass *pass) {
    const Shape *s = &attention->shape;
    return (AttentionShape){.B = pass->B,
                            .T = pass->T,
                            .NH = s->NH,
                            .NKV = s->NKV,
                            .HS = s->HS,
                            .scale = attention->score_scale,
                            .window = attention->window,
                            .softcap = attention->softcap};
}

static Dropout kernel_dropout(const Attention *attention, const Pass *pass) {
    return (Dropout){pass->training ? attention->dropout : 0, pass->seed, pass->step, pass->micro,
                     attention->dropout_id};
}

static bool has_norm(const Projection *p) {
    return p->norm.kind != &norm_none;
}

/* --- norm and RoPE of q, k and v --- */

static void projection_forward(const Attention *attention, const Projection *p, RopeKind rope,
                               const Pass *pass) {
    const AttentionShared *shared = attention->shared;
    const Shape *s = &attention->shape;
    const size_t R = pass->B * pass->T, stride = width(s), own = p->heads * s->HS;
    real *x = attention->x + pass->past * stride + p->first;
    if (has_norm(p)) {
        copy_columns(p->raw, own, x, stride, R, own);
        norm_forward(&p->norm, shared->normalized, p->raw, 1, R * p->norm_rows);
        copy_columns(x, stride, shared->normalized, own, R, own);
    }
    if (rope == ROPE_NONE) return;
    rope_forward(x, shared->rope_table[rope] + pass->past * s->HS, pass->B, pass->T, p->heads,
                 s->HS, stride);
}

/* In place on its columns of dqkv: from the gradient after norm and RoPE to that before. */
static void projection_backward(const Attention *attention, const Projection *p, RopeKind rope,
                                const Pass *pass) {
    const AttentionShared *shared = attention->shared;
    const Shape *s = &attention->shape;
    const size_t R = pass->B * pass->T, stride = width(s), own = p->heads * s->HS;
    real *dx = shared->dqkv + p->first;
    if (rope != ROPE_NONE)
        rope_backward(dx, shared->rope_table[rope], pass->B, pass->T, p->heads, s->HS, stride);
    if (!has_norm(p)) return;
    copy_columns(shared->dnormalized, own, dx, stride, R, own);
    norm_backward(&p->norm, shared->draw, shared->dnormalized, p->raw, 1, R * p->norm_rows,
                  GRAD_SET);
    copy_columns(dx, stride, shared->draw, own, R, own);
}

/* --- the branch --- */

void attention_branch_forward(Attention *attention, real *b, const real *u, const Pass *pass) {
    const size_t R = pass->B * pass->T;
    real *x = attention->x + pass->past * width(&attention->shape);
    layer_forward(&attention->qkv, x, u, R);
    projection_forward(attention, &attention->q, attention->rope, pass);
    projection_forward(attention, &attention->k, attention->rope, pass);
    projection_forward(attention, &attention->v, ROPE_NONE, pass);
    if (pass->past) {
        attention_next(attention->mixed, attention->x, attention->shared->scratch, pass->past,
                       kernel_shape(attention, pass));
    } else {
        Dropout dropout = kernel_dropout(attention, pass);
        real *peaks = pass->peaks ? pass->peaks + attention->block * TOKEN_GROUPS : NULL;
        attention_forward(attention->mixed, attention->lse, peaks, attention->x,
                          attention->shared->scratch, &dropout, kernel_shape(attention, pass));
        if (pass->first_sums)
            attention_first(pass->first_sums + attention->block * attention->shape.NH,
                            attention->lse, attention->x, kernel_shape(attention, pass));
    }
    mid_forward(&attention->mid, attention->mixed, pass);
    layer_forward(&attention->proj, b, attention->mid.m, R);
}

void attention_branch_backward(Attention *attention, real *du, const real *db, const real *u,
                               GradWrite du_write, const Pass *pass) {
    const size_t R = pass->B * pass->T;
    const AttentionShared *shared = attention->shared;
    Dropout dropout = kernel_dropout(attention, pass);
    layer_backward(&attention->proj, attention->mid.dm, db, attention->mid.m, R, GRAD_SET,
                   pass->grads);
    mid_backward(&attention->mid, shared->dmixed, attention->mixed, pass);
    attention_backward(shared->dqkv, shared->dmixed, attention->mixed, attention->lse, attention->x,
                       shared->scratch, &dropout, kernel_shape(attention, pass));
    projection_backward(attention, &attention->q, attention->rope, pass);
    projection_backward(attention, &attention->k, attention->rope, pass);
    projection_backward(attention, &attention->v, ROPE_NONE, pass);
    layer_backward(&attention->qkv, du, shared->dqkv, u, R, du_write, pass->grads);
}

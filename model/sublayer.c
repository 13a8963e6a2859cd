/* sublayer.c - see sublayer.h; the equations stand in wiring.h, in the same order. */
#include "model/sublayer.h"

#include <stdio.h>

void sublayer_plan_shared(SublayerShared *shared, Plan *plan) {
    size_t n = plan->shape.B * plan->shape.T * plan->shape.C;
    *shared = (SublayerShared){
        .b = plan_reals(plan, n),
        .o = plan_reals(plan, n),
        .ds = plan_grad(plan, n),
        .dout = plan_grad(plan, n),
        .db = plan_grad(plan, n),
        .du_attn = plan_grad(plan, n),
        .du_mlp = plan_grad(plan, n),
    };
    attention_plan_shared(&shared->attention, plan);
    mlp_plan_shared(&shared->mlp, plan);
}

static void plan_norms(Sublayer *sublayer, Plan *plan, const char *prefix, size_t block) {
    static const ParamKind GAMMA_KINDS[SLOTS] = {PARAM_GAMMA_IN, PARAM_GAMMA_OUT, PARAM_GAMMA_OUT};
    const Shape s = plan->shape;
    for (int slot = 0; slot < SLOTS; slot++) {
        char name[128];
        snprintf(name, sizeof name, "%s.norm_%s", prefix, slot_name(slot));
        double gain = slot == SLOT_OUT ? plan->wiring->block[block].out_start : 1;
        sublayer->norm[slot] =
            plan_norm(plan, name, plan_slot_kind(plan, sublayer->wiring->slot[slot]), s.B * s.T,
                      s.C, GAMMA_KINDS[slot], slot == SLOT_OUT, gain);
        sublayer->norm[slot].partials = plan->norm_partials[slot];
        sublayer->warm[slot] =
            wiring_is_warm(plan->wiring, plan->warm_slots, block, sublayer->is_mlp, (Slot)slot);
    }
}

static bool absent(const Sublayer *sublayer, Slot slot) {
    return sublayer->norm[slot].kind == &norm_none;
}

bool sublayer_passes_through(const Plan *plan, const SublayerWiring *wiring) {
    return plan_slot_kind(plan, wiring->slot[SLOT_POST]) == &norm_none && wiring->skip == 1;
}

/* A gradient that equals another one is the same buffer: none of them is written again before the
 * branch has read db. */
static void plan_grads(Sublayer *sublayer, bool own_u) {
    const SublayerWiring *w = sublayer->wiring;
    const SublayerShared *shared = sublayer->shared;
    bool stream = w->skip == 1 && sublayer->dx_write == GRAD_SET; /* dx is ds */
    sublayer->ds = absent(sublayer, SLOT_POST) ? sublayer->dy : stream ? sublayer->dx : shared->ds;
    sublayer->du = !own_u ? sublayer->dr : sublayer->is_mlp ? shared->du_mlp : shared->du_attn;
    if (!own_u) sublayer->du_write = GRAD_ADD;
}

void sublayer_plan(Sublayer *sublayer, Plan *plan, const SublayerShared *shared, const char *prefix,
                   size_t block, bool is_mlp) {
    const BlockWiring *wiring = &plan->wiring->block[block];
    const size_t n = plan->shape.B * plan->shape.T * plan->shape.C;
    const uint32_t site = (uint32_t)(4 * block + (is_mlp ? 3 : 1)); /* site 0 is the embedding */
    sublayer->wiring = is_mlp ? &wiring->mlp : &wiring->attn;
    sublayer->is_mlp = is_mlp;
    sublayer->block = block;
    sublayer->shared = shared;
    sublayer->C = plan->shape.C;
    sublayer->place = place_sublayer(block, is_mlp);
    sublayer->dropout = (Dropout){.p = plan->options->dropout, .site = site};
    plan_norms(sublayer, plan, prefix, block);
    sublayer->site[SITE_STREAM] = sublayer->site[SITE_BRANCH] = true;
    sublayer->site[SITE_NORM_IN] = !absent(sublayer, SLOT_IN);
    sublayer->site[SITE_NORM_OUT] = !absent(sublayer, SLOT_OUT);
    sublayer->site[SITE_NORM_POST] = !absent(sublayer, SLOT_POST);
    if (is_mlp)
        mlp_plan(&sublayer->mlp, plan, &shared->mlp, prefix);
    else
        attention_plan(&sublayer->attention, plan, &shared->attention, prefix, wiring->qkv,
                       site + 1);

    /* u is needed again by the branch's weights, b by the norm of its slot, s by the post norm. */
    bool own_u = !absent(sublayer, SLOT_IN) || sublayer->wiring->gain != 1;
    sublayer->u = own_u ? plan_reals(plan, n) : (real *)sublayer->r;
    sublayer->b = absent(sublayer, SLOT_OUT) ? shared->b : plan_reals(plan, n);
    sublayer->o = absent(sublayer, SLOT_OUT) ? sublayer->b : shared->o;
    sublayer->s = absent(sublayer, SLOT_POST) ? sublayer->y : plan_reals(plan, n);
    plan_grads(sublayer, own_u);
}

/* The coefficient of o in s, branch-warmup included. */
static real branch_coefficient(const Sublayer *sublayer, const Pass *pass) {
    return (real)(sublayer->wiring->branch * branch_factor(&pass->branch, sublayer->block));
}

/* The same for the gradients inside the branch. Where its coefficient is 1 that of o is that of s.
 * Only dropout changes db in place, which then must not be the stream's. */
static void place_branch_grads(Sublayer *sublayer, real coefficient) {
    const SublayerShared *shared = sublayer->shared;
    bool drops = sublayer->dropout.p > 0 && absent(sublayer, SLOT_OUT);
    bool same = coefficient == 1 && !sublayer->d && !drops;
    sublayer->dout = same ? sublayer->ds : shared->dout;
    sublayer->db = absent(sublayer, SLOT_OUT) ? sublayer->dout : shared->db;
}

static real warm(const Sublayer *sublayer, Slot slot, const Pass *pass) {
    return sublayer->warm[slot] ? pass->gamma : 1;
}

static Dropout branch_dropout(const Sublayer *sublayer, const Pass *pass) {
    return (Dropout){pass->training ? sublayer->dropout.p : 0, pass->seed, pass->step, pass->micro,
                     sublayer->dropout.site};
}

static void see(const Sublayer *sublayer, Site site, const real *x, const Pass *pass) {
    const size_t R = pass->B * pass->T;
    if (sublayer->site[site])
        probe_value(pass->probe, sublayer->place, site, x, R, pass->T, sublayer->C);
}

/* Called where the gradient of the site is complete. */
static void see_gradient(const Sublayer *sublayer, Site site, const real *dx, const Pass *pass) {
    const size_t R = pass->B * pass->T;
    if (sublayer->site[site])
        probe_gradient(pass->probe, sublayer->place, site, dx, R, pass->T, sublayer->C);
}

/* --- forward --- */

typedef struct {
    const Sublayer *sublayer;
    const Pass *pass;
    real branch; /* coefficient of o */
} SublayerWork;

static void branch_forward(Sublayer *sublayer, const Pass *pass) {
    if (sublayer->is_mlp)
        mlp_branch_forward(&sublayer->mlp, sublayer->b, sublayer->u, pass);
    else
        attention_branch_forward(&sublayer->attention, sublayer->b, sublayer->u, pass);
}

/* Whether a norm behind the branch must see all rows before any of them goes on. */
static bool gathers(const Sublayer *sublayer) {
    return norm_gathers(&sublayer->norm[SLOT_OUT]) || norm_gathers(&sublayer->norm[SLOT_POST]);
}

/* Rows first .. end-1 from o to s. */
static void join_stream(void *context, size_t chunk, size_t first, size_t end) {
    const SublayerWork *work = context;
    const Sublayer *sub = work->sublayer;
    const SublayerWiring *w = sub->wiring;
    const size_t at = first * sub->C, n = (end - first) * sub->C;
    (void)chunk;
    residual_piece(sub->s + at, sub->x + at, sub->o + at, sub->x_block + at, (real)w->skip,
                   work->branch, (real)w->block_skip, n);
    if (sub->d) scaled_piece(sub->d + at, sub->o + at, (real)w->dual, n, GRAD_ADD);
}

/* Rows first .. end-1 from b to y. */
static void leave_branch(void *context, size_t chunk, size_t first, size_t end) {
    const SublayerWork *work = context;
    const Sublayer *sub = work->sublayer;
    norm_forward_piece(&sub->norm[SLOT_OUT], sub->o, sub->b,
                       (NormSpan){first, end, warm(sub, SLOT_OUT, work->pass), GRAD_SET});
    join_stream(context, chunk, first, end);
    norm_forward_piece(&sub->norm[SLOT_POST], sub->y, sub->s,
                       (NormSpan){first, end, warm(sub, SLOT_POST, work->pass), GRAD_SET});
}

/* All rows from b to y: piece by piece through everything or, where a norm gathers, one operation
 * after the other. */
static void leave_forward(const Sublayer *sub, const Pass *pass) {
    const size_t R = pass->B * pass->T;
    SublayerWork work = {sub, pass, branch_coefficient(sub, pass)};
    if (!gathers(sub)) {
        rows_share(leave_branch, &work, R, sub->C);
        return;
    }
    norm_forward(&sub->norm[SLOT_OUT], sub->o, sub->b, warm(sub, SLOT_OUT, pass), R);
    rows_share(join_stream, &work, R, sub->C);
    norm_forward(&sub->norm[SLOT_POST], sub->y, sub->s, warm(sub, SLOT_POST, pass), R);
}

void sublayer_forward(Sublayer *sublayer, const Pass *pass) {
    const size_t R = pass->B * pass->T, n = R * sublayer->C;
    Dropout dropout = branch_dropout(sublayer, pass);
    see(sublayer, SITE_STREAM, sublayer->x, pass);
    norm_forward(&sublayer->norm[SLOT_IN], sublayer->u, sublayer->r, warm(sublayer, SLOT_IN, pass),
                 R);
    scale(sublayer->u, (real)sublayer->wiring->gain, n);
    see(sublayer, SITE_NORM_IN, sublayer->u, pass);
    branch_forward(sublayer, pass);
    dropout_apply(sublayer->b, &dropout, n);
    leave_forward(sublayer, pass);
    see(sublayer, SITE_BRANCH, sublayer->b, pass);
    see(sublayer, SITE_NORM_OUT, sublayer->o, pass);
    see(sublayer, SITE_NORM_POST, sublayer->y, pass);
}

/* --- backward --- */

/* Rows first .. end-1 from ds to dout, and what passes the branch by. */
static void part_stream(void *context, size_t chunk, size_t first, size_t end) {
    const SublayerWork *work = context;
    const Sublayer *sub = work->sublayer;
    const SublayerWiring *w = sub->wiring;
    const size_t at = first * sub->C, n = (end - first) * sub->C;
    (void)chunk;
    if (sub->dx != sub->ds)
        scaled_piece(sub->dx + at, sub->ds + at, (real)w->skip, n, sub->dx_write);
    scaled_piece(sub->dx_block + at, sub->ds + at, (real)w->block_skip, n, GRAD_ADD);
    if (sub->dout != sub->ds) scaled_piece(sub->dout + at, sub->ds + at, work->branch, n, GRAD_SET);
    if (sub->d) scaled_piece(sub->dout + at, sub->dd + at, (real)w->dual, n, GRAD_ADD);
}

/* Rows first .. end-1 from dy to db. */
static void enter_branch(void *context, size_t chunk, size_t first, size_t end) {
    const SublayerWork *work = context;
    const Sublayer *sub = work->sublayer;
    norm_backward_piece(&sub->norm[SLOT_POST], chunk, sub->ds, sub->dy, sub->s,
                        (NormSpan){first, end, warm(sub, SLOT_POST, work->pass), GRAD_SET});
    part_stream(context, chunk, first, end);
    norm_backward_piece(&sub->norm[SLOT_OUT], chunk, sub->db, sub->dout, sub->b,
                        (NormSpan){first, end, warm(sub, SLOT_OUT, work->pass), GRAD_SET});
}

/* All rows from dy to db, in the way that leave_forward took. */
static void leave_backward(Sublayer *sub, const Pass *pass) {
    const size_t R = pass->B * pass->T;
    const real w_out = warm(sub, SLOT_OUT, pass), w_post = warm(sub, SLOT_POST, pass);
    SublayerWork work = {sub, pass, branch_coefficient(sub, pass)};
    place_branch_grads(sub, work.branch);
    if (!gathers(sub)) {
        rows_share(enter_branch, &work, R, sub->C);
        norm_sum(&sub->norm[SLOT_POST], w_post);
        norm_sum(&sub->norm[SLOT_OUT], w_out);
        return;
    }
    norm_backward(&sub->norm[SLOT_POST], sub->ds, sub->dy, sub->s, w_post, R, GRAD_SET);
    rows_share(part_stream, &work, R, sub->C);
    norm_backward(&sub->norm[SLOT_OUT], sub->db, sub->dout, sub->b, w_out, R, GRAD_SET);
}

static void branch_backward(Sublayer *sublayer, const Pass *pass) {
    if (sublayer->is_mlp)
        mlp_branch_backward(&sublayer->mlp, sublayer->du, sublayer->db, sublayer->u,
                            sublayer->du_write, pass);
    else
        attention_branch_backward(&sublayer->attention, sublayer->du, sublayer->db, sublayer->u,
                                  sublayer->du_write, pass);
}

void sublayer_backward(Sublayer *sublayer, const Pass *pass) {
    const size_t R = pass->B * pass->T, n = R * sublayer->C;
    Dropout dropout = branch_dropout(sublayer, pass);
    see_gradient(sublayer, SITE_NORM_POST, sublayer->dy, pass);
    leave_backward(sublayer, pass);
    see_gradient(sublayer, SITE_NORM_OUT, sublayer->dout, pass);
    see_gradient(sublayer, SITE_BRANCH, sublayer->db, pass);
    dropout_apply(sublayer->db, &dropout, n);
    branch_backward(sublayer, pass);
    see_gradient(sublayer, SITE_NORM_IN, sublayer->du, pass);
    scale(sublayer->du, (real)sublayer->wiring->gain, n);
    norm_backward(&sublayer->norm[SLOT_IN], sublayer->dr, sublayer->du, sublayer->r,
                  warm(sublayer, SLOT_IN, pass), R, GRAD_ADD);
    see_gradient(sublayer, SITE_STREAM, sublayer->dx, pass);
}

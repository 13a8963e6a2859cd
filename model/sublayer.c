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
        sublayer->warm[slot] =
            wiring_is_warm(plan->wiring, plan->warm_slots, block, sublayer->is_mlp, (Slot)slot);
    }
}

static bool absent(const Sublayer *sublayer, Slot slot) {
    return sublayer->norm[slot].kind == &norm_none;
}

void sublayer_plan(Sublayer *sublayer, Plan *plan, const SublayerShared *shared, const char *prefix,
                   size_t block, bool is_mlp) {
    const BlockWiring *wiring = &plan->wiring->block[block];
    const size_t n = plan->shape.B * plan->shape.T * plan->shape.C;
    const uint32_t site = (uint32_t)(4 * block + (is_mlp ? 3 : 1)); /* site 0 is the embedding */
    sublayer->wiring = is_mlp ? &wiring->mlp : &wiring->attn;
    sublayer->is_mlp = is_mlp;
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
    sublayer->y = plan_reals(plan, n);
    sublayer->s = absent(sublayer, SLOT_POST) ? sublayer->y : plan_reals(plan, n);
    sublayer->du = own_u ? plan_grad(plan, n) : sublayer->dr;
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

void sublayer_forward(Sublayer *sublayer, const Pass *pass) {
    const SublayerWiring *w = sublayer->wiring;
    const size_t R = pass->B * pass->T, n = R * sublayer->C;
    Dropout dropout = branch_dropout(sublayer, pass);
    see(sublayer, SITE_STREAM, sublayer->x, pass);
    norm_forward(&sublayer->norm[SLOT_IN], sublayer->u, sublayer->r, warm(sublayer, SLOT_IN, pass),
                 R);
    scale(sublayer->u, (real)w->gain, n);
    see(sublayer, SITE_NORM_IN, sublayer->u, pass);
    if (sublayer->is_mlp)
        mlp_branch_forward(&sublayer->mlp, sublayer->b, sublayer->u, pass);
    else
        attention_branch_forward(&sublayer->attention, sublayer->b, sublayer->u, pass);
    dropout_apply(sublayer->b, &dropout, n);
    see(sublayer, SITE_BRANCH, sublayer->b, pass);
    norm_forward(&sublayer->norm[SLOT_OUT], sublayer->o, sublayer->b,
                 warm(sublayer, SLOT_OUT, pass), R);
    see(sublayer, SITE_NORM_OUT, sublayer->o, pass);
    residual(sublayer->s, sublayer->x, sublayer->o, sublayer->x_block, (real)w->skip,
             (real)w->branch, (real)w->block_skip, n);
    norm_forward(&sublayer->norm[SLOT_POST], sublayer->y, sublayer->s,
                 warm(sublayer, SLOT_POST, pass), R);
    see(sublayer, SITE_NORM_POST, sublayer->y, pass);
    if (sublayer->d) add_scaled(sublayer->d, sublayer->o, (real)w->dual, n);
}

void sublayer_backward(Sublayer *sublayer, const Pass *pass) {
    const SublayerWiring *w = sublayer->wiring;
    const size_t R = pass->B * pass->T, n = R * sublayer->C;
    Dropout dropout = branch_dropout(sublayer, pass);
    real *ds = absent(sublayer, SLOT_POST) ? sublayer->dy : sublayer->shared->ds;
    real *dout = sublayer->shared->dout;
    real *db = absent(sublayer, SLOT_OUT) ? dout : sublayer->shared->db;

    see_gradient(sublayer, SITE_NORM_POST, sublayer->dy, pass);
    if (ds != sublayer->dy) zero(ds, n);
    norm_backward(&sublayer->norm[SLOT_POST], ds, sublayer->dy, sublayer->s,
                  warm(sublayer, SLOT_POST, pass), R);
    add_scaled(sublayer->dx, ds, (real)w->skip, n);
    add_scaled(sublayer->dx_block, ds, (real)w->block_skip, n);
    zero(dout, n);
    add_scaled(dout, ds, (real)w->branch, n);
    if (sublayer->d) add_scaled(dout, sublayer->dd, (real)w->dual, n);
    see_gradient(sublayer, SITE_NORM_OUT, dout, pass);

    if (db != dout) zero(db, n);
    norm_backward(&sublayer->norm[SLOT_OUT], db, dout, sublayer->b, warm(sublayer, SLOT_OUT, pass),
                  R);
    see_gradient(sublayer, SITE_BRANCH, db, pass);
    dropout_apply(db, &dropout, n);
    if (sublayer->is_mlp)
        mlp_branch_backward(&sublayer->mlp, sublayer->du, db, sublayer->u, pass);
    else
        attention_branch_backward(&sublayer->attention, sublayer->du, db, sublayer->u, pass);

    see_gradient(sublayer, SITE_NORM_IN, sublayer->du, pass);
    scale(sublayer->du, (real)w->gain, n);
    norm_backward(&sublayer->norm[SLOT_IN], sublayer->dr, sublayer->du, sublayer->r,
                  warm(sublayer, SLOT_IN, pass), R);
    see_gradient(sublayer, SITE_STREAM, sublayer->dx, pass);
}

/* mid.c - see mid.h. */
#include "model/mid.h"

#include <stdio.h>

static SlotKind slot_of(const Plan *plan, size_t block, bool is_mlp) {
    const BlockWiring *wiring = &plan->wiring->block[block];
    return (is_mlp ? &wiring->mlp : &wiring->attn)->slot[SLOT_MID];
}

real *mid_plan_shared(Plan *plan, bool is_mlp, size_t width) {
    bool present = false;
    for (size_t l = 0; l < plan->shape.L; l++)
        present |= plan_slot_kind(plan, slot_of(plan, l, is_mlp)) != &norm_none;
    return present ? plan_grad(plan, plan->shape.B * plan->shape.T * width) : NULL;
}

Mid mid_plan(Plan *plan, const char *prefix, size_t block, bool is_mlp, size_t width, real *h,
             real *dh, real *shared) {
    const size_t R = plan->shape.B * plan->shape.T;
    char name[128];
    snprintf(name, sizeof name, "%s.norm_mid", prefix);
    Mid mid = {.m = h, .dm = dh};
    mid.norm =
        plan_norm(plan, (NormPlan){.name = name,
                                   .place = is_mlp ? NORM_PLACE_MLP : NORM_PLACE_ATTN,
                                   .block = block,
                                   .kind = plan_slot_kind(plan, slot_of(plan, block, is_mlp)),
                                   .rows = R,
                                   .C = width,
                                   .gamma = PARAM_GAMMA_IN,
                                   .start_gain = 1});
    if (mid_is_absent(&mid)) return mid;
    mid.m = plan_reals(plan, R * width);
    mid.dm = shared;
    mid.warm = wiring_is_warm(plan->wiring, plan->warm_slots, block, is_mlp, SLOT_MID);
    return mid;
}

static real gamma_scale(const Mid *mid, const Pass *pass) {
    return mid->warm ? pass->gamma : 1;
}

void mid_forward(const Mid *mid, const real *h, const Pass *pass) {
    norm_forward(&mid->norm, mid->m, h, gamma_scale(mid, pass), pass->B * pass->T);
}

void mid_backward(const Mid *mid, real *dh, const real *h, const Pass *pass) {
    norm_backward(&mid->norm, dh, mid->dm, h, gamma_scale(mid, pass), pass->B * pass->T, GRAD_SET);
}

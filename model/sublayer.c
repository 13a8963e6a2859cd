/* sublayer.c - see sublayer.h. The equations are in topologies.h, in the same order. */
#include "model/sublayer.h"

#include <stdio.h>

static bool absent(const Sublayer *sublayer, Slot slot) {
    return sublayer->norm[slot].kind == &norm_none;
}

static const Mid *mid_of(const Sublayer *sublayer) {
    return sublayer->is_mlp ? &sublayer->mlp.mid : &sublayer->attention.mid;
}

/* --- planning --- */

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
    for (CoefficientName name = 0; name < COEFFICIENTS; name++)
        shared->coefficient_sums[name] = coefficient_plan_sums(plan, name);
    attention_plan_shared(&shared->attention, plan);
    mlp_plan_shared(&shared->mlp, plan);
}

static void plan_norms(Sublayer *sublayer, Plan *plan, const char *prefix) {
    static const ParamKind GAMMA_KINDS[SLOTS] = {
        [SLOT_IN] = PARAM_GAMMA_IN, [SLOT_OUT] = PARAM_GAMMA_OUT, [SLOT_POST] = PARAM_GAMMA_OUT};
    const Shape s = plan->shape;
    const size_t block = sublayer->block;
    for (int slot = 0; slot < SLOTS; slot++) {
        bool out = slot == SLOT_OUT;
        char name[128];
        if (slot == SLOT_MID) continue; /* of the branch: mid.h */
        snprintf(name, sizeof name, "%s.norm_%s", prefix, slot_name(slot));
        sublayer->norm[slot] =
            plan_norm(plan, (NormPlan){.name = name,
                                       .place = sublayer->is_mlp ? NORM_PLACE_MLP : NORM_PLACE_ATTN,
                                       .block = block,
                                       .kind = plan_slot_kind(plan, sublayer->wiring->slot[slot]),
                                       .rows = s.B * s.T,
                                       .C = s.C,
                                       .gamma = GAMMA_KINDS[slot],
                                       .out_slot = out,
                                       .start_gain = out ? sublayer->wiring->out_gain : 1});
        sublayer->norm[slot].partials = plan->norm_partials[slot];
        sublayer->warm[slot] =
            wiring_is_warm(plan->wiring, plan->warm_slots, block, sublayer->is_mlp, (Slot)slot);
    }
}

static void plan_sites(Sublayer *sublayer) {
    sublayer->point = probe_sublayer(sublayer->block, sublayer->is_mlp);
    sublayer->sites[PROBE_STREAM] = sublayer->sites[PROBE_BRANCH] = true;
    sublayer->sites[PROBE_NORM_IN] = !absent(sublayer, SLOT_IN);
    sublayer->sites[PROBE_NORM_MID] = !mid_is_absent(mid_of(sublayer));
    sublayer->sites[PROBE_NORM_OUT] = !absent(sublayer, SLOT_OUT);
    sublayer->sites[PROBE_NORM_POST] = !absent(sublayer, SLOT_POST);
}

/* Whether a coefficient is a number, and which. */
static bool is_number(const SublayerWiring *wiring, CoefficientName name, double number) {
    return coefficient_is(&wiring->coefficient[name], number);
}

static void plan_coefficients(Sublayer *sublayer, Plan *plan, const char *prefix) {
    for (CoefficientName name = 0; name < COEFFICIENTS; name++) {
        sublayer->coefficient[name] =
            coefficient_plan(plan, prefix, name, &sublayer->wiring->coefficient[name],
                             sublayer->shared->coefficient_sums[name]);
    }
}

/* x has a buffer of its own where it is not the stream that the sublayer is given. */
static void plan_inputs(Sublayer *sublayer, Plan *plan) {
    const size_t n = plan->shape.B * plan->shape.T * plan->shape.C;
    const SublayerWiring *w = sublayer->wiring;
    const bool enters = !is_number(w, COEF_ENTER, 1) || !is_number(w, COEF_ENTER_X0, 0);
    sublayer->x = enters ? plan_reals(plan, n) : sublayer->input;
    if (!sublayer->x_block) sublayer->x_block = sublayer->x;
    if (!sublayer->r) sublayer->r = sublayer->x;
}

/* Activations that the backward pass needs have a buffer of their own: u for the weights of the
 * branch, b for the norm behind it, s for the post norm, and what a learned coefficient multiplies. */
static void plan_activations(Sublayer *sublayer, Plan *plan, bool has_u) {
    const size_t n = plan->shape.B * plan->shape.T * plan->shape.C;
    const SublayerShared *shared = sublayer->shared;
    const bool leaves = !is_number(sublayer->wiring, COEF_LEAVE, 1);
    const bool keeps_o = sublayer->coefficient[COEF_BRANCH].learn != LEARN_NOT;
    const bool keeps_b = keeps_o || !absent(sublayer, SLOT_OUT);
    sublayer->u = has_u ? plan_reals(plan, n) : (real *)sublayer->r;
    sublayer->b = keeps_b ? plan_reals(plan, n) : shared->b;
    sublayer->o = absent(sublayer, SLOT_OUT) ? sublayer->b
                  : keeps_o                  ? plan_reals(plan, n)
                                             : shared->o;
    sublayer->p = leaves ? plan_reals(plan, n) : sublayer->y;
    sublayer->s = absent(sublayer, SLOT_POST) ? sublayer->p : plan_reals(plan, n);
}

/* In attention x_block is x: a second gradient would be added to dx before the branch has read ds. */
bool sublayer_passes_through(const Plan *plan, const SublayerWiring *wiring, bool is_mlp) {
    return plan_slot_kind(plan, wiring->slot[SLOT_POST]) == &norm_none &&
           is_number(wiring, COEF_SKIP, 1) && (is_mlp || is_number(wiring, COEF_BLOCK_SKIP, 0));
}

/* Gradients that are equal share a buffer (aliasing), which saves a copy of (B,T,C) each:
 *
 *     ds = dy      without a post norm; else ds = dx where skip is 1 and dx is set here
 *     dout = ds    where the branch coefficient is the number 1   (choose_branch_grads)
 *     db = dout    without an out norm                 (choose_branch_grads)
 *     du = dr      where u is r; du is then added to, since dr has the gradient of the stream
 *
 * In the extreme (pre-LN, dropout off) dy, ds, dout, db and dx are one buffer. Invariant: a buffer
 * is written only after the last read of the gradient that it had. The branch is the one place
 * where both meet: it reads all of db before it writes du. */
static void plan_grads(Sublayer *sublayer, bool has_u) {
    const SublayerShared *shared = sublayer->shared;
    const SublayerWiring *w = sublayer->wiring;
    bool ds_is_dx = is_number(w, COEF_SKIP, 1) && sublayer->dx_write == GRAD_SET &&
                    (sublayer->is_mlp || is_number(w, COEF_BLOCK_SKIP, 0));
    sublayer->ds = absent(sublayer, SLOT_POST) ? sublayer->dy
                   : ds_is_dx                  ? sublayer->dx
                                               : shared->ds;
    sublayer->du = !has_u ? sublayer->dr : sublayer->is_mlp ? shared->du_mlp : shared->du_attn;
    if (!has_u) sublayer->du_write = GRAD_ADD;
}

/* The aliases that depend on the pass: branch-warmup changes the coefficient of o. Dropout changes
 * db in place, so db must not be the gradient of the stream then. */
static void choose_branch_grads(Sublayer *sublayer, double ramp) {
    const SublayerShared *shared = sublayer->shared;
    bool drops_ds = sublayer->dropout > 0 && absent(sublayer, SLOT_OUT);
    bool is_one = ramp == 1 && is_number(sublayer->wiring, COEF_BRANCH, 1);
    bool dout_is_ds = is_one && !sublayer->d && !drops_ds;
    sublayer->dout = dout_is_ds ? sublayer->ds : shared->dout;
    sublayer->db = absent(sublayer, SLOT_OUT) ? sublayer->dout : shared->db;
}

void sublayer_plan(Sublayer *sublayer, Plan *plan, const SublayerShared *shared, const char *prefix,
                   size_t block, bool is_mlp) {
    const BlockWiring *wiring = &plan->wiring->block[block];
    sublayer->wiring = is_mlp ? &wiring->mlp : &wiring->attn;
    sublayer->is_mlp = is_mlp;
    sublayer->block = block;
    sublayer->shared = shared;
    sublayer->C = plan->shape.C;
    sublayer->dropout = plan->options->dropout;
    sublayer->stream_precision = (Precision)plan->options->stream_precision;
    /* Every dropout of the model has its own id: the embedding 0, block l (from 0) 4l + 1 for the
     * output of attention, 4l + 2 for the attention probabilities, 4l + 3 for the MLP. */
    sublayer->dropout_id = (uint32_t)(4 * block + (is_mlp ? 3 : 1));
    plan_coefficients(sublayer, plan, prefix);
    plan_inputs(sublayer, plan);
    plan_norms(sublayer, plan, prefix);
    if (is_mlp)
        mlp_plan(&sublayer->mlp, plan, &shared->mlp, prefix, block);
    else
        attention_plan(&sublayer->attention, plan, &shared->attention, prefix, block,
                       sublayer->dropout_id + 1);
    plan_sites(sublayer);
    bool has_u = !absent(sublayer, SLOT_IN) || sublayer->wiring->gain != 1;
    plan_activations(sublayer, plan, has_u);
    plan_grads(sublayer, has_u);
}

/* --- what forward and backward share --- */

/* What multiplies a coefficient: branch-warmup and scaling that of o. */
static double ramp_of(const Sublayer *sublayer, CoefficientName name, const Pass *pass) {
    if (name != COEF_BRANCH) return 1;
    return branch_factor(&pass->branch, sublayer->block) * sublayer->wiring->branch_scale;
}

/* w of the norm in a slot. */
static real gamma_scale(const Sublayer *sublayer, Slot slot, const Pass *pass) {
    return sublayer->warm[slot] ? pass->gamma : 1;
}

static Dropout branch_dropout(const Sublayer *sublayer, const Pass *pass) {
    return (Dropout){pass->training ? sublayer->dropout : 0, pass->seed, pass->step, pass->micro,
                     sublayer->dropout_id};
}

/* Features of a token at a site. */
static size_t site_width(const Sublayer *sublayer, ProbeSite site) {
    return site == PROBE_NORM_MID ? mid_of(sublayer)->norm.C : sublayer->C;
}

static void record(const Sublayer *sublayer, ProbeSite site, const real *x, const Pass *pass) {
    const size_t R = pass->B * pass->T, C = site_width(sublayer, site);
    if (sublayer->sites[site]) probe_value(pass->probe, sublayer->point, site, x, R, pass->T, C);
}

/* To be called at the moment the gradient of the site is complete. */
static void record_gradient(const Sublayer *sublayer, ProbeSite site, const real *dx,
                            const Pass *pass) {
    const size_t R = pass->B * pass->T, C = site_width(sublayer, site);
    if (sublayer->sites[site])
        probe_gradient(pass->probe, sublayer->point, site, dx, R, pass->T, C);
}

/* --- the branch: b = f(u) --- */

static void branch_forward(Sublayer *sublayer, const Pass *pass) {
    if (sublayer->is_mlp)
        mlp_branch_forward(&sublayer->mlp, sublayer->b, sublayer->u, pass);
    else
        attention_branch_forward(&sublayer->attention, sublayer->b, sublayer->u, pass);
}

static void branch_backward(Sublayer *sublayer, const Pass *pass) {
    if (sublayer->is_mlp)
        mlp_branch_backward(&sublayer->mlp, sublayer->du, sublayer->db, sublayer->u,
                            sublayer->du_write, pass);
    else
        attention_branch_backward(&sublayer->attention, sublayer->du, sublayer->db, sublayer->u,
                                  sublayer->du_write, pass);
}

/* --- work on pieces of rows --- */

/* The rows (tokens) are independent of each other, so operations that follow each other run on one
 * piece of rows while it is in the cache, then on the next, see rows_share. */
typedef struct {
    const Sublayer *sublayer;
    const Pass *pass;
    Factor factors[COEFFICIENTS];
} RowsWork;

static RowsWork work_of(const Sublayer *sublayer, const Pass *pass) {
    RowsWork work = {.sublayer = sublayer, .pass = pass};
    for (CoefficientName name = 0; name < COEFFICIENTS; name++)
        work.factors[name] =
            coefficient_factor(&sublayer->coefficient[name], ramp_of(sublayer, name, pass));
    return work;
}

/* Rows first .. end-1 of y = or += c * x. */
static void multiply(const RowsWork *work, CoefficientName name, real *y, const real *x,
                     size_t first, size_t end, GradWrite write) {
    const size_t C = work->sublayer->C, at = first * C;
    factor_piece(y + at, x + at, work->factors[name], end - first, C, write);
}

/* For the gradient of c, from the gradient of c * x. */
static void sum_products(const RowsWork *work, CoefficientName name, size_t chunk, const real *dy,
                         const real *x, size_t first, size_t end) {
    const size_t at = first * work->sublayer->C;
    coefficient_sums_piece(&work->sublayer->coefficient[name], chunk, dy + at, x + at, end - first);
}

static void add_gradients(const Sublayer *sublayer, CoefficientName first, CoefficientName last,
                          const Pass *pass) {
    for (CoefficientName name = first; name <= last; name++)
        coefficient_gradient(&sublayer->coefficient[name], ramp_of(sublayer, name, pass));
}

/* --- the entry: from input to x, and from dx to the gradient of input --- */

static void enter_rows_forward(void *context, size_t chunk, size_t first, size_t end) {
    const RowsWork *work = context;
    const Sublayer *sub = work->sublayer;
    real *x = (real *)sub->x;
    (void)chunk;
    multiply(work, COEF_ENTER, x, sub->input, first, end, GRAD_SET);
    multiply(work, COEF_ENTER_X0, x, sub->x_0, first, end, GRAD_ADD);
    round_piece(x + first * sub->C, sub->stream_precision, (end - first) * sub->C);
}

static void enter_rows_backward(void *context, size_t chunk, size_t first, size_t end) {
    const RowsWork *work = context;
    const Sublayer *sub = work->sublayer;
    sum_products(work, COEF_ENTER, chunk, sub->dx, sub->input, first, end);
    sum_products(work, COEF_ENTER_X0, chunk, sub->dx, sub->x_0, first, end);
    multiply(work, COEF_ENTER_X0, sub->dx_0, sub->dx, first, end, GRAD_ADD);
    multiply(work, COEF_ENTER, sub->dx, sub->dx, first, end, GRAD_SET);
}

static void enter_forward(const Sublayer *sub, const Pass *pass) {
    if (sub->x == sub->input) return;
    RowsWork work = work_of(sub, pass);
    rows_share(enter_rows_forward, &work, pass->B * pass->T, sub->C);
}

static void enter_backward(const Sublayer *sub, const Pass *pass) {
    const size_t R = pass->B * pass->T;
    if (sub->x == sub->input) return;
    RowsWork work = work_of(sub, pass);
    rows_share(enter_rows_backward, &work, R, sub->C);
    add_gradients(sub, COEF_ENTER, COEF_ENTER_X0, pass);
    round_scaled(sub->dx, sub->stream_precision, stream_scale(pass), R * sub->C);
}

/* --- the residual connection: from b to y, and from dy to db --- */

/* Only a norm over the batch needs all rows first; with one, each operation runs over all rows in
 * turn. */
static bool needs_all_rows(const Sublayer *sublayer) {
    return norm_gathers(&sublayer->norm[SLOT_OUT]) || norm_gathers(&sublayer->norm[SLOT_POST]);
}

/* Rows first .. end-1 of s = skip x + branch o + block_skip x_block + x0 x_0, and d = d + dual o. */
static void residual_sum_forward(void *context, size_t chunk, size_t first, size_t end) {
    const RowsWork *work = context;
    const Sublayer *sub = work->sublayer;
    const Factor *f = work->factors;
    const size_t at = first * sub->C, n = (end - first) * sub->C;
    (void)chunk;
    if (f[COEF_SKIP].columns || f[COEF_BRANCH].columns || f[COEF_BLOCK_SKIP].columns) {
        multiply(work, COEF_BRANCH, sub->s, sub->o, first, end, GRAD_SET);
        multiply(work, COEF_SKIP, sub->s, sub->x, first, end, GRAD_ADD);
        multiply(work, COEF_BLOCK_SKIP, sub->s, sub->x_block, first, end, GRAD_ADD);
    } else {
        residual_piece(sub->s + at, sub->x + at, sub->o + at, sub->x_block + at, f[COEF_SKIP].a,
                       f[COEF_BRANCH].a, f[COEF_BLOCK_SKIP].a, n);
    }
    multiply(work, COEF_X0, sub->s, sub->x_0, first, end, GRAD_ADD);
    if (!sub->d) return;
    scaled_piece(sub->d + at, sub->o + at, (real)sub->wiring->dual, n, GRAD_ADD);
    round_piece(sub->d + at, sub->stream_precision, n);
}

/* Rows first .. end-1 of dx = or += skip ds, dx_block += block_skip ds, dx_0 += x0 ds and
 * dout = branch ds + dual dd. The sums for the coefficients come first: dx may be ds. */
static void residual_sum_backward(void *context, size_t chunk, size_t first, size_t end) {
    const RowsWork *work = context;
    const Sublayer *sub = work->sublayer;
    const size_t at = first * sub->C, n = (end - first) * sub->C;
    sum_products(work, COEF_SKIP, chunk, sub->ds, sub->x, first, end);
    sum_products(work, COEF_BRANCH, chunk, sub->ds, sub->o, first, end);
    sum_products(work, COEF_BLOCK_SKIP, chunk, sub->ds, sub->x_block, first, end);
    sum_products(work, COEF_X0, chunk, sub->ds, sub->x_0, first, end);
    if (sub->dx != sub->ds) multiply(work, COEF_SKIP, sub->dx, sub->ds, first, end, sub->dx_write);
    multiply(work, COEF_BLOCK_SKIP, sub->dx_block, sub->ds, first, end, GRAD_ADD);
    multiply(work, COEF_X0, sub->dx_0, sub->ds, first, end, GRAD_ADD);
    if (sub->dout != sub->ds) multiply(work, COEF_BRANCH, sub->dout, sub->ds, first, end, GRAD_SET);
    if (sub->d) scaled_piece(sub->dout + at, sub->dd + at, (real)sub->wiring->dual, n, GRAD_ADD);
}

/* Rows first .. end-1 of y = leave p. y is the stream, which is rounded to its precision. */
static void leave_rows_forward(void *context, size_t chunk, size_t first, size_t end) {
    const RowsWork *work = context;
    const Sublayer *sub = work->sublayer;
    (void)chunk;
    if (sub->y != sub->p) multiply(work, COEF_LEAVE, sub->y, sub->p, first, end, GRAD_SET);
    round_piece(sub->y + first * sub->C, sub->stream_precision, (end - first) * sub->C);
}

/* From dy to the gradient of p, in place. */
static void leave_rows_backward(void *context, size_t chunk, size_t first, size_t end) {
    const RowsWork *work = context;
    const Sublayer *sub = work->sublayer;
    if (sub->y == sub->p) return;
    sum_products(work, COEF_LEAVE, chunk, sub->dy, sub->p, first, end);
    if (sub->coefficient[COEF_LEAVE].learn != LEARN_SHRINK)
        multiply(work, COEF_LEAVE, sub->dy, sub->dy, first, end, GRAD_SET);
}

/* Rows first .. end-1 of a norm of this sublayer; its backward pass writes the gradient. */
static NormSpan span_of(const RowsWork *work, Slot slot, size_t first, size_t end) {
    return (NormSpan){first, end, gamma_scale(work->sublayer, slot, work->pass), GRAD_SET};
}

/* Rows first .. end-1 of o = N_out(b), the sums, p = N_post(s) and y. */
static void residual_rows_forward(void *context, size_t chunk, size_t first, size_t end) {
    const RowsWork *work = context;
    const Sublayer *sub = work->sublayer;
    norm_forward_piece(&sub->norm[SLOT_OUT], sub->o, sub->b, span_of(work, SLOT_OUT, first, end));
    residual_sum_forward(context, chunk, first, end);
    norm_forward_piece(&sub->norm[SLOT_POST], sub->p, sub->s, span_of(work, SLOT_POST, first, end));
    leave_rows_forward(context, chunk, first, end);
}

/* Rows first .. end-1 of ds, the gradients of the sums, and db. */
static void residual_rows_backward(void *context, size_t chunk, size_t first, size_t end) {
    const RowsWork *work = context;
    const Sublayer *sub = work->sublayer;
    leave_rows_backward(context, chunk, first, end);
    norm_backward_piece(&sub->norm[SLOT_POST], chunk, sub->ds, sub->dy, sub->s,
                        span_of(work, SLOT_POST, first, end));
    residual_sum_backward(context, chunk, first, end);
    norm_backward_piece(&sub->norm[SLOT_OUT], chunk, sub->db, sub->dout, sub->b,
                        span_of(work, SLOT_OUT, first, end));
}

static void residual_forward(const Sublayer *sub, const Pass *pass) {
    const size_t R = pass->B * pass->T;
    const real w_out = gamma_scale(sub, SLOT_OUT, pass), w_post = gamma_scale(sub, SLOT_POST, pass);
    RowsWork work = work_of(sub, pass);
    if (!needs_all_rows(sub)) {
        rows_share(residual_rows_forward, &work, R, sub->C);
        return;
    }
    norm_forward(&sub->norm[SLOT_OUT], sub->o, sub->b, w_out, R);
    rows_share(residual_sum_forward, &work, R, sub->C);
    norm_forward(&sub->norm[SLOT_POST], sub->p, sub->s, w_post, R);
    rows_share(leave_rows_forward, &work, R, sub->C);
}

static void residual_backward(Sublayer *sub, const Pass *pass) {
    const size_t R = pass->B * pass->T;
    const real w_out = gamma_scale(sub, SLOT_OUT, pass), w_post = gamma_scale(sub, SLOT_POST, pass);
    RowsWork work = work_of(sub, pass);
    choose_branch_grads(sub, ramp_of(sub, COEF_BRANCH, pass));
    if (!needs_all_rows(sub)) {
        rows_share(residual_rows_backward, &work, R, sub->C);
        norm_sum(&sub->norm[SLOT_POST], w_post);
        norm_sum(&sub->norm[SLOT_OUT], w_out);
    } else {
        rows_share(leave_rows_backward, &work, R, sub->C);
        norm_backward(&sub->norm[SLOT_POST], sub->ds, sub->dy, sub->s, w_post, R, GRAD_SET);
        rows_share(residual_sum_backward, &work, R, sub->C);
        norm_backward(&sub->norm[SLOT_OUT], sub->db, sub->dout, sub->b, w_out, R, GRAD_SET);
    }
    add_gradients(sub, COEF_SKIP, COEF_LEAVE, pass);
}

/* --- forward --- */

void sublayer_forward(Sublayer *sublayer, const Pass *pass) {
    const size_t R = pass->B * pass->T, n = R * sublayer->C;
    const Dropout dropout = branch_dropout(sublayer, pass);
    enter_forward(sublayer, pass);
    record(sublayer, PROBE_STREAM, sublayer->x, pass);
    norm_forward(&sublayer->norm[SLOT_IN], sublayer->u, sublayer->r,
                 gamma_scale(sublayer, SLOT_IN, pass), R);
    scale(sublayer->u, (real)sublayer->wiring->gain, n);
    record(sublayer, PROBE_NORM_IN, sublayer->u, pass);
    branch_forward(sublayer, pass);
    record(sublayer, PROBE_NORM_MID, mid_of(sublayer)->m, pass);
    dropout_apply(sublayer->b, &dropout, n);
    round_scaled(sublayer->b, sublayer->stream_precision, 1, n);
    residual_forward(sublayer, pass);
    record(sublayer, PROBE_BRANCH, sublayer->b, pass);
    record(sublayer, PROBE_NORM_OUT, sublayer->o, pass);
    record(sublayer, PROBE_NORM_POST, sublayer->y, pass);
}

/* --- backward --- */

void sublayer_backward(Sublayer *sublayer, const Pass *pass) {
    const size_t R = pass->B * pass->T, n = R * sublayer->C;
    const Dropout dropout = branch_dropout(sublayer, pass);
    record_gradient(sublayer, PROBE_NORM_POST, sublayer->dy, pass);
    residual_backward(sublayer, pass);
    record_gradient(sublayer, PROBE_NORM_OUT, sublayer->dout, pass);
    record_gradient(sublayer, PROBE_BRANCH, sublayer->db, pass);
    dropout_apply(sublayer->db, &dropout, n);
    branch_backward(sublayer, pass);
    record_gradient(sublayer, PROBE_NORM_MID, mid_of(sublayer)->dm, pass);
    record_gradient(sublayer, PROBE_NORM_IN, sublayer->du, pass);
    scale(sublayer->du, (real)sublayer->wiring->gain, n);
    norm_backward(&sublayer->norm[SLOT_IN], sublayer->dr, sublayer->du, sublayer->r,
                  gamma_scale(sublayer, SLOT_IN, pass), R, GRAD_ADD);
    round_scaled(sublayer->dx, sublayer->stream_precision, stream_scale(pass), n);
    record_gradient(sublayer, PROBE_STREAM, sublayer->dx, pass);
    enter_backward(sublayer, pass);
}

/* model_plan.c - the size of a model and its memory: counted, then bound. See model.h.
 *
 * One idea: plan_model asks for every parameter and buffer in the order of the data flow. It runs
 * once to count and once to bind. Read next: model.c, which runs what was planned. */
#include "model/model.h"
#include "model/pattern.h"
#include "model/removal.h"

#include <math.h>
#include <stdio.h>

/* --- sizes --- */

static Shape shape_of(const ModelOptions *o, size_t V, size_t batch) {
    return (Shape){
        .B = batch,
        .T = o->context,
        .C = o->d_model,
        .L = o->n_layer,
        .NH = o->n_head,
        .NKV = o->n_kv_head ? o->n_kv_head : o->n_head,
        .HS = options_head_dim(o),
        .F = o->d_ff ? o->d_ff : mlp_width(mlp_kind(o->mlp), o->d_model),
        .V = V,
    };
}

static bool sizes_fit(const ModelOptions *o, char *error, size_t size) {
    const size_t head = options_head_dim(o), width = options_rope_width(o);
    const double wanted = o->rope_fraction * (double)head;
    if (!o->head_dim && o->d_model % o->n_head) {
        snprintf(error, size, "model.n_head = %zu does not divide model.d_model = %zu", o->n_head,
                 o->d_model);
    } else if (o->n_kv_head && o->n_head % o->n_kv_head) {
        snprintf(error, size, "model.n_kv_head = %zu does not divide model.n_head = %zu",
                 o->n_kv_head, o->n_head);
    } else if (o->position == POSITION_ROPE && head % 2) {
        snprintf(error, size, "model.position rope needs an even head size, but %s = %zu",
                 o->head_dim ? "model.head_dim" : "model.d_model / model.n_head", head);
    } else if (o->position == POSITION_ROPE &&
               (width % 2 || !width || fabs(wanted - (double)width) > 1e-9)) {
        snprintf(error, size,
                 "model.rope_fraction = %.9g of the %zu features of a head is %.9g, which must be "
                 "an even integer above 0",
                 o->rope_fraction, head, wanted);
    } else if (o->rope_factor != 1 && o->rope_high_freq <= o->rope_low_freq) {
        snprintf(error, size,
                 "model.rope_high_freq = %.9g must be above model.rope_low_freq = %.9g",
                 o->rope_high_freq, o->rope_low_freq);
    } else {
        return true;
    }
    return false;
}

bool model_check(const ModelOptions *options, char *error, size_t size) {
    Wiring wiring;
    if (!sizes_fit(options, error, size)) return false;
    if (!options_check_bias(options, error, size)) return false;
    if (!pattern_check_rope(options, error, size)) return false;
    if (!pattern_check_window(options, error, size)) return false;
    if (!wiring_resolve(&wiring, options, error, size)) return false;
    wiring_free(&wiring);
    return !options->removal.order || removal_check(&options->removal, error, size);
}

/* --- plan --- */

/* A norm outside of the blocks, where the model has it. */
static Norm plan_norm_outside(Plan *plan, const char *name, NormPlace place, bool present) {
    const Shape s = plan->shape;
    return plan_norm(plan,
                     (NormPlan){.name = name,
                                .place = place,
                                .kind = plan_slot_kind(plan, present ? SLOT_NORM : SLOT_ABSENT),
                                .rows = s.B * s.T,
                                .C = s.C,
                                .gamma = PARAM_GAMMA,
                                .start_gain = 1});
}

static void plan_embedding(Model *model, Plan *plan) {
    const Shape s = plan->shape;
    const size_t n = s.B * s.T * s.C;
    const double std = options_embed_std(plan->options);
    plan_group(plan, GROUP_EMBEDDING);
    model->tok_emb = plan->options->tie_embeddings
                         ? params_matrix(plan->params, "tok_emb.weight", s.V, s.C, std, 0, 0)
                         : params_table(plan->params, "tok_emb.weight", s.V, s.C, std);
    plan_scaled(plan, TENSOR_EMBEDDING);
    model->pos_emb = (ParamRef){NULL, NULL};
    if (plan->options->position == POSITION_LEARNED) {
        model->pos_emb = params_table(plan->params, "pos_emb.weight", s.T, s.C, std);
        plan_scaled(plan, TENSOR_EMBEDDING);
    }
    model->embed_norm =
        plan_norm_outside(plan, "emb_norm", NORM_PLACE_EMB, plan->wiring->embed_norm);
    bool absent = model->embed_norm.kind == &norm_none;
    model->e = plan_reals(plan, n);
    model->x0 = absent ? model->e : plan_reals(plan, n);
    bool dual = plan->wiring->final == FINAL_DUAL; /* not model->d, which is NULL while counting */
    model->d = dual ? plan_reals(plan, n) : NULL;
    plan_group(plan, GROUP_SHARED);
    for (int i = 0; i < 3; i++) model->dstream[i] = plan_grad(plan, n);
    model->de = absent ? model->dstream[0] : plan_grad(plan, n);
    model->dd = dual ? plan_grad(plan, n) : NULL;
    model->dx_0 = wiring_reads_x0(plan->wiring) ? plan_grad(plan, n) : NULL;
}

/* Gradients of the stream rotate through three buffers. Within a block, up to three are needed at
 * one time: of its input, of the sum between its sublayers, and of its output.
 *
 *     forward       x_block --- attn ---> x --- mlp ---> y
 *     gradients       din                dmiddle        dout
 *     backward        din <--- attn --- dmiddle <- mlp - dout
 *
 * The backward pass of a sublayer reads the buffer on its right and writes the one on its left.
 * The right one is free afterwards, so the next step to the left may take it:
 *
 *     block     din  dmiddle  dout
 *     1          0      1      2
 *     2          2      0      1      dout of a block is din of the next
 *     3          1      2      0
 *
 * A sublayer that the stream passes through unchanged (skip 1, no post norm: all of pre-LN) adds to
 * the gradient in place and needs no second buffer. Not so for attention with early_grads: the MLP
 * adds to din while dmiddle is still in use, so these two must differ.
 * Invariant: din of block 1 is buffer 0, model->dstream[0]. */
typedef struct {
    size_t in, middle, out; /* indices of model->dstream */
} GradBuffers;

static GradBuffers grad_buffers(const Plan *plan, const BlockWiring *wiring, bool early_grads,
                                size_t in) {
    bool attn_in_place = !early_grads && sublayer_passes_through(plan, &wiring->attn, false);
    bool mlp_in_place = sublayer_passes_through(plan, &wiring->mlp, true);
    const size_t middle = attn_in_place ? in : (in + 1) % 3;
    return (GradBuffers){in, middle, mlp_in_place ? middle : (middle + 1) % 3};
}

/* `grad` is the index of din, and afterwards that of dout. */
static void plan_block(Model *model, Plan *plan, size_t l, size_t *grad) {
    const BlockWiring *wiring = &plan->wiring->block[l];
    Block *block = &model->block[l];
    block->early_grads = wiring->mlp.read != READ_STREAM ||
                         !coefficient_is(&wiring->mlp.coefficient[COEF_BLOCK_SKIP], 0);
    const GradBuffers at = grad_buffers(plan, wiring, block->early_grads, *grad);
    const GradWrite attn_write = block->early_grads ? GRAD_ADD : GRAD_SET;
    *grad = at.out;
    const size_t n = plan->shape.B * plan->shape.T * plan->shape.C;
    plan_group(plan, GROUP_ATTENTION);
    const ArenaMark mark = arena_overlay_begin(plan->arena);
    real *din = model->dstream[at.in], *dmiddle = model->dstream[at.middle];
    char prefix[64];
    block->sites_begin = plan->n_sites;
    block->attn = (Sublayer){.input = l ? model->block[l - 1].y : model->x0,
                             .x_0 = model->x0,
                             .d = model->d,
                             .dd = model->dd,
                             .dx_0 = model->dx_0,
                             .dx = din,
                             .dx_block = din,
                             .dr = din,
                             .y = plan_reals(plan, n),
                             .dy = dmiddle,
                             .dx_write = attn_write,
                             .du_write = attn_write};
    snprintf(prefix, sizeof prefix, "blocks.%zu.attn", l);
    sublayer_plan(&block->attn, plan, &model->shared, prefix, l, false);

    plan_group(plan, GROUP_MLP);
    const real *x_block = block->attn.x;
    const real *reads[] = {
        [READ_STREAM] = NULL, [READ_BLOCK] = x_block, [READ_SHARED] = block->attn.u};
    real *dreads[] = {[READ_STREAM] = dmiddle, [READ_BLOCK] = din, [READ_SHARED] = block->attn.du};
    block->mlp = (Sublayer){.input = block->attn.y,
                            .x_0 = model->x0,
                            .x_block = x_block,
                            .r = reads[wiring->mlp.read],
                            .d = model->d,
                            .dd = model->dd,
                            .dx_0 = model->dx_0,
                            .dx = dmiddle,
                            .dx_block = din,
                            .dr = dreads[wiring->mlp.read],
                            .y = block->y,
                            .dy = model->dstream[at.out],
                            .dx_write = GRAD_SET,
                            .du_write = GRAD_SET};
    snprintf(prefix, sizeof prefix, "blocks.%zu.mlp", l);
    sublayer_plan(&block->mlp, plan, &model->shared, prefix, l, true);
    block->sites_end = plan->n_sites;
    plan_group(plan, GROUP_SHARED);
    if (plan->recompute) arena_overlay_next(plan->arena, mark);
}

static void plan_blocks(Model *model, Plan *plan, size_t *grad) {
    const Shape s = plan->shape;
    plan_group(plan, GROUP_MLP);
    for (size_t l = 0; l < s.L; l++) model->block[l].y = plan_reals(plan, s.B * s.T * s.C);
    for (size_t l = 0; l < s.L; l++) plan_block(model, plan, l, grad);
    if (plan->recompute) arena_overlay_end(plan->arena);
}

static void plan_head(Model *model, Plan *plan, size_t grad) {
    const Shape s = plan->shape;
    const size_t n = s.B * s.T * s.C;
    plan_group(plan, GROUP_HEAD);
    model->final_norm =
        plan_norm_outside(plan, "final_norm", NORM_PLACE_FINAL, plan->wiring->final_norm);
    bool h_is_x = plan->wiring->final != FINAL_DUAL && model->final_norm.kind == &norm_none;
    model->x = model->block[s.L - 1].y;
    model->dx = model->dstream[grad];
    model->h = h_is_x ? (real *)model->x : plan_reals(plan, n);
    model->dh = h_is_x ? model->dx : plan_grad(plan, n);
    model->z = plan->wiring->scaling.logits == 1 ? model->h : plan_reals(plan, n);
    model->head = model->tok_emb;
    if (!plan->options->tie_embeddings) {
        model->head =
            params_matrix(plan->params, "head.weight", s.V, s.C, plan->options->init_std, 0, 0);
        plan_scaled(plan, TENSOR_HEAD);
    }
    model->head_bias = (ParamRef){NULL, NULL};
    if (plan->options->head_bias) {
        model->head_bias = plan_vector(plan, "head", "bias", PARAM_BIAS, s.V, 0);
        plan_scaled(plan, TENSOR_OUTER_VECTOR);
    }
    model->losses = arena_take(plan->arena, s.B * s.T, sizeof(double));
    model->logits = plan_reals(plan, s.V);
    model->head_scratch =
        plan_reals(plan, head_scratch(s.B * s.T, s.V, plan->options->softcap_logits > 0));
}

/* The most features of a vector that a norm of the model sees. */
static size_t widest_norm(const Shape *s, const Wiring *wiring) {
    size_t widest = s->NH * s->HS > s->C ? s->NH * s->HS : s->C;
    for (size_t l = 0; l < s->L; l++) {
        bool hidden = wiring->block[l].mlp.slot[SLOT_MID] != SLOT_ABSENT;
        if (hidden && s->F > widest) widest = s->F;
    }
    return widest;
}

/* The most norms that a model can have: of the embedding, the blocks and the head. */
static size_t max_sites(size_t L) {
    return 2 + size_mul(BLOCK_SITES, L);
}

static void plan_model(Model *model, GroupSize size[GROUPS]) {
    Plan plan = {.options = &model->options,
                 .wiring = &model->wiring,
                 .shape = model->shape,
                 .training = model->use != MODEL_FORWARD,
                 .recompute = model->use == MODEL_RECOMPUTE,
                 .warm_slots = model->warmup.steps ? model->warmup.slots : 0,
                 .params = &model->params,
                 .arena = &model->arena,
                 .group = GROUP_SHARED,
                 .size = size,
                 .site = model->site,
                 .norm_mode = &model->norm_mode};
    const size_t widest = widest_norm(&model->shape, &model->wiring);
    const size_t of_norm = norm_partials(norm_kind(model->options.norm), widest);
    const size_t of_scale = norm_partials(&norm_scale, widest);
    const size_t partials = of_norm > of_scale ? of_norm : of_scale;
    size_t grad = 0;
    for (int slot = 0; slot < SLOTS; slot++)
        plan.norm_partials[slot] = slot == SLOT_MID ? NULL : plan_grad(&plan, partials);
    plan_embedding(model, &plan);
    sublayer_plan_shared(&model->shared, &plan);
    plan_blocks(model, &plan, &grad);
    plan_head(model, &plan, grad);
    plan_group(&plan, GROUP_SHARED);
    model->n_sites = plan.n_sites;
}

/* Keys that a query of T tokens reads on average: half of them, or fewer with a window w: the mean of
 * min(t, w) over 0 <= t <= T. */
static double keys_per_query(double T, double w) {
    return w > 0 ? w - w * w / (2 * T) : T / 2;
}

/* A model that is counted but not allocated; NULL with a sentence in `error`. size_mul checks the
 * largest sizes here for overflow, because the planner multiplies sizes without a check. */
static Model *model_plan(const ModelOptions *options, const GammaWarmup *warmup, size_t V,
                         size_t batch, ModelUse use, ModelSize *size, char *error,
                         size_t error_size) {
    Model *model = mem_alloc(sizeof *model);
    model->options = *options;
    model->warmup = *warmup;
    model->use = use;
    model->shape = shape_of(options, V, batch);
    if (!wiring_resolve(&model->wiring, options, error, error_size)) {
        mem_free(model);
        return NULL;
    }
    const Shape *s = &model->shape;
    size_t R = size_mul(s->B, s->T), widths[] = {s->C, s->F, (s->NH + 2 * s->NKV) * s->HS};
    for (size_t i = 0; i < sizeof widths / sizeof *widths; i++) {
        size_mul(size_mul(R, widths[i]), sizeof(real));
    }
    *size = (ModelSize){.shape = *s, .training = use != MODEL_FORWARD};
    if (options->position == POSITION_LEARNED) size->positions = s->T * s->C;
    for (size_t l = 0; l < s->L; l++)
        size->keys += keys_per_query((double)s->T, (double)model->wiring.block[l].window);
    model->block = mem_alloc(size_mul(s->L, sizeof(Block)));
    model->site = mem_alloc(size_mul(max_sites(s->L), sizeof(NormSite)));
    plan_model(model, size->group);
    size->statistics = model->params.statistics;
    size->moments = size->training ? 2 * size_total(size).weights : 0;
    size->linear = params_linear_size(&model->params);
    return model;
}

bool model_measure(ModelSize *size, const ModelOptions *options, const GammaWarmup *warmup,
                   size_t V, size_t batch, ModelUse use, char *error, size_t error_size) {
    Model *model = model_plan(options, warmup, V, batch, use, size, error, error_size);
    model_free(model);
    return model != NULL;
}

Model *model_create(const ModelOptions *options, const GammaWarmup *warmup, size_t V, size_t batch,
                    ModelUse use) {
    char error[512];
    ModelSize size;
    GroupSize second_pass[GROUPS] = {0};
    Model *model = model_plan(options, warmup, V, batch, use, &size, error, sizeof error);
    if (!model) die(EXIT_USAGE, "%s", error);
    size.moments = 0; /* the optimizer allocates them */
    if (!size_fits(&size, 0, error, sizeof error)) die(EXIT_USAGE, "%s", error);
    params_bind(&model->params, use != MODEL_FORWARD);
    arena_bind(&model->arena);
    plan_model(model, second_pass);
    if (!options->removal.start) return model;
    for (size_t i = 0; i < model->n_sites; i++) norm_site_reserve(&model->site[i], model->shape.T);
    model->scale_sums = mem_alloc(size_mul(model->n_sites + 1, sizeof(ScaleSums)));
    return model;
}

void model_free(Model *model) {
    if (!model) return;
    params_free(&model->params);
    arena_free(&model->arena);
    wiring_free(&model->wiring);
    mem_free(model->block);
    for (size_t i = 0; i < model->n_sites; i++) norm_site_free(&model->site[i]);
    mem_free(model->site);
    mem_free(model->scale_sums);
    mem_free(model);
}

void model_init(Model *model, uint32_t seed) {
    params_init(&model->params, seed);
}

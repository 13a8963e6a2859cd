/* model.c - see model.h. */
#include "model/model.h"
#include "model/removal.h"

#include <stdio.h>

/* --- bookkeeping: what is recorded beside the equations --- */

static void record(const Model *model, size_t point, ProbeSite site, const real *x,
                   const Pass *pass) {
    probe_value(pass->probe, point, site, x, pass->B * pass->T, pass->T, model->shape.C);
}

static void record_gradient(const Model *model, size_t point, ProbeSite site, const real *dx,
                            const Pass *pass) {
    probe_gradient(pass->probe, point, site, dx, pass->B * pass->T, pass->T, model->shape.C);
}

/* Adds 1/r of the active norms begin .. end-1 to the sums of the step. */
static void sum_scales(const Model *model, size_t begin, size_t end, const Pass *pass) {
    for (size_t i = begin; i < end; i++) {
        if (pass->scale_sums && !norm_site_is_frozen(&model->site[i]))
            norm_site_observe(&model->site[i], &pass->scale_sums[i], pass->B, pass->T);
    }
}

static bool has_final_norm(const Model *model) {
    return model->final_norm.kind != &norm_none;
}

/* The precision of matrix multiplications of the model, in everything that may come first. */
static void set_precision(const Model *model) {
    ops_set_precision((Precision)model->options.precision);
}

static Precision stream_precision(const Model *model) {
    return (Precision)model->options.stream_precision;
}

/* Tells the norms which mode the pass has, and at which position of the sequence it begins: the
 * constants of frozen norms depend on the position. */
static void forward_begin(Model *model, const Pass *pass) {
    set_precision(model);
    model->norm_mode =
        (NormMode){.training = pass->training, .observes = pass->training && !pass->repeats};
    for (size_t i = 0; i < model->n_sites; i++)
        model->site[i].frozen.first = pass->past * model->site[i].per_token;
}

/* Records what is outside of the blocks, from buffers that no block writes. */
static void forward_end(const Model *model, const Pass *pass) {
    const Block *first = &model->block[0], *last = &model->block[model->shape.L - 1];
    const size_t final = probe_final(model->shape.L);
    sum_scales(model, 0, first->sites_begin, pass);
    sum_scales(model, last->sites_end, model->n_sites, pass);
    record(model, probe_embedding(), PROBE_STREAM, model->x0, pass);
    record(model, final, PROBE_STREAM, model->x, pass);
    if (has_final_norm(model)) record(model, final, PROBE_NORM_IN, model->h, pass);
}

/* --- forward --- */

static Dropout embedding_dropout(const Model *model, const Pass *pass) {
    return (Dropout){pass->training ? model->options.dropout : 0, pass->seed, pass->step,
                     pass->micro, 0};
}

static real embed_scale(const Model *model) {
    return (real)options_embed_scale(&model->options);
}

/* 1/m_N of model.scaling. It scales the input of the head, as embed_scale scales that of the blocks. */
static real logit_scale(const Model *model) {
    return (real)model->wiring.scaling.logits;
}

/* The rows of pos_emb from the first position of the pass on; NULL without a position embedding. */
static const real *positions(const Model *model, const Pass *pass) {
    return model->pos_emb.value ? model->pos_emb.value + pass->past * model->shape.C : NULL;
}

/* The sums of its norms are taken here, because with recomputation the next block overwrites the
 * statistics. */
static void block_forward(const Model *model, Block *block, const Pass *pass) {
    sublayer_forward(&block->attn, pass);
    sublayer_forward(&block->mlp, pass);
    sum_scales(model, block->sites_begin, block->sites_end, pass);
}

void model_forward(Model *model, const Pass *pass) {
    const size_t C = model->shape.C, R = pass->B * pass->T, n = R * C;
    const Dropout dropout = embedding_dropout(model, pass);
    real *const x0 = model->x0, *const d = model->d, *const h = model->h;
    forward_begin(model, pass);

    embedding_forward(model->e, pass->tokens, model->tok_emb.value, positions(model, pass), pass->B,
                      pass->T, C);
    scale(model->e, embed_scale(model), n);
    norm_forward(&model->embed_norm, x0, model->e, 1, R);
    dropout_apply(x0, &dropout, n);
    round_scaled(x0, stream_precision(model), 1, n);
    if (d) copy(d, x0, n);
    for (size_t l = 0; l < model->shape.L; l++) block_forward(model, &model->block[l], pass);
    norm_forward(&model->final_norm, h, d ? d : model->x, 1, R);
    if (d) add_scaled(h, model->x, 1, n);
    if (model->z != h) {
        copy(model->z, h, n);
        scale(model->z, logit_scale(model), n);
    }

    forward_end(model, pass);
}

/* --- loss --- */

static HeadWeights head_weights(const Model *model) {
    return (HeadWeights){.w = model->head.value,
                         .bias = model->head_bias.value,
                         .softcap = (real)model->options.softcap_logits};
}

double model_loss(Model *model, const Pass *pass) {
    const size_t R = pass->B * pass->T;
    set_precision(model);
    head_loss(model->losses, pass->training ? model->dh : NULL,
              (HeadGrads){model->head.grad, model->head_bias.grad}, model->z, head_weights(model),
              pass->targets, model->head_scratch, pass->grad_scale, R, model->shape.C,
              model->shape.V, params_grad_write(&model->params));
    if (pass->training && model->z != model->h)
        scale(model->dh, logit_scale(model), R * model->shape.C);
    double total = 0;
    for (size_t r = 0; r < R; r++) total += model->losses[r];
    return total;
}

/* --- backward --- */

/* From dh to dx and dd, the gradients of the streams behind the last block. */
static void final_backward(Model *model, const Pass *pass) {
    const size_t R = pass->B * pass->T, n = R * model->shape.C, final = probe_final(model->shape.L);
    if (has_final_norm(model)) record_gradient(model, final, PROBE_NORM_IN, model->dh, pass);
    if (model->d) copy(model->dx, model->dh, n);
    norm_backward(&model->final_norm, model->d ? model->dd : model->dx, model->dh,
                  model->d ? model->d : model->x, 1, R, GRAD_SET);
    round_scaled(model->dx, stream_precision(model), stream_scale(pass), n);
    if (model->d) round_scaled(model->dd, stream_precision(model), stream_scale(pass), n);
    record_gradient(model, final, PROBE_STREAM, model->dx, pass);
}

/* Restores the activations of a block that later blocks have overwritten. It adds to the second
 * stream once more, which nothing reads any longer. */
static void block_recompute(const Model *model, Block *block, const Pass *pass) {
    Pass again = *pass;
    again.probe = NULL;
    again.peaks = NULL;
    again.first_sums = NULL;
    again.scale_sums = NULL;
    block_forward(model, block, &again);
}

static void block_backward(Block *block, const Pass *pass) {
    const size_t n = pass->B * pass->T * block->attn.C;
    if (block->early_grads) {
        zero(block->attn.dx, n);
        if (block->attn.du != block->attn.dr) zero(block->attn.du, n);
    }
    sublayer_backward(&block->mlp, pass);
    sublayer_backward(&block->attn, pass);
}

void model_backward(Model *model, const Pass *given) {
    Pass with_grads = *given, *pass = &with_grads;
    const size_t C = model->shape.C, L = model->shape.L, R = pass->B * pass->T, n = R * C;
    const Dropout dropout = embedding_dropout(model, pass);
    real *const dx0 = model->dstream[0];
    pass->grads = params_grad_write(&model->params);
    set_precision(model);
    model->norm_mode.observes = false; /* recomputation must not update running statistics again */

    if (model->dx_0) zero(model->dx_0, n);
    final_backward(model, pass);
    for (size_t l = L; l-- > 0;) {
        bool overwritten = model->use == MODEL_RECOMPUTE && l + 1 < L;
        if (overwritten) block_recompute(model, &model->block[l], pass);
        block_backward(&model->block[l], pass);
    }
    if (model->d) add_scaled(dx0, model->dd, 1, n);
    if (model->dx_0) add_scaled(dx0, model->dx_0, 1, n);
    if (model->d || model->dx_0) round_scaled(dx0, stream_precision(model), stream_scale(pass), n);
    record_gradient(model, probe_embedding(), PROBE_STREAM, dx0, pass);
    dropout_apply(dx0, &dropout, n);
    norm_backward(&model->embed_norm, model->de, dx0, model->e, 1, R, GRAD_SET);
    scale(model->de, embed_scale(model), n);
    embedding_backward(model->tok_emb.grad, model->pos_emb.grad, model->de, pass->tokens, pass->B,
                       pass->T, C);

    params_written(&model->params);
}

double model_train(Model *model, const Pass *pass) {
    model_forward(model, pass);
    double total = model_loss(model, pass);
    model_backward(model, pass);
    return total;
}

/* --- norm removal --- */

void model_remove_norms(Model *model, size_t steps) {
    const NormRemoval *removal = &model->options.removal;
    for (size_t i = 0; i < model->n_sites; i++) {
        NormSite *site = &model->site[i];
        norm_site_thaw(site);
        if (steps >= removal_after(removal, site->group))
            norm_site_remove(site, model->shape.T, removal->first_apart);
    }
}

void model_reset_scale_sums(Model *model) {
    for (size_t i = 0; model->scale_sums && i < model->n_sites; i++)
        model->scale_sums[i] = (ScaleSums){.sum = {0}};
}

/* The sums of a frozen norm are empty: 0/0 is not finite and leaves its running mean as it is. */
void model_update_running_scales(Model *model) {
    const double decay = model->options.removal.average;
    for (size_t i = 0; model->scale_sums && i < model->n_sites; i++)
        norm_site_update_running(&model->site[i], &model->scale_sums[i], decay);
}

/* --- sampling --- */

real *model_logits(Model *model, size_t t) {
    set_precision(model);
    head_logits(model->logits, model->z, head_weights(model), t, model->shape.C, model->shape.V);
    return model->logits;
}

/* model.c - see model.h. */
#include "model/model.h"
#include "model/removal.h"

#include <stdio.h>

/* --- forward, loss, backward --- */

static bool has_final_norm(const Model *model) {
    return model->final_norm.kind != &norm_none;
}

static void see(const Model *model, size_t place, Site site, const real *x, const Pass *pass) {
    probe_value(pass->probe, place, site, x, pass->B * pass->T, pass->T, model->shape.C);
}

static void see_gradient(const Model *model, size_t place, Site site, const real *dx,
                         const Pass *pass) {
    probe_gradient(pass->probe, place, site, dx, pass->B * pass->T, pass->T, model->shape.C);
}

static Dropout embedding_dropout(const Model *model, const Pass *pass) {
    return (Dropout){pass->training ? model->options.dropout : 0, pass->seed, pass->step,
                     pass->micro, 0};
}

/* Notes the statistics of the norms from `*first` to `end`, and goes on behind them. Those of a
 * block must be read before the next one runs, which may write them where these stand. */
static void observe(const Model *model, size_t *first, size_t end, const Pass *pass) {
    for (; *first < end; ++*first) {
        if (pass->seen && !norm_site_is_frozen(&model->site[*first]))
            norm_site_observe(&model->site[*first], &pass->seen[*first], pass->B, pass->T);
    }
}

static void block_forward(Block *block, const Pass *pass) {
    sublayer_forward(&block->attn, pass);
    sublayer_forward(&block->mlp, pass);
}

void model_forward(Model *model, const Pass *pass) {
    const size_t R = pass->B * pass->T, n = R * model->shape.C;
    Dropout dropout = embedding_dropout(model, pass);
    model->norm_mode = (NormMode){.training = pass->training, .observes = pass->training};
    size_t site = 0;
    for (size_t i = 0; i < model->n_sites; i++) { /* constants go by the position of a token */
        model->site[i].frozen.first = pass->past * model->site[i].per_token;
    }
    const real *pos = model->pos_emb.value;
    if (pos) pos += pass->past * model->shape.C;
    embedding_forward(model->e, pass->tokens, model->tok_emb.value, pos, pass->B, pass->T,
                      model->shape.C);
    norm_forward(&model->embed_norm, model->x0, model->e, 1, R);
    dropout_apply(model->x0, &dropout, n);
    see(model, place_embedding(), SITE_STREAM, model->x0, pass);
    if (model->d) copy(model->d, model->x0, n);
    for (size_t l = 0; l < model->shape.L; l++) {
        block_forward(&model->block[l], pass);
        observe(model, &site, model->block[l].sites_end, pass);
    }
    see(model, place_final(model->shape.L), SITE_STREAM, model->x, pass);
    norm_forward(&model->final_norm, model->h, model->d ? model->d : model->x, 1, R);
    observe(model, &site, model->n_sites, pass);
    if (model->d) add_scaled(model->h, model->x, 1, n);
    if (has_final_norm(model))
        see(model, place_final(model->shape.L), SITE_NORM_IN, model->h, pass);
}

double model_loss(Model *model, const Pass *pass) {
    const size_t R = pass->B * pass->T;
    head_loss(model->losses, pass->training ? model->dh : NULL, model->head.grad, model->h,
              model->head.value, pass->targets, model->head_scratch, pass->grad_scale, R,
              model->shape.C, model->shape.V, params_grad_write(&model->params));
    double total = 0;
    for (size_t r = 0; r < R; r++) total += model->losses[r];
    return total;
}

/* From dh to the gradients of the streams that the head read. */
static void head_backward(Model *model, const Pass *pass) {
    const size_t R = pass->B * pass->T, n = R * model->shape.C;
    if (has_final_norm(model))
        see_gradient(model, place_final(model->shape.L), SITE_NORM_IN, model->dh, pass);
    if (model->d) copy(model->dx, model->dh, n);
    norm_backward(&model->final_norm, model->d ? model->dd : model->dx, model->dh,
                  model->d ? model->d : model->x, 1, R, GRAD_SET);
    see_gradient(model, place_final(model->shape.L), SITE_STREAM, model->dx, pass);
}

/* Brings back the activations that later blocks have overwritten. What it adds to the second stream
 * comes after the last look at it. */
static void block_again(Block *block, const Pass *pass) {
    Pass again = *pass;
    again.probe = NULL;
    block_forward(block, &again);
}

static void block_backward(Block *block, const Pass *pass) {
    const size_t n = pass->B * pass->T * block->attn.C;
    if (block->early) {
        zero(block->attn.dx, n);
        if (block->attn.du != block->attn.dr) zero(block->attn.du, n);
    }
    sublayer_backward(&block->mlp, pass);
    sublayer_backward(&block->attn, pass);
}

void model_backward(Model *model, const Pass *given) {
    Pass with = *given, *pass = &with;
    const size_t R = pass->B * pass->T, n = R * model->shape.C;
    Dropout dropout = embedding_dropout(model, pass);
    real *dx0 = model->dstream[0];
    pass->grads = params_grad_write(&model->params);
    model->norm_mode.observes = false; /* a block that runs again has been seen */
    head_backward(model, pass);
    for (size_t l = model->shape.L; l-- > 0;) {
        bool lost = model->use == MODEL_RECOMPUTE && l + 1 < model->shape.L;
        if (lost) block_again(&model->block[l], pass);
        block_backward(&model->block[l], pass);
    }
    if (model->d) add_scaled(dx0, model->dd, 1, n);
    see_gradient(model, place_embedding(), SITE_STREAM, dx0, pass);
    dropout_apply(dx0, &dropout, n);
    norm_backward(&model->embed_norm, model->de, dx0, model->e, 1, R, GRAD_SET);
    embedding_backward(model->tok_emb.grad, model->pos_emb.grad, model->de, pass->tokens, pass->B,
                       pass->T, model->shape.C);
    params_written(&model->params);
}

double model_train(Model *model, const Pass *pass) {
    model_forward(model, pass);
    double total = model_loss(model, pass);
    model_backward(model, pass);
    return total;
}

void model_remove_norms(Model *model, size_t updates) {
    const NormRemoval *removal = &model->options.removal;
    for (size_t i = 0; i < model->n_sites; i++) {
        NormSite *site = &model->site[i];
        norm_site_thaw(site);
        if (updates >= removal_after(removal, site->group))
            norm_site_remove(site, model->shape.T, removal->first_apart);
    }
}

void model_see_anew(Model *model) {
    for (size_t i = 0; model->seen && i < model->n_sites; i++)
        model->seen[i] = (ScaleSums){.sum = {0}};
}

void model_remember(Model *model) {
    for (size_t i = 0; model->seen && i < model->n_sites; i++) /* constants have seen nothing */
        norm_site_update_running(&model->site[i], &model->seen[i], model->options.removal.average);
}

real *model_logits(Model *model, size_t t) {
    head_logits(model->logits, model->h, model->head.value, t, model->shape.C, model->shape.V);
    return model->logits;
}

/* nets.h - shared by the tests of the model: options by name, random numbers, a model with random
 * weights. */
#ifndef TESTS_LIB_NETS_H
#define TESTS_LIB_NETS_H

#include "base/words.h"
#include "model/model.h"
#include "base/philox.h"
#include "tests/lib/norms.h"
#include "tests/lib/rows.h"
#include "tests/lib/test.h"

static inline int index_named(const char *(*name)(int), const char *wanted) {
    int i = name_index(name, wanted);
    if (i < 0) abort();
    return i;
}

/* Four blocks (mixln needs four), small, with sizes that all differ. */
static inline ModelOptions net_options(const char *topology, const char *norm) {
    return (ModelOptions){.topology = index_named(topology_name, topology),
                          .norm = index_named(norm_name, norm),
                          .n_layer = 4,
                          .n_head = 4,
                          .d_model = 16,
                          .d_ff = 20,
                          .context = 6,
                          .bias = true,
                          .tie_embeddings = true,
                          .init_std = 0.02,
                          .embed_scale = 1,
                          .rope_theta = 10000,
                          .rope_fraction = 1,
                          .rope_factor = 1,
                          .layers = ""};
}

/* Whether a row cannot have that norm: the skip of keel needs one, and out gains that start small
 * need a gain. */
static inline bool net_refuses(const char *row, const RowNet *net, const char *norm) {
    const NormFormula *formula = norm_formula(norm);
    bool small = false;
    if (strcmp(norm, "none") == 0) return topology_at(index_named(topology_name, row))->needs_norm;
    for (size_t l = 0; l < net->N; l++) {
        const RowBlock *block = &net->block[l];
        small |= block->attn.out_gain != 1 && block->attn.slot[ROW_OUT] == 'n';
        small |= block->mlp.out_gain != 1 && block->mlp.slot[ROW_OUT] == 'n';
    }
    return small && formula && formula_params(formula) == 0;
}

static inline bool row_refuses(const char *row, const char *norm) {
    const RowNet net = row_net(row, 4);
    return net_refuses(row, &net, norm);
}

/* A norm for case i of a test that has no time for all: those with gains and without statistics over
 * the batch, in turn. */
static inline const char *net_norm(size_t i) {
    const char *names[64];
    size_t count = 0;
    for (int n = 0; norm_kind(n); n++) {
        if (norm_param(norm_kind(n), NORM_GAIN) && !norm_kind(n)->gather)
            names[count++] = norm_name(n);
    }
    return names[i % count];
}

/* Uniform in [from, to), number i of a stream. */
static inline double net_uniform(uint32_t stream, size_t i, double from, double to) {
    Philox r = philox(stream, 99, (uint32_t)i, 0, 0, 0);
    return from + (to - from) * ((double)r.word[0] + 0.5) / 4294967296.0;
}

static inline double net_normal(uint32_t stream, size_t i) { /* bounded, variance 1 */
    return net_uniform(stream, 3 * i, -1, 1) + net_uniform(stream, 3 * i + 1, -1, 1) +
           net_uniform(stream, 3 * i + 2, -1, 1);
}

static inline void net_tokens(int *tokens, size_t n, size_t V, uint32_t stream) {
    for (size_t i = 0; i < n; i++) tokens[i] = (int)net_uniform(stream, i, 0, (double)V);
}

static inline bool net_is_gamma(const Param *param) {
    return param->kind == PARAM_GAMMA || param->kind == PARAM_GAMMA_IN ||
           param->kind == PARAM_GAMMA_OUT;
}

/* Random values for all parameters, gains of 0.5 to 1.5. Some tokens, and the outputs and scores of
 * blocks.1, are so small that eps matters. */
static inline void net_draw(Model *model, uint32_t stream) {
    const size_t C = model->shape.C;
    for (size_t p = 0; p < params_count(&model->params); p++) {
        const Param *param = &model->params.list[p];
        real *value = model->params.values + param->offset;
        bool block1 = strncmp(param->name, "blocks.1.", 9) == 0;
        bool out = strstr(param->name, "proj") || strstr(param->name, "down");
        double size = strstr(param->name, "emb") ? 0.5 : 0.25;
        if (block1 && (out || strstr(param->name, "qkv"))) size = 2e-3;
        uint32_t own = stream + 1000 * (uint32_t)p;
        for (size_t i = 0; i < param->count; i++) {
            value[i] = (real)(size * net_normal(own, i));
            if (net_is_gamma(param)) value[i] = (real)net_uniform(own, i, 0.5, 1.5);
            if (param->kind == PARAM_COEFFICIENT)
                value[i] = (real)(param->start + net_uniform(own, i, 0.2, 0.5));
            if (param->kind == PARAM_NORM) value[i] = (real)net_uniform(own, i, 0.3, 0.9);
            if (strstr(param->name, ".lambda")) value[i] *= 10; /* bhyt divides it by 10 */
            if (param->kind == PARAM_STATISTIC) value[i] = (real)net_uniform(own, i, 0.5, 1.5);
        }
    }
    for (size_t i = 0; i < 3 * C; i++) {
        real small = (real)pow(10, -3 + (double)(i / C));
        model->tok_emb.value[i] *= small;
        if (model->pos_emb.value) model->pos_emb.value[i] *= small;
    }
}

static inline real *net_value(const Model *model, const char *name) {
    size_t i = params_find(&model->params, name);
    return i < params_count(&model->params) ? model->params.values + model->params.list[i].offset
                                            : NULL;
}

static inline real *net_grad(const Model *model, const char *name) {
    real *value = net_value(model, name);
    return value ? model->params.grads + (value - model->params.values) : NULL;
}

static inline Pass net_pass(const int *tokens, const int *targets, size_t B, size_t T) {
    return (Pass){.tokens = tokens,
                  .targets = targets,
                  .B = B,
                  .T = T,
                  .gamma = 1,
                  .grad_scale = (real)(1 / (double)(B * T)),
                  .training = true};
}

/* Tolerance of comparisons with double arithmetic. */
static inline double net_tolerance(void) {
    return sizeof(real) == sizeof(float) ? 1e-5 : 1e-10;
}

#endif

/* theory.h - models in the setting in which the literature analyses norm placements, and the output
 * line of a measured number.
 *
 * The setting (Xiong et al. 2020, section 3): every matrix N(0, 1/d), a relu MLP of width d, W_Q =
 * W_K = 0, so that attention is the mean over the visible tokens, embeddings N(0, 1), no positions,
 * no biases, gains of 1. Attention here is causal; theirs is not.
 *
 * The weights are drawn once per seed for the deepest model and shared by name, so placements and
 * depths are compared with the same matrices. */
#ifndef TESTS_LIB_THEORY_H
#define TESTS_LIB_THEORY_H

#include "ops/ops.h"
#include "tests/lib/nets.h"

#include <stdarg.h>

enum { NETS = 24, GRADIENT_NETS = 16, WIDTH = 96, DEEPEST = 24, TOKENS = 64, ROW = 16 };

/* Prints and checks a number: `want` by theory (NAN where there are only bounds), accepted in
 * `from` to `to`. */
__attribute__((format(printf, 6, 7))) static inline void
measured(const char *id, double got, double want, double from, double to, const char *what, ...) {
    char name[128], expected[32] = "-";
    va_list args;
    va_start(args, what);
    vsnprintf(name, sizeof name, what, args);
    va_end(args);
    if (!isnan(want)) snprintf(expected, sizeof expected, "%.5g", want);
    printf("    %-4s %-54s %9.5g  expected %7s  accepted %.6g to %.6g\n", id, name, got, expected,
           from, to);
    CHECK(got >= from && got <= to, "%s %s: %.9g", id, name, got);
}

/* A model for a batch with every token once, in sequences of T. */
static inline Model *theory_model(const char *topology, size_t L, size_t T, unsigned warm_slots) {
    const GammaWarmup warmup = {.steps = warm_slots ? 10 : 0, .slots = warm_slots};
    ModelOptions options = net_options(topology, "layernorm");
    options.n_layer = L;
    options.d_model = options.d_ff = WIDTH;
    options.context = T;
    options.mlp = index_named(mlp_name, "relu");
    options.position = POSITION_NONE;
    options.bias = options.tie_embeddings = false;
    options.norm_eps = 1e-12;
    Model *model = model_create(&options, &warmup, TOKENS, TOKENS / T, true);
    model_init(model, 1); /* gains of 1 */
    return model;
}

/* Sets the matrices of model `seed`, through the registry. */
static inline void theory_draw(Model *model, uint32_t seed) {
    for (size_t p = 0; p < params_count(&model->params); p++) {
        const Param *param = &model->params.list[p];
        real *value = model->params.values + param->offset;
        bool embedding = strcmp(param->name, "tok_emb.weight") == 0;
        double std = embedding ? 1 : 1 / sqrt((double)param->shape[1]);
        if (param->kind != PARAM_MATRIX) continue;
        normal_fill(value, seed, param->name, std, 0, param->count);
        if (strstr(param->name, ".qkv.")) zero(value, 2 * param->count / 3); /* q and k */
    }
}

/* Copies the matrices of `from`, which has at least as many blocks. */
static inline void theory_share(Model *model, const Model *from) {
    for (size_t p = 0; p < params_count(&model->params); p++) {
        const Param *param = &model->params.list[p];
        if (param->kind != PARAM_MATRIX) continue;
        copy(model->params.values + param->offset, net_value(from, param->name), param->count);
    }
}

/* A forward pass over every token once. */
static inline void theory_forward(Model *model, double w) {
    int tokens[TOKENS];
    const size_t T = model->shape.T;
    Pass pass = net_pass(tokens, NULL, TOKENS / T, T);
    pass.gamma = (real)w;
    for (int i = 0; i < TOKENS; i++) tokens[i] = i;
    model_forward(model, &pass);
}

/* The gradient of the loss at the last token of one sequence, as in the theorems. That of a whole
 * batch also depends on how similar its tokens are, which depends on the depth. */
static inline void theory_gradient(Model *model) {
    int tokens[TOKENS], target = TOKENS / 2;
    const size_t T = model->shape.T, C = model->shape.C, last = (T - 1) * C;
    Pass pass = net_pass(tokens, NULL, 1, T);
    for (int i = 0; i < TOKENS; i++) tokens[i] = i;
    params_zero_grads(&model->params);
    model_forward(model, &pass);
    zero(model->dh, T * C);
    head_loss(model->losses, model->dh + last, (HeadGrads){model->head.grad, NULL}, model->h + last,
              (HeadWeights){.w = model->head.value}, &target, model->head_scratch, 1, 1, C, TOKENS,
              params_grad_write(&model->params));
    model_backward(model, &pass);
}

/* E|x|^2/d over all tokens. */
static inline double theory_square(const real *x) {
    return sum_of_squares(x, (size_t)TOKENS * WIDTH) / (TOKENS * WIDTH);
}

/* Fits the line a + b*i to y[0..n-1]; `r2` is the fraction of the variance that it explains. */
static inline void line_fit(const double *y, size_t n, double *slope, double *r2) {
    double mean_i = ((double)n - 1) / 2, mean = 0, ii = 0, iy = 0, yy = 0;
    for (size_t i = 0; i < n; i++) mean += y[i] / (double)n;
    for (size_t i = 0; i < n; i++) {
        ii += pow((double)i - mean_i, 2);
        iy += ((double)i - mean_i) * (y[i] - mean);
        yy += pow(y[i] - mean, 2);
    }
    *slope = iy / ii;
    *r2 = iy * iy / (ii * yy);
}

#endif

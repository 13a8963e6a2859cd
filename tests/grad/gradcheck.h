/* gradcheck.h - the exact gradient of a whole model against finite differences, in double.
 *
 * The function is L = sum(omega * h) + grad_scale * sum of cross-entropies, with omega random: a
 * constant upstream gradient has no gradient through LayerNorm. Gains, betas, biases and alphas are
 * random, since a missing gain cannot be seen at gamma = 1. Some embedding rows have a variance of
 * 1e-8 to 1e-4, where eps matters. */
#ifndef TESTS_GRAD_GRADCHECK_H
#define TESTS_GRAD_GRADCHECK_H

#include "model/equations.h"
#include "model/model.h"
#include "model/topologies.h"
#include "base/philox.h"
#include "tests/lib/test.h"

enum { GC_V = 11, GC_B = 2, GC_T = 5, GC_ENTRIES = 12, GC_MICROS = 2 };
/* Differences of a loss near 50, by a tenth of the step, have rounding errors of GC_ROUNDING. */
static const double GC_TOLERANCE = 1e-6, GC_ZERO = 1e-9, GC_ROUNDING = 2e-10;

typedef struct {
    Model *model;
    size_t micros; /* micro-batches with accumulated gradients */
    double gamma;
    BranchRamp branch;
    double *omega; /* (B*T*C) */
    int tokens[GC_MICROS][GC_B * GC_T], targets[GC_MICROS][GC_B * GC_T];
} GradCheck;

/* Whether to check everything, and not only the sample of scripts/check.sh. */
static inline bool gc_all(void) {
    const char *wanted = getenv("GRADIENTS");
    return wanted && strcmp(wanted, "all") == 0;
}

/* Norms are checked in every topology, or in the three that have most slots between them. */
static bool gc_samples(const char *norm) {
    static const char *const WHOLE[] = {"layernorm", "rmsnorm", "rmsnorm_plus1",
                                        "dyt",       "none",    "batchnorm"};
    bool whole = gc_all();
    for (size_t i = 0; i < sizeof WHOLE / sizeof *WHOLE; i++) whole |= !strcmp(WHOLE[i], norm);
    return !whole;
}

static inline bool gc_skips(const char *topology, const char *norm) {
    return gc_samples(norm) && strcmp(topology, "pre") != 0 && strcmp(topology, "peri") != 0 &&
           strcmp(topology, "post") != 0;
}

static size_t gc_updates;   /* steps taken, for norm_removal; 0 = no norm is frozen */
static uint32_t gc_counter; /* one random stream for the whole check */

static double gc_uniform(double from, double to) {
    Philox r = philox(7, 77, gc_counter++, 0, 0, 0);
    return from + (to - from) * (double)r.word[0] / 4294967296.0;
}

static double gc_normal(void) { /* approximately: a bounded sum of uniforms */
    return gc_uniform(-1, 1) + gc_uniform(-1, 1) + gc_uniform(-1, 1);
}

static ModelOptions gc_options(int topology, int norm) {
    ModelOptions options = {.topology = topology,
                            .norm = norm,
                            .n_layer = 2,
                            .n_head = 2,
                            .d_model = 8,
                            .d_ff = 12,
                            .context = GC_T,
                            .bias = true,
                            .tie_embeddings = true,
                            .init_std = 0.02,
                            .embed_scale = 1,
                            .rope_theta = 10000,
                            .rope_fraction = 1,
                            .rope_factor = 1,
                            .layers = ""};
    size_t least = topology_at(topology)->min_blocks;
    if (options.n_layer < least) options.n_layer = least;
    return options;
}

/* The backward pass of GPAS leaves a term out, which is 0 at g = 0 and makes all others no gradients of
 * any function elsewhere. test_oracle compares those. */
static void gc_draw_param(const Param *param, real *value) {
    const bool stops = strstr(param->name, ".leave") && param->start == 0;
    double offset = param->kind == PARAM_GAMMA_IN || param->kind == PARAM_GAMMA_OUT ||
                            param->kind == PARAM_GAMMA
                        ? 1
                        : 0;
    for (size_t i = 0; i < param->count; i++) {
        switch (param->kind) {
        case PARAM_MATRIX:
            value[i] = 0.35 * gc_normal();
            break;
        case PARAM_NORM:
            value[i] = gc_uniform(0.3, 0.9) * (strstr(param->name, ".lambda") ? 10 : 1);
            break;
        case PARAM_COEFFICIENT:
            value[i] = stops ? 0 : param->start + gc_uniform(0.2, 0.5);
            break;
        case PARAM_STATISTIC:
            value[i] = gc_uniform(0.5, 2);
            break;
        case PARAM_BIAS:
        case PARAM_BETA:
            value[i] = 0.2 * gc_normal();
            break;
        default:
            value[i] = offset + gc_uniform(-0.5, 0.5);
            break;
        }
    }
}

/* What gains and matrices of norms are multiplied with. Some kinds give small outputs, and scores of
 * attention that hardly differ have gradients as small as the rounding errors of differences. */
static double gc_unit(const NormKind *kind, const Param *param) {
    const NormParam *gain = norm_param(kind, NORM_GAIN);
    if (!strstr(param->name, "norm")) return 1;
    if (param->kind == PARAM_MATRIX) return 3;
    if (gain && gain->by_width) return param->start > 0 ? param->start : 1;
    return kind->n_ranks || strcmp(kind->name, "bhyt") == 0 ? 2 : 1;
}

static bool gc_has_kink(const Model *model) {
    Activation act = mlp_kind(model->options.mlp)->act;
    return act == ACT_RELU || act == ACT_RELU2;
}

/* Effective gains in [0.5, 1.5]; some embedding rows are tiny. */
static void gc_draw(GradCheck *check) {
    Model *model = check->model;
    const NormParam *gain = norm_param(norm_kind(model->options.norm), NORM_GAIN);
    const double zero = gain ? gain->zero : 0; /* -1 if the gain is 1 + gamma */
    for (size_t p = 0; p < params_count(&model->params); p++) {
        const Param *param = &model->params.list[p];
        real *value = model->params.values + param->offset;
        const double unit = gc_unit(norm_kind(model->options.norm), param);
        gc_draw_param(param, value);
        for (size_t i = 0; unit != 1 && i < param->count; i++) value[i] *= unit;
        bool gamma = strstr(param->name, ".gamma") != NULL, gain_alone = param->start != 0;
        if (gamma && zero != 0 && !gain_alone) {
            for (size_t i = 0; i < param->count; i++) value[i] += zero;
        }
    }
    const size_t C = model->shape.C;
    size_t tiny = gc_has_kink(model) ? 0 : 5;
    for (size_t v = 0; v < tiny; v++) { /* std 1e-4 to 1e-2 */
        double std = pow(10, -4 + 0.5 * (double)v);
        for (size_t c = 0; c < C; c++) {
            model->tok_emb.value[v * C + c] *= std;
            if (model->pos_emb.value && v < 3) model->pos_emb.value[v * C + c] *= std;
        }
    }
    for (size_t i = 0; i < GC_B * GC_T * C; i++) check->omega[i] = gc_normal();
    for (size_t j = 0; j < GC_MICROS; j++) {
        for (size_t r = 0; r < GC_B * GC_T; r++) {
            check->tokens[j][r] = (int)gc_uniform(0, GC_V);
            check->targets[j][r] = (int)gc_uniform(0, GC_V);
        }
        for (size_t t = 0; t < 3; t++)
            check->tokens[j][t] = (int)t; /* tiny token at tiny position */
    }
}

static double gc_loss(GradCheck *check, bool backward) {
    Model *model = check->model;
    double total = 0;
    for (size_t j = 0; j < check->micros; j++) {
        Pass pass = {.tokens = check->tokens[j],
                     .targets = check->targets[j],
                     .B = GC_B,
                     .T = GC_T,
                     .gamma = (real)check->gamma,
                     .branch = check->branch,
                     .grad_scale = (real)0.7,
                     .training = true,
                     .seed = 3,
                     .step = 5,
                     .micro = (uint32_t)j};
        model_forward(model, &pass);
        total += 0.7 * model_loss(model, &pass);
        for (size_t i = 0; i < GC_B * GC_T * model->shape.C; i++) {
            total += check->omega[i] * (double)model->h[i];
            model->dh[i] += (real)check->omega[i];
        }
        if (backward) model_backward(model, &pass);
    }
    return total;
}

/* dL/da at a = 0 of the parameters value + a * direction. */
static double gc_numeric(GradCheck *check, real *value, const double *direction, size_t n,
                         double h) {
    static const double WEIGHTS[] = {0, 4. / 5, -1. / 5, 4. / 105, -1. / 280}; /* of +-k steps */
    real *saved = mem_alloc(n * sizeof *saved);
    double sum = 0;
    memcpy(saved, value, n * sizeof *saved);
    for (int step = -4; step <= 4; step++) {
        if (step == 0) continue;
        for (size_t k = 0; k < n; k++)
            value[k] = (real)((double)saved[k] + step * h * direction[k]);
        sum += (step < 0 ? -1 : 1) * WEIGHTS[abs(step)] * gc_loss(check, false);
    }
    memcpy(value, saved, n * sizeof *saved);
    mem_free(saved);
    return sum / h;
}

/* Softmax is invariant to a shift of all keys: in a block without RoPE and softcap the beta of the key
 * norm has no gradient, so it is compared absolutely. */
static bool gc_truly_zero(const Model *model, const char *name) {
    size_t block;
    return sscanf(name, "blocks.%zu.", &block) == 1 && strstr(name, "norm_k.beta") &&
           model->wiring.block[block].rope == ROPE_NONE && model->options.softcap_attn == 0;
}

/* A norm over the batch is invariant to a shift of all rows: shifts in front of one have no gradient.
 * Which ones these are depends on the topology. */
static bool gc_may_be_zero(const Model *model, const Param *param) {
    bool shift = param->kind == PARAM_BIAS || param->kind == PARAM_BETA;
    return shift && norm_kind(model->options.norm)->gather;
}

/* The gate of a norm hardly moves where its input is tiny, or large, and half of what it lets pass on q
 * and k is a quarter of the scores: gradients of such a norm may be as small as the rounding errors of
 * differences. So is that of a factor of the last stream, of which a final norm leaves eps. */
static bool gc_is_faint(const Model *model, const Param *param, double absolute_error,
                        double zero) {
    const bool gate = norm_kind(model->options.norm)->n_ranks && strstr(param->name, "norm_");
    char last[64];
    snprintf(last, sizeof last, "blocks.%zu.mlp.leave", model->shape.L - 1);
    return (gate && absolute_error <= GC_ZERO) ||
           (strcmp(param->name, last) == 0 && absolute_error <= zero);
}

/* Central differences of eight points have an error of O(h^8). Behind a norm with a statistic, tiny
 * embedding rows have a curvature at the scale of sqrt(eps) = 1e-3, squared where one norm follows
 * another. Without a statistic a step that small only has rounding errors. A step must not cross a
 * kink. */
static double gc_step(const Model *model, const char *name) {
    if (gc_truly_zero(model, name)) return 1e-3;
    if (gc_has_kink(model)) return 1e-6;
    const bool curved = norm_kind(model->options.norm)->eps > 0;
    return curved && strstr(name, "_emb.") ? 2e-7 : 1e-3;
}

/* Checks twelve entries and one random direction of a tensor. Returns the error relative to the
 * larger of exact and numeric gradient, and that size. */
static double gc_probe(GradCheck *check, const Param *param, const real *exact, double h,
                       double *size) {
    real *value = check->model->params.values + param->offset;
    double error = 0, norm_a = 0, norm_n = 0;
    double *direction = mem_alloc(param->count * sizeof *direction);
    for (int probe = 0; probe <= GC_ENTRIES; probe++) {
        double a = 0;
        memset(direction, 0, param->count * sizeof *direction);
        if (probe < GC_ENTRIES) {
            direction[(size_t)gc_uniform(0, (double)param->count)] = 1;
        } else {
            double scale = 1 / sqrt((double)param->count);
            for (size_t k = 0; k < param->count; k++) direction[k] = scale * gc_normal();
        }
        for (size_t k = 0; k < param->count; k++) a += direction[k] * (double)exact[k];
        double n = gc_numeric(check, value, direction, param->count, h);
        error += (a - n) * (a - n);
        norm_a += a * a;
        norm_n += n * n;
    }
    mem_free(direction);
    *size = sqrt(norm_a > norm_n ? norm_a : norm_n);
    return sqrt(error) / (*size > 0 ? *size : 1);
}

/* The best step is between truncation and rounding errors, and differs where the gradient is tiny
 * or the curvature is high. So a tensor that fails with one step is checked again with a tenth of
 * it. */
static double gc_tensor(GradCheck *check, const Param *param, const real *exact, double *size) {
    double h = gc_step(check->model, param->name), error = gc_probe(check, param, exact, h, size);
    return error <= GC_TOLERANCE ? error : gc_probe(check, param, exact, 0.1 * h, size);
}

/* Checks every parameter tensor of the model; returns the worst relative error. */
static inline double gradcheck(const ModelOptions *options, unsigned warm_slots, double gamma,
                               BranchRamp branch, size_t micros, const char *label) {
    GammaWarmup warmup = {.steps = warm_slots ? 10 : 0, .from = 0.1, .to = 1, .slots = warm_slots};
    GradCheck check = {.micros = micros, .gamma = gamma, .branch = branch};
    check.model = model_create(options, &warmup, GC_V, GC_B, true);
    check.omega = mem_alloc(GC_B * GC_T * check.model->shape.C * sizeof *check.omega);
    gc_counter = (uint32_t)hash_text(HASH_START, label);
    Params *params = &check.model->params;
    model_init(check.model, 1);
    gc_draw(&check);
    model_remove_norms(check.model, gc_updates);
    params_zero_grads(params);
    gc_loss(&check, true);
    real *exact = mem_alloc(params->size * sizeof *exact);
    memcpy(exact, params->grads, params->size * sizeof *exact);
    double worst = 0;
    for (size_t p = 0; p < params_count(params); p++) {
        const Param *param = &params->list[p];
        if (!param_is_trained(param)) continue;
        double size, error = gc_tensor(&check, param, exact + param->offset, &size);
        if (gc_truly_zero(check.model, param->name)) {
            CHECK(size <= GC_ZERO, "%s: %s: %.3g is not zero", label, param->name, size);
            continue;
        }
        double zero =
            4 * GC_ZERO * 1e-3 / gc_step(check.model, param->name); /* rounding error / step */
        if (gc_may_be_zero(check.model, param) && size <= zero) continue;
        if (gc_is_faint(check.model, param, error * size, zero) || error * size <= GC_ROUNDING)
            continue;
        CHECK(size > 1e-6, "%s: %s has no gradient (%.3g)", label, param->name, size);
        CHECK(error <= GC_TOLERANCE, "%s: %s: relative error %.3g of %.3g", label, param->name,
              error, size);
        if (error > worst) worst = error;
    }
    mem_free(exact);
    mem_free(check.omega);
    model_free(check.model);
    return worst;
}

#endif

/* scaling.c - see scaling.h. */
#include "model/scaling.h"

#include "base/words.h"

#include <math.h>

/* The powers of m_N. Tensors of blocks also have m_L^(alpha-1) in their learning rate and m_L^-alpha in
 * their eps. Source: CompleteP (Dey et al. 2025, arXiv 2505.01618), eps of tensors outside of the blocks
 * as in the authors' corrected code; docs/scaling.md. */
static const struct {
    const char *name;
    TensorFactors power;
    bool block;
} KINDS[] = {
    [TENSOR_EMBEDDING] = {"embedding", {.std = 0, .lr = 0, .eps = -1, .decay = 0}, false},
    [TENSOR_HEAD] = {"head", {.std = 0, .lr = 0, .eps = -1, .decay = 0}, false},
    [TENSOR_OUTER_VECTOR] = {"outer vector", {.std = 0, .lr = 0, .eps = -1, .decay = 0}, false},
    [TENSOR_OUTER_MATRIX] = {"outer matrix", {.std = -0.5, .lr = -1, .eps = -1, .decay = 1}, false},
    [TENSOR_HIDDEN_VECTOR] = {"hidden vector", {.std = 0, .lr = 0, .eps = -1, .decay = 0}, true},
    [TENSOR_HIDDEN_MATRIX] = {"hidden matrix",
                              {.std = -0.5, .lr = -1, .eps = -1, .decay = 1},
                              true},
};

const char *tensor_kind_name(int i) {
    return i >= 0 && i < TENSOR_KINDS ? KINDS[i].name : NULL;
}

static TensorFactors factors_of(const Scaling *scaling, TensorKind kind) {
    const TensorFactors power = KINDS[kind].power;
    const double m_N = scaling->width, m_L = KINDS[kind].block ? scaling->depth : 1;
    return (TensorFactors){.std = pow(m_N, power.std),
                           .lr = pow(m_N, power.lr) * pow(m_L, scaling->alpha - 1),
                           .eps = pow(m_N, power.eps) * pow(m_L, -scaling->alpha),
                           .decay = pow(m_N, power.decay)};
}

static double multiple(size_t own, size_t base) {
    return base ? (double)own / (double)base : 1;
}

Scaling scaling_of(const ModelOptions *options) {
    Scaling scaling = {.kind = options->scaling, .width = 1, .depth = 1, .alpha = 1};
    if (options->scaling != SCALING_NONE) {
        scaling.width = multiple(options->d_model, options->base_d_model);
        scaling.depth = multiple(options->n_layer, options->base_n_layer);
    }
    if (options->scaling == SCALING_DEPTH_MUP) scaling.alpha = 0.5;
    scaling.branch = pow(scaling.depth, -scaling.alpha);
    scaling.logits = 1 / scaling.width;
    for (TensorKind kind = 0; kind < TENSOR_KINDS; kind++)
        scaling.tensor[kind] = factors_of(&scaling, kind);
    return scaling;
}

double scaling_scores(const Scaling *scaling, size_t HS) {
    return scaling->kind == SCALING_NONE ? 1 / sqrt((double)HS) : 1 / (double)HS;
}

bool scaling_is_base(const Scaling *scaling) {
    return scaling->width == 1 && scaling->depth == 1;
}

/* muon.c - see muon.h. The update of one matrix is muon_update in ops/. */
#include "run/optim/muon.h"

#include "ops/ops.h"

#include <math.h>

bool muon_updates(const OptimOptions *options, const Param *param) {
    return options->kind == OPTIMIZER_MUON && param->parts[0] != 0;
}

double muon_factor(int scale, size_t rows, size_t cols) {
    const double out = (double)rows, in = (double)cols;
    return scale == MUON_MOONSHOT ? 0.2 * sqrt(fmax(out, in)) : sqrt(fmax(1, out / in));
}

double muon_apply(const OptimOptions *options, const Params *params, const Param *param,
                  real *scratch, double lr, double grad_scale) {
    const size_t cols = param->shape[1];
    size_t at = param->offset;
    double squares = 0;
    for (size_t i = 0; i < PARTS_MAX && param->parts[i]; i++) {
        const size_t rows = param->parts[i];
        const Muon muon = {.momentum = options->muon_momentum,
                           .grad_scale = grad_scale,
                           .step = lr * muon_factor(options->muon_scale, rows, cols),
                           .decay = lr * options->muon_decay};
        squares += muon_update(params->values + at, params->m + at, params->grads + at, scratch,
                               &muon, rows, cols);
        at += rows * cols;
    }
    return squares;
}

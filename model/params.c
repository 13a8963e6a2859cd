/* params.c - see params.h. */
#include "model/params.h"
#include "ops/ops.h"
#include "base/stb_ds.h"

#include <math.h>
#include <string.h>

bool param_is_trained(const Param *param) {
    return param->kind != PARAM_STATISTIC;
}

/* Tensors begin at multiples of 64 bytes. */
static size_t padded(size_t count) {
    const size_t aligned = 64 / sizeof(float);
    return (count + aligned - 1) / aligned * aligned;
}

static ParamRef param_add(Params *params, Param param) {
    if (!params->binding) {
        param.name = strcpy(mem_alloc(strlen(param.name) + 1), param.name);
        param.offset = params->size;
        param.factors = (TensorFactors){1, 1, 1, 1};
        *(param_is_trained(&param) ? &params->total : &params->statistics) += param.count;
        params->size += padded(param.count);
        arrput(params->list, param);
        return (ParamRef){NULL, NULL};
    }
    const Param *known = &params->list[params->bound++];
    if (strcmp(known->name, param.name) != 0 || known->count != param.count) {
        die(EXIT_INTERNAL, "the planning passes disagree: %s against %s", known->name, param.name);
    }
    return (ParamRef){params->values + known->offset,
                      params->grads ? params->grads + known->offset : NULL};
}

ParamRef params_matrix(Params *params, const char *name, size_t out, size_t in, double std,
                       size_t tail_rows, double tail_std) {
    return param_add(params, (Param){.name = (char *)name,
                                     .kind = PARAM_MATRIX,
                                     .shape = {out, in},
                                     .count = size_mul(out, in),
                                     .std = std,
                                     .tail_begin = size_mul(out - tail_rows, in),
                                     .tail_std = tail_std});
}

ParamRef params_table(Params *params, const char *name, size_t rows, size_t width, double std) {
    return param_add(params, (Param){.name = (char *)name,
                                     .kind = PARAM_MATRIX,
                                     .table = true,
                                     .shape = {rows, width},
                                     .count = size_mul(rows, width),
                                     .std = std,
                                     .tail_begin = size_mul(rows, width)});
}

ParamRef params_vector(Params *params, const char *name, ParamKind kind, size_t n, double start) {
    return param_add(params, (Param){.name = (char *)name,
                                     .kind = kind,
                                     .shape = {n, 0},
                                     .count = n,
                                     .start = start,
                                     .tail_begin = n});
}

void params_set_parts(Params *params, const size_t parts[PARTS_MAX]) {
    if (params->binding) return;
    memcpy(params->list[params_count(params) - 1].parts, parts, sizeof params->list->parts);
}

void params_scale(Params *params, TensorFactors factors) {
    if (params->binding) return;
    Param *param = &params->list[params_count(params) - 1];
    param->std *= factors.std;
    param->tail_std *= factors.std;
    param->factors.std *= factors.std;
    param->factors.lr *= factors.lr;
    param->factors.eps *= factors.eps;
    param->factors.decay *= factors.decay;
}

void params_bind(Params *params, bool training) {
    size_t bytes = size_mul(params->size, sizeof(real));
    params->values = mem_alloc(bytes);
    if (training) params->grads = mem_alloc(bytes);
    params->binding = true;
    params->bound = 0;
}

void params_bind_moments(Params *params, bool muon) {
    size_t size = 0;
    for (ptrdiff_t i = 0; i < arrlen(params->list); i++) {
        Param *param = &params->list[i];
        const bool second = !(muon && param->parts[0]);
        param->v_offset = second ? size : NO_MOMENT;
        if (second) size += padded(param->count);
    }
    params->m = mem_alloc(size_mul(params->size, sizeof(real)));
    params->v = mem_alloc(size_mul(size, sizeof(real)));
}

void params_init(Params *params, uint32_t seed) {
    for (ptrdiff_t i = 0; i < arrlen(params->list); i++) {
        const Param *param = &params->list[i];
        real *value = params->values + param->offset;
        if (param->kind == PARAM_MATRIX) {
            normal_fill(value, seed, param->name, param->std, 0, param->tail_begin);
            normal_fill(value, seed, param->name, param->tail_std, param->tail_begin, param->count);
        } else {
            constant_fill(value, param->start, param->count);
        }
    }
}

void params_zero_grads(Params *params) {
    for (ptrdiff_t i = 0; i < arrlen(params->list); i++) {
        const Param *param = &params->list[i];
        bool matmul_weight = param->kind == PARAM_MATRIX && !param->table;
        if (!matmul_weight) zero(params->grads + param->offset, param->count);
    }
    params->zeroed = true;
}

GradWrite params_grad_write(const Params *params) {
    return params->zeroed ? GRAD_SET : GRAD_ADD;
}

void params_written(Params *params) {
    params->zeroed = false;
}

size_t params_copy(Params *to, const Params *from) {
    size_t taken = 0;
    for (size_t i = 0; i < params_count(to); i++) {
        const Param *param = &to->list[i];
        const size_t found = params_find(from, param->name);
        if (found == params_count(from)) continue;
        copy(to->values + param->offset, from->values + from->list[found].offset, param->count);
        taken++;
    }
    return taken;
}

bool params_finite(const Params *params) {
    return isfinite(sum_of_squares(params->values, params->size));
}

void params_free(Params *params) {
    for (ptrdiff_t i = 0; i < arrlen(params->list); i++) mem_free(params->list[i].name);
    arrfree(params->list);
    mem_free(params->values);
    mem_free(params->grads);
    mem_free(params->m);
    mem_free(params->v);
    *params = (Params){0};
}

LinearSize params_linear_size(const Params *params) {
    LinearSize size = {0};
    for (ptrdiff_t i = 0; i < arrlen(params->list); i++) {
        const Param *param = &params->list[i];
        if (!param->parts[0]) continue;
        size.tensors++;
        size.parameters += param->count;
        size.bytes += (double)padded(param->count) * sizeof(real);
        for (size_t p = 0; p < PARTS_MAX && param->parts[p]; p++) {
            const size_t rows = param->parts[p], cols = param->shape[1];
            const size_t scratch = muon_scratch(rows, cols);
            if (scratch > size.scratch) size.scratch = scratch;
            size.flops += muon_flops(rows, cols);
            size.matrices++;
        }
    }
    return size;
}

size_t params_count(const Params *params) {
    return (size_t)arrlen(params->list);
}

size_t params_total(const Params *params) {
    return params->total;
}

size_t params_find(const Params *params, const char *name) {
    size_t i = 0;
    while (i < params_count(params) && strcmp(params->list[i].name, name) != 0) i++;
    return i;
}

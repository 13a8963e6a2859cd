/* norm.c - the table of norms, the parallel loop over rows, and the sums over them.
 *
 * One idea: the rows are split into 16 chunks at fixed borders. Every chunk has partial sums of its
 * own, which are added in order, so the gradients of the parameters do not depend on the number of
 * threads. To add a norm, add its file and a line here. */
#include "norm/norm.h"
#include "ops/cpu/cpu.h"
#include "ops/cpu/vmath.h"

#include <string.h>

/* clang-format off */
#define NORM_KINDS(norm) \
    norm(layernorm) \
    norm(rmsnorm) \
    norm(rmsnorm_plus1) \
    norm(dyt) \
    norm(none) \
    norm(batchnorm) \
    norm(derf) \
    norm(seednorm) \
    norm(bhyt) \
    norm(rmsnorm_plain) \
    norm(scalenorm) \
    norm(gated)
/* clang-format on */
#define DECLARE(name) extern const NormKind norm_##name;
#define ADDRESS(name) &norm_##name,

NORM_KINDS(DECLARE)
static const NormKind *const KINDS[] = {NORM_KINDS(ADDRESS)};

const NormKind *norm_kind(int i) {
    return i >= 0 && (size_t)i < sizeof KINDS / sizeof *KINDS ? KINDS[i] : NULL;
}

const char *norm_name(int i) {
    const NormKind *kind = norm_kind(i);
    return kind ? kind->name : NULL;
}

bool norm_is_rms(const NormKind *kind) {
    return kind == &norm_rmsnorm || kind == &norm_rmsnorm_plus1;
}

/* --- parameters --- */

size_t norm_param_count(const NormKind *kind) {
    size_t count = 0;
    while (count < NORM_PARAMS && kind->param[count].name) count++;
    return count;
}

const NormParam *norm_param(const NormKind *kind, NormRole role) {
    for (size_t i = 0; i < norm_param_count(kind); i++) {
        if (kind->param[i].role == role) return &kind->param[i];
    }
    return NULL;
}

bool norm_gain_is_factor(const NormKind *kind) {
    for (size_t i = 0; i < norm_param_count(kind); i++) {
        const NormParam *param = &kind->param[i];
        if (param->role == NORM_OTHER && param->shape != NORM_SCALAR) return false;
    }
    return true;
}

bool norm_is_scaling(const NormKind *kind) {
    for (size_t i = 0; i < norm_param_count(kind); i++) {
        if (kind->param[i].role != NORM_GAIN) return false;
    }
    return kind->n_stats == 1;
}

/* A stored gain v stands for the factor (v/width - zero) / (start - zero). */
static double gain_width(const NormParam *param, size_t C) {
    return param->by_width ? sqrt((double)C) : 1;
}

void norm_affine(const Norm *norm, double *gain, double *shift) {
    for (size_t c = 0; c < norm->C; c++) gain[c] = 1;
    for (size_t c = 0; c < norm->C; c++) shift[c] = 0;
    for (size_t i = 0; i < norm_param_count(norm->kind); i++) {
        const NormParam *param = &norm->kind->param[i];
        const real *value = norm->param[i];
        const double width = gain_width(param, norm->C);
        for (size_t c = 0; value && param->role != NORM_OTHER && c < norm->C; c++) {
            const double v = (double)value[param->shape == NORM_SCALAR ? 0 : c];
            if (param->role == NORM_GAIN)
                gain[c] = (v / width - param->zero) / (param->start - param->zero);
            else
                shift[c] = v;
        }
    }
}

void norm_neutralize(const Norm *norm) {
    for (size_t i = 0; i < norm_param_count(norm->kind); i++) {
        const NormParam *param = &norm->kind->param[i];
        real *value = (real *)norm->param[i];
        const double neutral = param->role == NORM_GAIN ? param->start : 0;
        if (!value || param->role == NORM_OTHER) continue;
        for (size_t c = 0; c < norm_param_rows(param, norm->C); c++)
            value[c] = (real)(neutral * gain_width(param, norm->C));
    }
}

size_t norm_rank(size_t C) {
    return C < 8 ? 1 : C / 8;
}

size_t norm_param_rows(const NormParam *param, size_t C) {
    return param->shape == NORM_SCALAR ? 1 : param->shape == NORM_DOWN ? norm_rank(C) : C;
}

size_t norm_param_columns(const NormParam *param, size_t C) {
    return param->shape == NORM_DOWN ? C : param->shape == NORM_UP ? norm_rank(C) : 0;
}

static size_t param_size(const NormParam *param, size_t C) {
    const size_t columns = norm_param_columns(param, C);
    return norm_param_rows(param, C) * (columns ? columns : 1);
}

size_t norm_stats(const NormKind *kind, size_t C) {
    return kind->n_ranks * norm_rank(C) + kind->n_stats;
}

/* --- partial sums --- */

static size_t sums_size(const NormKind *kind, size_t C) {
    size_t size = 0;
    for (size_t i = 0; i < norm_param_count(kind); i++) size += param_size(&kind->param[i], C);
    return size;
}

static size_t partials_stride(const NormKind *kind, size_t C) {
    const size_t size = sums_size(kind, C) + (kind->scratch ? kind->scratch(C) : 0);
    return (size + 15) / 16 * 16;
}

size_t norm_partials(const NormKind *kind, size_t C) {
    return ROW_CHUNKS * partials_stride(kind, C);
}

static NormSums sums_of(const Norm *norm, size_t chunk) {
    NormSums sums = {.scratch = norm->partials + chunk * partials_stride(norm->kind, norm->C)};
    for (size_t i = 0; i < norm_param_count(norm->kind); i++) {
        sums.sum[i] = sums.scratch;
        sums.scratch += param_size(&norm->kind->param[i], norm->C);
    }
    return sums;
}

void norm_backward_piece(const Norm *norm, size_t chunk, real *dx, const real *dy, const real *x,
                         NormSpan span) {
    const NormSums sums = sums_of(norm, chunk);
    const size_t size = sums_size(norm->kind, norm->C);
    if (size) memset(sums.sum[0], 0, size * sizeof(real));
    norm->kind->backward(norm, sums, dx, dy, x, span);
}

/* grad (n) += a * the sums of all chunks, which are `stride` apart. */
static void add_sums(real *grad, const real *sums, real a, size_t n, size_t stride) {
#pragma omp parallel for schedule(static) if (n > PARALLEL_MIN)
    for (size_t block = 0; block < n; block += PARALLEL_MIN) {
        const size_t end = block + PARALLEL_MIN < n ? block + PARALLEL_MIN : n;
        for (size_t chunk = 0; chunk < ROW_CHUNKS; chunk++) {
            const real *sum = sums + chunk * stride;
            for (size_t i = block; i < end; i++) grad[i] = fused(a, sum[i], grad[i]);
        }
    }
}

void norm_sum(const Norm *norm, real w) {
    const NormSums first = sums_of(norm, 0);
    const size_t stride = partials_stride(norm->kind, norm->C);
    for (size_t i = 0; i < norm_param_count(norm->kind); i++) {
        const NormParam *param = &norm->kind->param[i];
        if (!norm->grad[i]) continue;
        add_sums(norm->grad[i], first.sum[i], param->role == NORM_GAIN ? w : 1,
                 param_size(param, norm->C), stride);
    }
}

/* --- all rows --- */

typedef struct {
    const Norm *norm;
    real *out;          /* y or dx */
    const real *x, *dy; /* dy is NULL forward */
    real w;
    GradWrite write;
} NormWork;

static void work_forward(void *context, size_t chunk, size_t first, size_t end) {
    const NormWork *work = context;
    (void)chunk;
    norm_forward_piece(work->norm, work->out, work->x,
                       (NormSpan){.first = first, .end = end, .w = work->w});
}

static void work_backward(void *context, size_t chunk, size_t first, size_t end) {
    const NormWork *work = context;
    const NormSpan span = {.first = first, .end = end, .w = work->w, .write = work->write};
    norm_backward_piece(work->norm, chunk, work->out, work->dy, work->x, span);
}

void norm_forward(const Norm *norm, real *y, const real *x, real w, size_t rows) {
    PHASE(PHASE_NORM);
    if (norm->kind == &norm_none && y == x) return;
    if (norm_gathers(norm)) norm->kind->gather(norm, x, rows);
    NormWork work = {.norm = norm, .out = y, .x = x, .w = w};
    rows_share(work_forward, &work, rows, norm->C);
}

void norm_backward(const Norm *norm, real *dx, const real *dy, const real *x, real w, size_t rows,
                   GradWrite write) {
    PHASE(PHASE_NORM);
    if (norm->kind == &norm_none && dx == dy) return;
    if (norm_gathers(norm)) norm->kind->gather_backward(norm, dy, x, rows);
    NormWork work = {.norm = norm, .out = dx, .x = x, .dy = dy, .w = w, .write = write};
    rows_share(work_backward, &work, rows, norm->C);
    norm_sum(norm, w);
}

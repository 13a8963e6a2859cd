/* norm.c - the table of norms, the parallel loop over rows, and the sums over them.
 *
 * One idea: the rows are split into 16 chunks at fixed borders. Every chunk has partial sums of its
 * own, which are added in order, so the gradients of gamma, beta and alpha do not depend on the
 * number of threads. To add a norm, add its file and a line here. */
#include "norm/norm.h"
#include "ops/cpu/cpu.h"
#include "ops/cpu/vmath.h"

#include <string.h>

static const NormKind *const KINDS[] = {
    &norm_layernorm, &norm_rmsnorm, &norm_rmsnorm_plus1, &norm_dyt, &norm_none, &norm_batchnorm,
};

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

/* --- partial sums --- */

static size_t partials_stride(size_t C) {
    return (2 * C + 1 + 15) / 16 * 16;
}

size_t norm_partials(size_t C) {
    return ROW_CHUNKS * partials_stride(C);
}

static NormSums sums_of(const Norm *norm, size_t chunk) {
    real *base = norm->partials + chunk * partials_stride(norm->C);
    return (NormSums){base, base + norm->C, base + 2 * norm->C};
}

void norm_backward_piece(const Norm *norm, size_t chunk, real *dx, const real *dy, const real *x,
                         NormSpan span) {
    NormSums sums = sums_of(norm, chunk);
    if (norm->kind->gamma) memset(sums.dgamma, 0, partials_stride(norm->C) * sizeof(real));
    norm->kind->backward(norm, sums, dx, dy, x, span);
}

void norm_sum(const Norm *norm, real w) {
    if (!norm->kind->gamma) return;
    for (size_t chunk = 0; chunk < ROW_CHUNKS; chunk++) {
        NormSums sums = sums_of(norm, chunk);
        if (norm->dgamma) {
            for (size_t c = 0; c < norm->C; c++)
                norm->dgamma[c] = fused(w, sums.dgamma[c], norm->dgamma[c]);
        }
        if (norm->dbeta) {
            for (size_t c = 0; c < norm->C; c++) norm->dbeta[c] += sums.dbeta[c];
        }
        if (norm->dalpha) *norm->dalpha += *sums.dalpha;
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

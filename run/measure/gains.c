/* gains.c - see gains.h. */
#include "run/measure/gains.h"

#include "base/stb_ds.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* --- every norm --- */

/* A visit to the norms of one sublayer. */
typedef struct {
    GainsVisit *visit;
    void *context;
    char prefix[NORM_NAME / 2];
} Tour;

static void visit_norm(const Tour *tour, const char *name, const Norm *norm, bool warm) {
    char full[NORM_NAME];
    if (norm->kind == &norm_none) return;
    snprintf(full, sizeof full, "%s.norm_%s", tour->prefix, name);
    tour->visit(tour->context, full, norm, warm);
}

static void visit_slot(const Tour *tour, const Sublayer *sublayer, Slot slot) {
    visit_norm(tour, slot_name((int)slot), &sublayer->norm[slot], sublayer->warm[slot]);
}

static void visit_sublayer(Tour *tour, const Sublayer *sublayer) {
    const Mid *mid = sublayer->is_mlp ? &sublayer->mlp.mid : &sublayer->attention.mid;
    snprintf(tour->prefix, sizeof tour->prefix, "blocks.%zu.%s", sublayer->block,
             sublayer->is_mlp ? "mlp" : "attn");
    visit_slot(tour, sublayer, SLOT_IN);
    if (!sublayer->is_mlp) {
        visit_norm(tour, "q", &sublayer->attention.q.norm, false);
        visit_norm(tour, "k", &sublayer->attention.k.norm, false);
        visit_norm(tour, "v", &sublayer->attention.v.norm, false);
    }
    visit_norm(tour, "mid", &mid->norm, mid->warm);
    visit_slot(tour, sublayer, SLOT_OUT);
    visit_slot(tour, sublayer, SLOT_POST);
}

void gains_visit(const Model *model, GainsVisit *visit, void *context) {
    Tour tour = {.visit = visit, .context = context};
    if (model->embed_norm.kind != &norm_none) visit(context, "emb_norm", &model->embed_norm, false);
    for (size_t l = 0; l < model->shape.L; l++) {
        visit_sublayer(&tour, &model->block[l].attn);
        visit_sublayer(&tour, &model->block[l].mlp);
    }
    if (model->final_norm.kind != &norm_none)
        visit(context, "final_norm", &model->final_norm, false);
}

/* --- their gains --- */

static int ascending(const void *a, const void *b) {
    const double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static double quantile(const double *sorted, size_t n, double q) {
    const double place = q * (double)(n - 1);
    const size_t i = (size_t)place, next = i + 1 < n ? i + 1 : i;
    return sorted[i] + (place - (double)i) * (sorted[next] - sorted[i]);
}

Gains gains_of(double *values, size_t n) {
    Gains g = {.n = n};
    double squares = 0;
    for (size_t i = 0; i < n; i++) {
        squares += values[i] * values[i];
        if (fabs(values[i]) > fabs(values[g.largest])) g.largest = i;
    }
    qsort(values, n, sizeof *values, ascending);
    g.min = values[0];
    g.q1 = quantile(values, n, 0.25);
    g.median = quantile(values, n, 0.5);
    g.q3 = quantile(values, n, 0.75);
    g.max = values[n - 1];
    g.rms = sqrt(squares / (double)n);
    const double fence = 3 * (g.q3 - g.q1);
    for (size_t i = 0; i < n; i++)
        g.outliers += values[i] < g.q1 - fence || values[i] > g.q3 + fence;
    return g;
}

typedef struct {
    Gains *list; /* stb_ds array */
    double w;
} Collection;

static void collect(void *context, const char *name, const Norm *norm, bool warm) {
    Collection *collection = context;
    const NormParam *param = norm_param(norm->kind, NORM_GAIN);
    if (!param) return;
    double *gain = mem_alloc(size_mul(norm->C, sizeof *gain));
    double *shift = mem_alloc(size_mul(norm->C, sizeof *shift));
    norm_affine(norm, gain, shift);
    for (size_t c = 0; c < norm->C; c++) gain[c] *= warm ? collection->w : 1;
    Gains gains = gains_of(gain, norm_param_rows(param, norm->C));
    gains.kind = norm->kind;
    snprintf(gains.name, sizeof gains.name, "%s", name);
    arrput(collection->list, gains);
    mem_free(gain);
    mem_free(shift);
}

Gains *gains_measure(const Model *model, double w) {
    Collection collection = {.w = w};
    gains_visit(model, collect, &collection);
    return collection.list;
}

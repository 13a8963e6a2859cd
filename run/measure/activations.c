/* activations.c - see activations.h. */
#include "run/measure/activations.h"

#include <math.h>
#include <stdio.h>

/* --- moments over sequences --- */

/* Adds the moments of sequence number `n` (from 0) to the means of those before; `rms` is kept as a
 * mean square until moments_finish. */
static void moments_add(Moments *mean, const Moments *own, size_t n) {
    const double old = (double)n / (double)(n + 1), new = 1 / (double)(n + 1);
    if (!own->tokens) return;
    mean->tokens += own->tokens;
    mean->mean = old * mean->mean + new * own->mean;
    mean->variance = old * mean->variance + new * own->variance;
    mean->kurtosis = old * mean->kurtosis + new * own->kurtosis;
    mean->rms = old * mean->rms + new * own->rms * own->rms;
    if (isnan(own->absmax) || own->absmax > mean->absmax) mean->absmax = own->absmax;
}

static void extreme_raise(Extreme *extreme, const ProbePeaks *peaks, const Sequences *sequences,
                          size_t n) {
    for (int group = 0; group < TOKEN_GROUPS; group++) {
        const Peak *peak = &peaks->peak[group];
        const bool larger = isnan(peak->value) || fabs(peak->value) > fabs(extreme->value);
        if (isnan(extreme->value) || !larger) continue;
        *extreme = (Extreme){.value = peak->value,
                             .median = peaks->median,
                             .sequence = n,
                             .position = peak->row,
                             .feature = peak->column,
                             .token = sequences->tokens[n * sequences->T + peak->row]};
    }
}

static void site_add(SiteValues *site, const Probe *probe, size_t point, ProbeSite which,
                     const Sequences *sequences, size_t n) {
    const ProbeStats *stats = probe_stats(probe, point, which);
    site->measured = stats->measured;
    if (!stats->measured) return;
    for (int group = 0; group < TOKEN_GROUPS; group++)
        moments_add(&site->moments[group], &stats->moments[group], n);
    extreme_raise(&site->extreme, probe_peaks(probe, point, which), sequences, n);
}

static void site_finish(SiteValues *site) {
    for (int group = 0; group < TOKEN_GROUPS; group++)
        site->moments[group].rms = sqrt(site->moments[group].rms);
}

/* --- places --- */

static void name_point(Point *point, const Probe *probe, size_t index) {
    const ProbePoint place = probe_point(probe, index);
    if (index == probe_embedding() || index == probe_final(probe->L)) {
        snprintf(point->name, POINT_NAME, "%s", place.sublayer);
        point->depth = index == probe_embedding() ? 0 : (double)probe->L;
        return;
    }
    snprintf(point->name, POINT_NAME, "blocks.%zu.%s", place.layer - 1, place.sublayer);
    point->depth = (double)(index - 1) / 2;
}

/* --- attention --- */

static void attention_finish(AttentionUse *use, const double *sums, const real *peaks, size_t NH,
                             double queries) {
    double total = 0;
    for (size_t h = 0; h < NH; h++) {
        total += sums[h];
        if (h == 0 || sums[h] > sums[use->head]) use->head = h;
    }
    use->first = total / (double)NH / queries; /* 0/0 if T is 1 */
    use->largest = sums[use->head] / queries;
    for (int group = 0; group < TOKEN_GROUPS; group++)
        use->logit[group] = peaks[group] == -INFINITY ? NAN : (double)peaks[group];
}

/* --- all sequences --- */

/* The most elements of a site for one sequence. */
static size_t largest_site(const Shape *s, size_t T) {
    size_t widest = s->NH * s->HS > s->C ? s->NH * s->HS : s->C;
    return size_mul(T, s->F > widest ? s->F : widest);
}

static Activations allocate(const Probe *probe) {
    Activations a = {.points = probe->points, .blocks = probe->L};
    a.point = mem_alloc(size_mul(a.points, sizeof *a.point));
    a.attention = mem_alloc(size_mul(a.blocks + 1, sizeof *a.attention));
    for (size_t i = 0; i < a.points; i++) name_point(&a.point[i], probe, i);
    return a;
}

Activations activations_measure(const StoredModel *stored, const Sequences *sequences, Work *work) {
    Model *model = stored->model;
    const size_t S = sequences->S, T = sequences->T, NH = model->shape.NH, L = model->shape.L;
    Probe *probe = probe_create(L);
    Activations a = allocate(probe);
    double *sums = mem_alloc(size_mul(size_mul(L, NH), sizeof *sums));
    real *peaks = mem_alloc(size_mul(size_mul(L, TOKEN_GROUPS), sizeof *peaks));
    probe_locate(probe, largest_site(&model->shape, T));
    constant_fill(peaks, -INFINITY, L * TOKEN_GROUPS);
    for (size_t n = 0; n < S; n++) {
        Pass pass = sequences_pass(stored, sequences, n, 1);
        pass.probe = probe;
        pass.peaks = peaks;
        pass.first_sums = sums;
        model_forward(model, &pass);
        a.loss += model_loss(model, &pass) / (double)(S * T);
        for (size_t i = 0; i < a.points; i++) {
            site_add(&a.point[i].stream, probe, i, PROBE_STREAM, sequences, n);
            site_add(&a.point[i].branch, probe, i, PROBE_BRANCH, sequences, n);
        }
        work_add(work, 1);
    }
    for (size_t i = 0; i < a.points; i++) {
        site_finish(&a.point[i].stream);
        site_finish(&a.point[i].branch);
    }
    for (size_t l = 0; l < L; l++)
        attention_finish(&a.attention[l], sums + l * NH, peaks + l * TOKEN_GROUPS, NH,
                         (double)(S * (T - 1)));
    mem_free(sums);
    mem_free(peaks);
    probe_free(probe);
    return a;
}

void activations_free(Activations *activations) {
    mem_free(activations->point);
    mem_free(activations->attention);
    *activations = (Activations){0};
}

/* probe.c - see probe.h. */
#include "model/probe.h"

#include "base/words.h"

static const char *const SITE_NAMES[PROBE_SITES] = {
    [PROBE_STREAM] = "stream", [PROBE_NORM_IN] = "norm_in",   [PROBE_NORM_MID] = "norm_mid",
    [PROBE_BRANCH] = "branch", [PROBE_NORM_OUT] = "norm_out", [PROBE_NORM_POST] = "norm_post",
};

const char *probe_site_name(int site) {
    return NAME_AT(SITE_NAMES, site);
}

static size_t point_count(size_t L) {
    return probe_final(L) + 1;
}

static size_t table_bytes(size_t L) {
    return size_mul(size_mul(point_count(L), PROBE_SITES), sizeof(ProbeStats));
}

size_t probe_bytes(size_t L) {
    return sizeof(Probe) + table_bytes(L);
}

Probe *probe_create(size_t L) {
    Probe *probe = mem_alloc(sizeof *probe);
    *probe = (Probe){.L = L, .points = point_count(L)};
    probe->stats = mem_alloc(table_bytes(L));
    return probe;
}

void probe_free(Probe *probe) {
    if (!probe) return;
    mem_free(probe->stats);
    mem_free(probe->located);
    mem_free(probe->scratch);
    mem_free(probe);
}

void probe_locate(Probe *probe, size_t elements) {
    probe->located = mem_alloc(size_mul(size_mul(probe->points, PROBE_SITES), sizeof(ProbePeaks)));
    probe->scratch = mem_alloc(size_mul(elements, sizeof(real)));
    probe->room = elements;
}

ProbePoint probe_point(const Probe *probe, size_t point) {
    if (point == probe_embedding()) return (ProbePoint){0, "embedding"};
    if (point == probe_final(probe->L)) return (ProbePoint){probe->L + 1, "final"};
    return (ProbePoint){(point + 1) / 2, point % 2 ? "attn" : "mlp"};
}

ProbeStats *probe_stats(const Probe *probe, size_t point, ProbeSite site) {
    return &probe->stats[point * PROBE_SITES + site];
}

const ProbePeaks *probe_peaks(const Probe *probe, size_t point, ProbeSite site) {
    return &probe->located[point * PROBE_SITES + site];
}

void probe_value(Probe *probe, size_t point, ProbeSite site, const real *x, size_t R, size_t T,
                 size_t C) {
    if (!probe) return;
    ProbeStats *stats = probe_stats(probe, point, site);
    stats->measured = true;
    activation_moments(stats->moments, x, R, T, C);
    if (!probe->located || R * C > probe->room) return;
    ProbePeaks *own = &probe->located[point * PROBE_SITES + site];
    activation_peaks(own->peak, x, R, T, C);
    own->median = median_abs(probe->scratch, x, R * C);
}

void probe_gradient(Probe *probe, size_t point, ProbeSite site, const real *dx, size_t R, size_t T,
                    size_t C) {
    if (probe) activation_rms(probe_stats(probe, point, site)->grad_rms, dx, R, T, C);
}

/* probe.c - see probe.h. */
#include "model/probe.h"

#include "base/words.h"

static const char *const SITE_NAMES[SITES] = {
    [SITE_STREAM] = "stream",     [SITE_NORM_IN] = "norm_in",     [SITE_BRANCH] = "branch",
    [SITE_NORM_OUT] = "norm_out", [SITE_NORM_POST] = "norm_post",
};

const char *site_name(int site) {
    return NAME_AT(SITE_NAMES, site);
}

/* Its table. */
static size_t stats_bytes(size_t L) {
    return size_mul(size_mul(place_final(L) + 1, SITES), sizeof(SiteStats));
}

size_t probe_bytes(size_t L) {
    return sizeof(Probe) + stats_bytes(L);
}

Probe *probe_create(size_t L) {
    Probe *probe = mem_alloc(sizeof *probe);
    *probe = (Probe){.L = L, .places = place_final(L) + 1};
    probe->stats = mem_alloc(stats_bytes(L));
    return probe;
}

void probe_free(Probe *probe) {
    if (!probe) return;
    mem_free(probe->stats);
    mem_free(probe);
}

ProbePlace probe_place(const Probe *probe, size_t place) {
    if (place == place_embedding()) return (ProbePlace){0, "embedding"};
    if (place == place_final(probe->L)) return (ProbePlace){probe->L + 1, "final"};
    return (ProbePlace){(place + 1) / 2, place % 2 ? "attn" : "mlp"};
}

SiteStats *probe_stats(const Probe *probe, size_t place, Site site) {
    return &probe->stats[place * SITES + site];
}

void probe_value(Probe *probe, size_t place, Site site, const real *x, size_t R, size_t T,
                 size_t C) {
    if (!probe) return;
    SiteStats *stats = probe_stats(probe, place, site);
    stats->measured = true;
    activation_moments(stats->moments, x, R, T, C);
}

void probe_gradient(Probe *probe, size_t place, Site site, const real *dx, size_t R, size_t T,
                    size_t C) {
    if (probe) activation_rms(probe_stats(probe, place, site)->grad_rms, dx, R, T, C);
}

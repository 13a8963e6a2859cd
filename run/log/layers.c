/* layers.c - see layers.h. */
#include "run/log/layers.h"

const char LAYERS_HEADER[] =
    "step,layer,sublayer,site,position,mean,variance,rms,absmax,kurtosis,grad_rms\n";

static const char *const POSITIONS[TOKEN_GROUPS] = {[TOKEN_FIRST] = "first", [TOKEN_REST] = "rest"};

const char *layers_position(size_t group) {
    return POSITIONS[group];
}

/* The numbers of a row, empty where there was no token to measure. */
static void write_numbers(Csv *csv, const Moments *m, double grad_rms) {
    const double numbers[] = {m->mean, m->variance, m->rms, m->absmax, m->kurtosis, grad_rms};
    for (size_t i = 0; i < sizeof numbers / sizeof *numbers; i++) {
        if (m->tokens > 0)
            csv_number(csv, numbers[i]);
        else
            csv_empty(csv);
    }
}

static void write_site(Csv *csv, size_t step, ProbePlace place, int site, const SiteStats *stats) {
    for (size_t group = 0; group < TOKEN_GROUPS; group++) {
        csv_whole(csv, step);
        csv_whole(csv, place.layer);
        csv_text(csv, place.sublayer);
        csv_text(csv, site_name(site));
        csv_text(csv, layers_position(group));
        write_numbers(csv, &stats->moments[group], stats->grad_rms[group]);
        csv_end_row(csv);
    }
}

void layers_write(Csv *csv, size_t step, const Probe *probe) {
    for (size_t place = 0; place < probe->places; place++) {
        for (int site = 0; site < SITES; site++) {
            const SiteStats *stats = probe_stats(probe, place, (Site)site);
            if (stats->measured) write_site(csv, step, probe_place(probe, place), site, stats);
        }
    }
}

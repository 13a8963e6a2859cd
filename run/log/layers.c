/* layers.c - see layers.h. */
#include "run/log/layers.h"

const char LAYERS_HEADER[] =
    "step,layer,sublayer,site,position,mean,variance,rms,absmax,kurtosis,grad_rms\n";

static const char *const POSITIONS[TOKEN_GROUPS] = {[TOKEN_FIRST] = "first", [TOKEN_REST] = "rest"};

const char *layers_position(size_t group) {
    return POSITIONS[group];
}

/* The numbers of a record; empty cells if the group has no tokens. */
static void write_numbers(Csv *csv, const Moments *m, double grad_rms) {
    const double numbers[] = {m->mean, m->variance, m->rms, m->absmax, m->kurtosis, grad_rms};
    for (size_t i = 0; i < sizeof numbers / sizeof *numbers; i++) {
        if (m->tokens > 0)
            csv_number(csv, numbers[i]);
        else
            csv_empty(csv);
    }
}

static void write_site(Csv *csv, size_t step, ProbePoint point, int site, const ProbeStats *stats) {
    for (size_t group = 0; group < TOKEN_GROUPS; group++) {
        csv_integer(csv, step);
        csv_integer(csv, point.layer);
        csv_text(csv, point.sublayer);
        csv_text(csv, probe_site_name(site));
        csv_text(csv, layers_position(group));
        write_numbers(csv, &stats->moments[group], stats->grad_rms[group]);
        csv_end_record(csv);
    }
}

void layers_write(Csv *csv, size_t step, const Probe *probe) {
    for (size_t point = 0; point < probe->points; point++) {
        for (int site = 0; site < PROBE_SITES; site++) {
            const ProbeStats *stats = probe_stats(probe, point, (ProbeSite)site);
            if (stats->measured) write_site(csv, step, probe_point(probe, point), site, stats);
        }
    }
}

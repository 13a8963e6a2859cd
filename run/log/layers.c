/* layers.c - see layers.h. */
#include "run/log/layers.h"

#include <math.h>
#include <string.h>

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

static void write_place(Csv *csv, size_t step, ProbePoint point, const char *site, size_t group) {
    csv_integer(csv, step);
    csv_integer(csv, point.layer);
    csv_text(csv, point.sublayer);
    csv_text(csv, site);
    csv_text(csv, layers_position(group));
}

static void write_site(Csv *csv, size_t step, ProbePoint point, int site, const ProbeStats *stats) {
    for (size_t group = 0; group < TOKEN_GROUPS; group++) {
        write_place(csv, step, point, probe_site_name(site), group);
        write_numbers(csv, &stats->moments[group], stats->grad_rms[group]);
        csv_end_record(csv);
    }
}

/* The largest logits of a block, in column absmax. There is none for other tokens than the first where
 * the context is one token. */
static void write_scores(Csv *csv, size_t step, ProbePoint point, const real *peaks) {
    for (size_t group = 0; group < TOKEN_GROUPS; group++) {
        write_place(csv, step, point, "scores", group);
        for (int empty = 0; empty < 3; empty++) csv_empty(csv);
        if (peaks[group] == -INFINITY)
            csv_empty(csv);
        else
            csv_number(csv, (double)peaks[group]);
        for (int empty = 0; empty < 2; empty++) csv_empty(csv);
        csv_end_record(csv);
    }
}

void layers_write(Csv *csv, size_t step, const Probe *probe, const real *peaks) {
    for (size_t i = 0; i < probe->points; i++) {
        const ProbePoint point = probe_point(probe, i);
        for (int site = 0; site < PROBE_SITES; site++) {
            const ProbeStats *stats = probe_stats(probe, i, (ProbeSite)site);
            if (stats->measured) write_site(csv, step, point, site, stats);
        }
        if (peaks && strcmp(point.sublayer, "attn") == 0)
            write_scores(csv, step, point, peaks + (point.layer - 1) * TOKEN_GROUPS);
    }
}

/* layers.c - see layers.h. */
#include "run/log/layers.h"

#include <math.h>

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

/* The largest logits of a block. There is none for other tokens than the first where the context is
 * one token. */
static void write_scores(Csv *csv, size_t step, size_t layer, const real *peaks) {
    for (size_t group = 0; group < TOKEN_GROUPS; group++) {
        csv_integer(csv, step);
        csv_integer(csv, layer);
        csv_text(csv, "attn");
        csv_text(csv, "scores");
        csv_text(csv, layers_position(group));
        for (int empty = 0; empty < 3; empty++) csv_empty(csv);
        if (isinf(peaks[group]) && peaks[group] < 0)
            csv_empty(csv);
        else
            csv_number(csv, (double)peaks[group]);
        for (int empty = 0; empty < 2; empty++) csv_empty(csv);
        csv_end_record(csv);
    }
}

void layers_write(Csv *csv, size_t step, const Probe *probe, const real *peaks) {
    for (size_t point = 0; point < probe->points; point++) {
        for (int site = 0; site < PROBE_SITES; site++) {
            const ProbeStats *stats = probe_stats(probe, point, (ProbeSite)site);
            if (stats->measured) write_site(csv, step, probe_point(probe, point), site, stats);
        }
        for (size_t block = 0; peaks && block < probe->L; block++) {
            if (point == probe_sublayer(block, false))
                write_scores(csv, step, block + 1, peaks + block * TOKEN_GROUPS);
        }
    }
}

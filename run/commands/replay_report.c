/* replay_report.c - see replay_report.h. */
#include "run/commands/replay_report.h"

#include "run/log/layers.h"

#include <math.h>
#include <stdio.h>

enum { SHOWN = 3 };

/* The SHOWN largest values offered, in descending order; equal values in order of arrival. */
typedef struct {
    double rank[SHOWN];
    size_t index[SHOWN], count;
} Greatest;

static void offer(Greatest *greatest, size_t index, double rank) {
    if (isnan(rank)) return;
    size_t place = greatest->count;
    while (place > 0 && greatest->rank[place - 1] < rank) place--;
    if (place == SHOWN) return;
    if (greatest->count < SHOWN) greatest->count++;
    for (size_t k = greatest->count - 1; k > place; k--) {
        greatest->rank[k] = greatest->rank[k - 1];
        greatest->index[k] = greatest->index[k - 1];
    }
    greatest->rank[place] = rank;
    greatest->index[place] = index;
}

/* --- tensors --- */

static void print_scores(const SpikeReport *spike) {
    if (spike->spike & SPIKE_GRAD) printf(", gradient norm (z %.3g)", spike->grad.z);
    if (spike->spike & SPIKE_LOSS) printf(", loss (z %.3g)", spike->loss.z);
}

static void print_grown(const Params *params, size_t tensor, double growth, const char *than) {
    printf("  %-32s %.4g times %s\n", params->list[tensor].name, growth, than);
}

void print_tensors_grown(size_t step, const SpikeReport *spike, const Params *params,
                         const NonFinite *nonfinite, const double *before, const double *now) {
    printf("\nupdate %zu was %sflagged", step, spike->spike ? "" : "not ");
    print_scores(spike);
    if (!spike->finite) {
        printf("; first not finite:\n  %s\n", nonfinite->name);
        return;
    }
    puts("; gradients that grew most:");
    if (spike->spike) {
        for (size_t i = 0; i < SPIKE_TENSORS; i++) {
            if (!isnan(spike->growth[i]))
                print_grown(params, spike->tensor[i], spike->growth[i], "the mean of its window");
        }
        return;
    }
    Greatest greatest = {0};
    for (size_t i = 0; before && i < params_count(params); i++)
        offer(&greatest, i, now[i] / before[i]);
    for (size_t i = 0; i < greatest.count; i++)
        print_grown(params, greatest.index[i], greatest.rank[i], "its norm in the update before");
}

/* --- activations --- */

/* |ln(now / before)|; from finite to non-finite is the largest change. */
static double change(double before, double now) {
    if (isfinite(before) && !isfinite(now)) return INFINITY;
    return fabs(log(now / before));
}

void print_activations(size_t step, const Probe *before, const Probe *now) {
    Greatest greatest = {0};
    size_t sites = now->points * PROBE_SITES;
    for (size_t i = 0; i < sites * TOKEN_GROUPS; i++) {
        const ProbeStats *a = &before->stats[i / TOKEN_GROUPS], *b = &now->stats[i / TOKEN_GROUPS];
        const Moments *x = &a->moments[i % TOKEN_GROUPS], *y = &b->moments[i % TOKEN_GROUPS];
        if (!a->measured || !b->measured || !(x->tokens > 0)) continue;
        offer(&greatest, i, fmax(change(x->rms, y->rms), change(x->absmax, y->absmax)));
    }
    printf("\nactivations that changed most from update %zu to %zu:\n", step - 1, step);
    for (size_t k = 0; k < greatest.count; k++) {
        size_t i = greatest.index[k], site = i / TOKEN_GROUPS, group = i % TOKEN_GROUPS;
        const Moments *x = &before->stats[site].moments[group],
                      *y = &now->stats[site].moments[group];
        ProbePoint point = probe_point(now, site / PROBE_SITES);
        printf("  layer %zu %s %s, %s tokens: rms %.4g to %.4g, absmax %.4g to %.4g\n", point.layer,
               point.sublayer, probe_site_name((int)(site % PROBE_SITES)), layers_position(group),
               x->rms, y->rms, x->absmax, y->absmax);
    }
}

/* --- sequences --- */

void print_sequences(size_t step, const SequenceLoss *losses, size_t count, const Run *run) {
    printf("\nworst of the %zu sequences of update %zu:\n", count, step);
    sequences_print(losses, count < SHOWN ? count : SHOWN, run);
    putchar('\n');
}

/* nonfinite.c - see nonfinite.h. A place is a number: point * PROBE_SITES + site of the activation
 * that is computed next from a parameter. So the places of the forward pass are in ascending order. */
#include "run/train/nonfinite.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

/* The site that is computed next from a parameter, by the beginning of its name. All others are in
 * front of slot mid, in the order of the registry. */
static const struct {
    const char *prefix;
    ProbeSite site;
} SITES[] = {
    {"norm_in.", PROBE_NORM_IN},   {"proj.", PROBE_BRANCH},         {"down.", PROBE_BRANCH},
    {"norm_out.", PROBE_NORM_OUT}, {"norm_post.", PROBE_NORM_POST},
};

static bool begins(const char *text, const char *prefix) {
    return strncmp(text, prefix, strlen(prefix)) == 0;
}

static size_t place_in_block(size_t point, const char *name) {
    for (size_t i = 0; i < sizeof SITES / sizeof *SITES; i++) {
        if (begins(name, SITES[i].prefix)) return point * PROBE_SITES + SITES[i].site;
    }
    return point * PROBE_SITES + PROBE_NORM_MID;
}

static size_t place_of(const char *name, size_t L) {
    size_t block;
    int length = 0;
    if (sscanf(name, "blocks.%10zu.attn.%n", &block, &length) == 1 && length)
        return place_in_block(probe_sublayer(block, false), name + length);
    if (sscanf(name, "blocks.%10zu.mlp.%n", &block, &length) == 1 && length)
        return place_in_block(probe_sublayer(block, true), name + length);
    if (begins(name, "final_norm.")) return probe_final(L) * PROBE_SITES + PROBE_NORM_IN;
    if (begins(name, "head.")) return (probe_final(L) + 1) * PROBE_SITES;
    return probe_embedding();
}

static size_t layer_of(size_t place, size_t L) {
    size_t point = place / PROBE_SITES;
    return point > probe_final(L) ? L + 1 : (point + 1) / 2;
}

static bool all_finite(const real *values, size_t n) {
    for (size_t i = 0; i < n; i++) {
        if (!isfinite(values[i])) return false;
    }
    return true;
}

/* The first parameter that is not finite, and its place; NULL if there is none. */
static const Param *first_parameter(const Params *params, size_t L, size_t *place) {
    const Param *first = NULL;
    for (size_t i = 0; i < params_count(params); i++) {
        const Param *param = &params->list[i];
        size_t here = place_of(param->name, L);
        if ((first && here >= *place) || all_finite(params->values + param->offset, param->count))
            continue;
        first = param;
        *place = here;
    }
    return first;
}

static bool is_finite(const ProbeStats *stats) {
    for (size_t group = 0; group < TOKEN_GROUPS; group++) {
        const Moments *moments = &stats->moments[group];
        if (moments->tokens && !isfinite(moments->rms)) return false;
    }
    return true;
}

/* The first activation that is not finite; false if there is none. */
static bool first_activation(const Probe *probe, size_t *place) {
    for (*place = 0; *place < probe->points * PROBE_SITES; ++*place) {
        const ProbeStats *stats = &probe->stats[*place];
        if (stats->measured && !is_finite(stats)) return true;
    }
    return false;
}

static void name_activation(char name[NONFINITE_NAME], const Probe *probe, size_t place) {
    size_t index = place / PROBE_SITES;
    ProbePoint point = probe_point(probe, index);
    const char *site = probe_site_name((int)(place % PROBE_SITES));
    if (index == probe_embedding() || index == probe_final(probe->L))
        snprintf(name, NONFINITE_NAME, "%s.%s", point.sublayer, site);
    else
        snprintf(name, NONFINITE_NAME, "blocks.%zu.%s.%s", point.layer - 1, point.sublayer, site);
}

static NonFinite found_parameter(const Param *param, size_t place, size_t L) {
    NonFinite found = {.layer = layer_of(place, L)};
    snprintf(found.name, sizeof found.name, "%s", param->name);
    return found;
}

NonFinite nonfinite_forward(Model *model, const Pass *pass) {
    const size_t L = model->shape.L;
    size_t of_parameter = 0, of_activation = 0;
    NonFinite found = {.layer = 0};
    Probe *probe = probe_create(L);
    Pass again = *pass;
    again.probe = probe;
    again.scale_sums = NULL;
    again.repeats = true;
    model_forward(model, &again);
    bool activation = first_activation(probe, &of_activation);
    const Param *param = first_parameter(&model->params, L, &of_parameter);
    if (param && (!activation || of_parameter <= of_activation)) {
        found = found_parameter(param, of_parameter, L);
    } else if (activation) {
        found.layer = layer_of(of_activation, L);
        name_activation(found.name, probe, of_activation);
    }
    probe_free(probe);
    return found;
}

/* In a tie, the later one in the registry, which is in forward order within a place. */
NonFinite nonfinite_gradient(const Params *params, const double *tensor_norms, size_t L) {
    NonFinite found = {.layer = 0};
    size_t last = 0;
    for (size_t i = 0; i < params_count(params); i++) {
        size_t place = place_of(params->list[i].name, L);
        if (isfinite(tensor_norms[i]) || place < last) continue;
        found = found_parameter(&params->list[i], place, L);
        last = place;
    }
    return found;
}

NonFinite nonfinite_logits(size_t L) {
    return (NonFinite){.name = "logits", .layer = L + 1};
}

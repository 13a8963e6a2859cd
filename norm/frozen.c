/* frozen.c - see frozen.h. */
#include "norm/frozen.h"

#include <math.h>

void norm_site_observe(const NormSite *site, ScaleSums *sums, size_t B, size_t T) {
    const size_t per_sequence = T * site->per_token;
    for (size_t i = B * per_sequence; i-- > 0;) {
        TokenGroup group = i % per_sequence < site->per_token ? TOKEN_FIRST : TOKEN_REST;
        sums->sum[group] += 1 / (double)site->stats[i * site->n_stats + site->n_stats - 1];
        sums->rows[group]++;
    }
}

void norm_site_update_running(NormSite *site, const ScaleSums *sums, double decay) {
    for (int group = 0; group < TOKEN_GROUPS; group++) {
        real *running = &site->running_scale[group];
        double mean = sums->sum[group] / sums->rows[group], old = (double)*running;
        real next = (real)(old > 0 ? decay * old + (1 - decay) * mean : mean);
        if (isfinite(next)) *running = next; /* with T = 1 there are no later tokens: 0/0 */
    }
}

void norm_site_reserve(NormSite *site, size_t T) {
    const size_t rows = size_mul(T, site->per_token);
    if (site->room >= rows) return;
    mem_free(site->r);
    site->r = mem_alloc(size_mul(rows, sizeof(real)));
    site->room = rows;
}

/* Constants for T tokens: r is `first` for the first one and `rest` for the others. */
static void set_constants(NormSite *site, size_t T, double first, double rest, bool centers) {
    const size_t rows = size_mul(T, site->per_token);
    norm_site_reserve(site, T);
    for (size_t i = rows; i-- > 0;) site->r[i] = (real)(i < site->per_token ? first : rest);
    site->frozen = (NormFrozen){.r = site->r, .rows = rows, .centers = centers};
}

void norm_site_freeze(NormSite *site, const ScaleSums *sums, size_t T, bool first_apart) {
    double sum = sums->sum[TOKEN_FIRST] + sums->sum[TOKEN_REST];
    double rows = sums->rows[TOKEN_FIRST] + sums->rows[TOKEN_REST];
    double first = rows / sum, rest = first;
    if (first_apart) { /* with T = 1, rest is 0/0 and is not stored */
        first = sums->rows[TOKEN_FIRST] / sums->sum[TOKEN_FIRST];
        rest = sums->rows[TOKEN_REST] / sums->sum[TOKEN_REST];
    }
    set_constants(site, T, first, rest, true);
}

bool norm_site_remove(NormSite *site, size_t T, bool first_apart) {
    if (!site->running_scale || !(site->running_scale[TOKEN_FIRST] > 0)) return false;
    const double rest = (double)T - 1; /* later tokens for each first token */
    ScaleSums mean = {.sum = {[TOKEN_FIRST] = (double)site->running_scale[TOKEN_FIRST],
                              [TOKEN_REST] = rest * (double)site->running_scale[TOKEN_REST]},
                      .rows = {[TOKEN_FIRST] = 1, [TOKEN_REST] = rest}};
    norm_site_freeze(site, &mean, T, first_apart);
    return true;
}

void norm_site_identity(NormSite *site, size_t T) {
    set_constants(site, T, 1, 1, false);
}

void norm_site_thaw(NormSite *site) {
    site->frozen = (NormFrozen){.r = NULL};
}

bool norm_site_is_frozen(const NormSite *site) {
    return site->frozen.r != NULL;
}

void norm_site_free(NormSite *site) {
    norm_site_thaw(site);
    mem_free(site->r);
    site->r = NULL;
    site->room = 0;
}

/* frozen.c - see frozen.h. */
#include "norm/frozen.h"

#include <math.h>

void norm_site_observe(const NormSite *site, Deviations *seen, size_t B, size_t T) {
    const size_t row = T * site->per_token;
    for (size_t i = B * row; i-- > 0;) {
        TokenGroup group = i % row < site->per_token ? TOKEN_FIRST : TOKEN_REST;
        seen->sum[group] += 1 / (double)site->stats[i * site->n_stats + site->n_stats - 1];
        seen->rows[group]++;
    }
}

void norm_site_remember(NormSite *site, const Deviations *seen, double memory) {
    for (int group = 0; group < TOKEN_GROUPS; group++) {
        real *average = &site->average[group];
        double mean = seen->sum[group] / seen->rows[group], old = (double)*average;
        real next = (real)(old > 0 ? memory * old + (1 - memory) * mean : mean);
        if (isfinite(next)) *average = next; /* rows of one token have no others: 0/0 */
    }
}

void norm_site_reserve(NormSite *site, size_t T) {
    const size_t rows = size_mul(T, site->per_token);
    if (site->room >= rows) return;
    mem_free(site->r);
    site->r = mem_alloc(size_mul(rows, sizeof(real)));
    site->room = rows;
}

/* A table for T tokens whose first has r `first` and whose others have `rest`. */
static void set_table(NormSite *site, size_t T, double first, double rest, bool centers) {
    const size_t rows = size_mul(T, site->per_token);
    norm_site_reserve(site, T);
    for (size_t i = rows; i-- > 0;) site->r[i] = (real)(i < site->per_token ? first : rest);
    site->frozen = (NormFrozen){.r = site->r, .rows = rows, .centers = centers};
}

void norm_site_freeze(NormSite *site, const Deviations *seen, size_t T, bool first_apart) {
    double sum = seen->sum[TOKEN_FIRST] + seen->sum[TOKEN_REST];
    double rows = seen->rows[TOKEN_FIRST] + seen->rows[TOKEN_REST];
    double first = rows / sum, rest = first;
    if (first_apart) { /* rows of one token have no others, and no place for their constant */
        first = seen->rows[TOKEN_FIRST] / seen->sum[TOKEN_FIRST];
        rest = seen->rows[TOKEN_REST] / seen->sum[TOKEN_REST];
    }
    set_table(site, T, first, rest, true);
}

bool norm_site_remove(NormSite *site, size_t T, bool first_apart) {
    if (!site->average || !(site->average[TOKEN_FIRST] > 0)) return false;
    const double rest = (double)T - 1; /* tokens of a row, for each first one */
    Deviations mean = {.sum = {[TOKEN_FIRST] = (double)site->average[TOKEN_FIRST],
                               [TOKEN_REST] = rest * (double)site->average[TOKEN_REST]},
                       .rows = {[TOKEN_FIRST] = 1, [TOKEN_REST] = rest}};
    norm_site_freeze(site, &mean, T, first_apart);
    return true;
}

void norm_site_identity(NormSite *site, size_t T) {
    set_table(site, T, 1, 1, false);
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

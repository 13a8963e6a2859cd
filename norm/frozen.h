/* frozen.h - norms divided by constants instead of by what each token deviates.
 *
 * One idea: a site remembers where the statistics of its last pass stand, so they can be averaged
 * without touching the pass, and holds the constants that a pass reads in their place. Taking norms
 * out of a trained net: Heimersheim 2024 (arXiv 2409.13710), Baroni et al. 2025 (arXiv 2507.02559).
 * A NormSite owns its constants, not its averages. Read next: norm.h, ../model/plan.h. */
#ifndef NORM_FROZEN_H
#define NORM_FROZEN_H

#include "norm/norm.h"
#include "ops/ops.h"

/* A norm with a statistic, wherever it stands. */
typedef struct {
    char name[64];     /* blocks.0.attn.norm_in */
    const real *stats; /* of the last pass: (rows, n_stats), 1/deviation the last of a row */
    size_t n_stats, per_token; /* per_token: rows of a token, more than 1 where heads are normed */
    real *average; /* (TOKEN_GROUPS) running mean deviations, 0 = none yet; NULL = not kept */
    size_t group;  /* with which it is taken out, see ../model/removal.h */
    NormFrozen frozen;
    real *r; /* (room) what frozen.r points to */
    size_t room;
} NormSite;

/* Sums of deviations 1/r over tokens, the first of every row apart. */
typedef struct {
    double sum[TOKEN_GROUPS], rows[TOKEN_GROUPS];
} Deviations;

/* Adds those of the last pass, B rows of T tokens. */
void norm_site_observe(const NormSite *site, Deviations *seen, size_t B, size_t T);
/* Takes the mean deviations of an update into the averages: memory * average + (1 - memory) * mean,
 * the first mean as it is. One that is not finite is left out. */
void norm_site_remember(NormSite *site, const Deviations *seen, double memory);

/* Room for rows of up to T tokens, so that what follows allocates nothing. */
void norm_site_reserve(NormSite *site, size_t T);
/* Divides rows of up to T tokens by the mean deviation from now on: of all tokens or, where
 * `first_apart`, the first token of a row by that of first tokens. */
void norm_site_freeze(NormSite *site, const Deviations *seen, size_t T, bool first_apart);
/* The same with the averages; false, and nothing is done, where there are none yet. */
bool norm_site_remove(NormSite *site, size_t T, bool first_apart);
/* Takes the statistics away altogether: gains and shifts alone are left. */
void norm_site_identity(NormSite *site, size_t T);
/* Gives the constants back: the norm is itself again. */
void norm_site_thaw(NormSite *site);
bool norm_site_is_frozen(const NormSite *site);
void norm_site_free(NormSite *site);

#endif

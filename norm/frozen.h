/* frozen.h - frozen norms: constants in place of the statistics of each token.
 *
 * One idea: a site keeps a pointer to the statistics of its last pass, so they can be averaged
 * without changing the pass, and holds the constants that a pass reads instead once the norm is
 * frozen. The scale of a token is 1/r: its standard deviation in LayerNorm, its RMS in RMSNorm,
 * both with eps. Removing norms from a trained model: Heimersheim 2024 (arXiv 2409.13710), Baroni
 * et al. 2025 (arXiv 2507.02559). A NormSite owns its constants, not its running scales.
 * Read next: norm.h, ../model/plan.h. */
#ifndef NORM_FROZEN_H
#define NORM_FROZEN_H

#include "norm/norm.h"
#include "ops/ops.h"

/* A norm of the model that has a statistic. */
typedef struct {
    char name[64];       /* blocks.0.attn.norm_in */
    const real *stats;   /* (rows, n_stats) of the last pass; the last one of a row is r */
    size_t n_stats;      /* statistics per row */
    size_t per_token;    /* rows per token: more than 1 where each head is normalized */
    real *running_scale; /* (TOKEN_GROUPS) EMA of the scale, 0 = none yet; NULL = not kept */
    size_t group;        /* norms of one group are removed together, see ../model/removal.h */
    int place;           /* NormPlace of ../model/removal.h */
    NormFrozen frozen;
    real *r; /* (room) constants, to which frozen.r points */
    size_t room;
} NormSite;

/* Sums of the scale 1/r over rows; those of first tokens of a sequence are separate. */
typedef struct {
    double sum[TOKEN_GROUPS], rows[TOKEN_GROUPS];
} ScaleSums;

/* Adds the scales of the last pass, of B sequences of T tokens. */
void norm_site_observe(const NormSite *site, ScaleSums *sums, size_t B, size_t T);
/* Updates the running scales with the mean of a step: decay * running + (1 - decay) * mean. The
 * first mean is taken as it is. A mean that is not finite is ignored. */
void norm_site_update_running(NormSite *site, const ScaleSums *sums, double decay);

/* Allocates the constants for sequences of up to T tokens; later calls then allocate nothing. */
void norm_site_reserve(NormSite *site, size_t T);
/* Freezes the norm for sequences of up to T tokens: rows are divided by the mean scale of all
 * tokens or, where `first_apart`, first tokens by the mean of first tokens and the others by the
 * mean of the others. */
void norm_site_freeze(NormSite *site, const ScaleSums *sums, size_t T, bool first_apart);
/* The same with the running scales; false, without an effect, if there are none yet. */
bool norm_site_remove(NormSite *site, size_t T, bool first_apart);
/* Replaces the norm by its gain and shift alone: no mean is subtracted, r is 1. */
void norm_site_identity(NormSite *site, size_t T);
/* Undoes all of these: rows are normalized by their own statistics again. */
void norm_site_thaw(NormSite *site);
bool norm_site_is_frozen(const NormSite *site);
void norm_site_free(NormSite *site);

#endif

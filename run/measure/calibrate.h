/* calibrate.h - --norms: replaces the statistics of a stored model's norms by constants.
 *
 * One idea: the constants are means over training sequences, never over the data that is evaluated.
 * The modes show how much a trained model depends on its norms.
 * Read next: norm/frozen.h, sequences.h, measurement.h. */
#ifndef RUN_MEASURE_CALIBRATE_H
#define RUN_MEASURE_CALIBRATE_H

#include "run/measure/sequences.h"

typedef enum { NORMS_REAL, NORMS_FROZEN, NORMS_FROZEN_FIRST, NORMS_IDENTITY } NormsMode;
const char *norms_mode_name(int i); /* real frozen frozen_first identity; NULL past the end */
/* The mode of that name; another name ends the program (EXIT_USAGE). NULL = real. */
NormsMode norms_mode(const char *name);

/* Changes the norms of a stored model, except those that norm_removal has already removed:
 *
 *     real           as trained
 *     frozen         x is divided by a constant per norm: the mean of the RMS or standard deviation
 *                    over CALIBRATION_SEQUENCES training sequences of `config`
 *     frozen_first   the same, with a separate constant for the first token of a sequence
 *     identity       no division: gains and shifts only
 *
 * Norms without a statistic per token (dyt, derf, none, batchnorm) do not change. The model then runs
 * on sequences of T tokens. */
enum { CALIBRATION_SEQUENCES = 64 };
void calibrate(StoredModel *stored, const Config *config, NormsMode mode, size_t T);

/* The statistics (n_sites) of every norm over sequences, for mem_free. */
ScaleSums *calibrate_observe(const StoredModel *stored, const Sequences *sequences, Work *work);
/* Changes one norm in this way for sequences of T tokens; `sums` are those of the norm, and not read
 * by identity. */
void calibrate_norm(NormSite *site, NormsMode mode, const ScaleSums *sums, size_t T);

#endif

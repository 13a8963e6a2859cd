/* calibrate.h - --norms: replaces the statistics of a stored model's norms by constants.
 *
 * One idea: the constants are means over training sequences, never over the data that is evaluated.
 * The modes show how much a trained model depends on its norms. How a norm is frozen: norm/frozen.h.
 * Read next: norm/frozen.h, evaluate.h. */
#ifndef RUN_COMMANDS_CALIBRATE_H
#define RUN_COMMANDS_CALIBRATE_H

#include "run/store/stored_model.h"

typedef enum { NORMS_REAL, NORMS_FROZEN, NORMS_FROZEN_FIRST, NORMS_IDENTITY } NormsMode;
const char *norms_mode_name(int i); /* real frozen frozen_first identity; NULL past the end */
/* The mode of that name; another name ends the program (EXIT_USAGE). NULL = real. */
NormsMode norms_mode(const char *name);

/* Lets the norms of a stored model that norm_removal has not taken out work by `mode` from now on:
 * as trained; divided by the mean deviation of each site over CALIBRATION_ROWS training rows of
 * `config`; the same with a constant of its own for the first token of a row; or with gains and
 * shifts alone. Norms without a statistic (dyt, none) stay as they are. */
enum { CALIBRATION_ROWS = 64 };
void calibrate(StoredModel *stored, const Config *config, NormsMode mode);

#endif

/* measurement.h - everything that --measure finds out about the norms of a model.
 *
 * One idea: numbers first, words later. This collects them into one plain struct and prints nothing,
 * so that they can be tested, and findings.c turns them into a page.
 * Measurement owns its lists (measurement_free). Read next: activations.h, gains.h, replaced.h,
 * findings.h. */
#ifndef RUN_MEASURE_MEASUREMENT_H
#define RUN_MEASURE_MEASUREMENT_H

#include "model/folding.h"
#include "run/measure/activations.h"
#include "run/measure/gains.h"
#include "run/measure/replaced.h"

/* Fewer sequences than these give poor constants, which the page says. */
enum { CONSTANTS_FEW = 8 };

typedef struct {
    size_t step, S, T; /* S sequences of T tokens were measured */
    size_t parameters;
    size_t constants;       /* sequences that gave the constants; 0 = there were none */
    bool of_training;       /* of the training data, not of the measured text */
    double bytes_per_token; /* of the measured targets; NAN where tokens have no text */
    double val_bpb;         /* NAN likewise */
    double loss;
    Activations activations;
    Gains *gains;       /* stb_ds array */
    Replaced *replaced; /* stb_ds array */
    size_t frozen;      /* norms that norm_removal has removed in training */
    Folding
        folding; /* its notes; empty where norms are frozen: the constants belong to the gains */
} Measurement;

/* What is measured. */
typedef struct {
    Sequences measured, constants;
    bool of_training;
    double bytes_per_token;
} Material;

/* The sequences of the validation data of `config`, of T tokens: the first ones, as many as hold at most
 * MATERIAL_TOKENS tokens, or `rows` if that is not 0. Where `from_text`, the constants are from the
 * next sequences of the same data, else from the training data. No validation data end the program
 * (EXIT_USAGE). */
enum { MATERIAL_TOKENS = 2048 };
Material material_read(const StoredModel *stored, const Config *config, size_t T, size_t rows,
                       bool from_text);
void material_free(Material *material);

/* Measures; sets work->total first. The weights of the model are folded
 * in the end, so it must not be used afterwards. */
Measurement measurement_take(StoredModel *stored, const Material *material, Work *work);
void measurement_free(Measurement *measurement);

/* The passes over a sequence that measurement_take makes. */
size_t measurement_passes(const StoredModel *stored, const Material *material);
/* The time in seconds that measurement_take needs, from one timed pass. */
double measurement_estimate(const StoredModel *stored, const Material *material);

#endif

/* manifest.h - run.json: what made the numbers of a run, and what came out.
 *
 * One idea: whoever finds a run folder years later can say which equations, data, machine and build
 * it was. Written whole when the run starts and again, with the summary, when it ends.
 * Floor 4. Read next: ../train.c. */
#ifndef RUN_MANIFEST_H
#define RUN_MANIFEST_H

#include "data/dataset.h"
#include "model/model.h"
#include "run/config.h"
#include "run/health.h"

typedef struct {
    const Config *config;
    const Model *model;
    const Dataset *data;
    double floor;    /* entropy floor of the validation rows, NAN = unknown */
    double lr_scale; /* the factor of optim.rmsnorm_lr_scale that applies */
    int argc;
    char **argv;
    int64_t started; /* seconds since 1970 */
} Manifest;

/* What stands in "summary", once there is one. */
typedef struct {
    HealthSummary health;
    ExitCode code;
    double seconds, tokens_per_s;
    size_t steps; /* updates of the run, skipped ones included */
} Summary;

/* Writes DIR/run.json; `summary` is NULL while the run goes on. */
void manifest_write(const char *dir, const Manifest *manifest, const Summary *summary);

/* The build: version, precision, compiler, flags; a few lines for --version. */
void manifest_print_build(FILE *out);

#endif

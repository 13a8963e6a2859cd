/* manifest.h - run.json: what made the numbers of a run, and what came out.
 *
 * One idea: whoever finds a run folder years later can say which equations, data, machine and build
 * it was. Written whole when the run starts, when it is resumed and, with the summary, when it
 * ends. Read next: train.c. */
#ifndef RUN_LOG_MANIFEST_H
#define RUN_LOG_MANIFEST_H

#include "data/dataset.h"
#include "model/model.h"
#include "run/config/config.h"
#include "run/optim/health.h"

typedef struct {
    const Config *config;
    const Model *model;
    const Dataset *data;
    double floor;    /* entropy floor of the validation rows, NAN = unknown */
    double lr_scale; /* the factor of optim.rmsnorm_lr_scale that applies */
    int argc;
    char **argv;
    int64_t started; /* seconds since 1970 */
    char *resumes;   /* JSON objects, a comma between them; NULL = never resumed */
} Manifest;

/* What stands in "summary", once there is one. */
typedef struct {
    HealthSummary health;
    int code; /* of the process, as a shell sees it */
    double seconds, tokens_per_s;
    size_t steps; /* updates of the run, skipped ones included */
} Summary;

/* Takes over from DIR/run.json when the run was started and how often it was resumed, and adds that
 * it goes on with update `step`. A file that is missing or damaged tells nothing. */
void manifest_resume(const char *dir, Manifest *manifest, size_t step);
/* Whether DIR/run.json has the summary of a run that succeeded: the last thing that it writes. */
bool manifest_ended(const char *dir);
/* In which words the build and the machine of DIR/run.json differ from those of this process, for
 * mem_free; "" where they do not, or where it tells nothing. */
char *manifest_elsewhere(const char *dir);
void manifest_free(Manifest *manifest);

/* Writes DIR/run.json; `summary` is NULL while the run goes on. */
void manifest_write(const char *dir, const Manifest *manifest, const Summary *summary);

/* The build: version, precision, compiler, flags; a few lines for --version. */
void manifest_print_build(FILE *out);

#endif

/* manifest.h - run.json: the provenance of a run and its results.
 *
 * One idea: a run folder found years later still says which equations, data, machine and build
 * produced it. The file is rewritten when the run starts, when it is resumed and, with the summary,
 * when it ends.
 * A Manifest owns `resumes` and `extensions` (manifest_free) and nothing else. Read next: train.c. */
#ifndef RUN_LOG_MANIFEST_H
#define RUN_LOG_MANIFEST_H

#include "data/targets.h"
#include "data/unigram.h"
#include "model/model.h"
#include "run/config/config.h"
#include "run/optim/health.h"

typedef struct {
    const Config *config;
    const Model *model;
    const Dataset *data;
    double floor; /* entropy floor of the validation sequences, NAN = unknown */
    Unigram unigram;
    double bytes_per_token; /* of the validation targets; NAN = unknown */
    double lr_scale;        /* optim.rmsnorm_lr_scale if it applies to model.norm, else 1 */
    int argc;
    char **argv;
    int64_t started;  /* seconds since 1970 */
    char *resumes;    /* JSON objects, separated by commas; NULL = never resumed */
    char *extensions; /* the same of changes of train.steps; NULL = none */
    size_t best_step; /* of the checkpoint that train.keep_best keeps; 0 = none */
    double best_loss; /* its validation loss */
} Manifest;

/* How a run ended: with a result, by a signal or a failure, diverged, or without having learned. */
typedef enum { ENDING_DONE, ENDING_STOPPED, ENDING_DIVERGED, ENDING_STUCK } Ending;

/* done, stopped, diverged or stuck. */
const char *ending_name(Ending ending);

/* The contents of "summary", written when the run ends. */
typedef struct {
    HealthSummary health;
    Ending ending;
    int code; /* exit code of the process, as a shell shows it */
    double seconds, tokens_per_s;
    size_t steps; /* steps of the run, including skipped ones */
} Summary;

/* Copies the start time and the lists of resumes and extensions from DIR/run.json, and appends a
 * resume at step `step`. A missing or corrupt file is ignored. */
void manifest_resume(const char *dir, Manifest *manifest, size_t step);
/* Appends the change of train.steps after `step` to the list, unless it has it. */
void manifest_extend(Manifest *manifest, size_t step, size_t from_steps, size_t to_steps);
/* Whether DIR/run.json contains the summary of a successful run, which is written last. */
bool manifest_ended(const char *dir);
/* The differences between the build and machine of DIR/run.json and those of this process, as text
 * for mem_free; "" if there are none, or if the file is missing or corrupt. */
char *manifest_elsewhere(const char *dir);
void manifest_free(Manifest *manifest);

/* Writes DIR/run.json; `summary` is NULL until the run ends. */
void manifest_write(const char *dir, const Manifest *manifest, const Summary *summary);
/* The same during the run: a failure is only a warning. */
void manifest_update(const char *dir, const Manifest *manifest);
/* How the run of DIR/run.json ended: a name of an Ending; NULL if it has not, or has no run.json. */
const char *manifest_ending(const char *dir);
/* The step of the best checkpoint that DIR/run.json names; false if it names none. */
bool manifest_best(const char *dir, size_t *step);

/* Prints the build for --version: version, precision, compiler, flags. */
void manifest_print_build(FILE *out);

#endif

/* events.c - see events.h. */
#include "run/train/events.h"

#include "base/stb_ds.h"
#include "base/text_out.h"
#include "run/io/csv.h"
#include "run/io/shell.h"
#include "run/store/checkpoint.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

extern char **environ; /* POSIX declares it nowhere */

static const char VARIABLE[] = "PERI_ON_EVENT";

static const char *command; /* NULL or "" = none */
static bool warned, hung;   /* that it failed; that it was killed, and must not run again */
static bool diverged_told;

/* The variables of an event. All others with these names are removed, and VARIABLE too: the command
 * may call this program. */
typedef enum {
    FACT_EVENT,
    FACT_RUN,
    FACT_NAME,
    FACT_STEP,
    FACT_STEPS,
    FACT_TRAIN_LOSS,
    FACT_VAL_LOSS,
    FACT_BEST_VAL_LOSS,
    FACT_SPIKE,
    FACT_CHECKPOINT,
    FACT_ENDING,
    FACT_EXIT_CODE,
    FACTS
} Fact;
static const char *const NAMES[FACTS] = {
    "PERI_EVENT", "PERI_RUN",        "PERI_NAME",     "PERI_STEP",
    "PERI_STEPS", "PERI_TRAIN_LOSS", "PERI_VAL_LOSS", "PERI_BEST_VAL_LOSS",
    "PERI_SPIKE", "PERI_CHECKPOINT", "PERI_ENDING",   "PERI_EXIT_CODE",
};

void events_start(const char *given) {
    command = given ? given : getenv(VARIABLE);
}

static bool is_set(void) {
    return command && *command && !hung;
}

/* --- facts --- */

/* A "NAME=VALUE" per fact, NULL = unknown. */
typedef struct {
    char *text[FACTS];
} Facts;

static void facts_add(Facts *facts, Fact fact, char *value) {
    facts->text[fact] = text_format("%s=%s", NAMES[fact], value);
    mem_free(value);
}

static void facts_number(Facts *facts, Fact fact, double value) {
    char text[CSV_NUMBER];
    if (isnan(value) && fact != FACT_TRAIN_LOSS) return;
    facts_add(facts, fact, text_format("%s", csv_number_text(text, value)));
}

static Facts facts_of(const Run *run, const char *event, size_t step) {
    Facts facts = {{NULL}};
    const HealthSummary health = health_summary(run->health);
    facts_add(&facts, FACT_EVENT, text_format("%s", event));
    facts_add(&facts, FACT_RUN, text_format("%s", run->dir));
    facts_add(&facts, FACT_NAME, text_format("%s", run->config->name));
    facts_add(&facts, FACT_STEP, text_format("%zu", step));
    facts_add(&facts, FACT_STEPS, text_format("%zu", run->config->train.steps));
    if (health.steps) facts_number(&facts, FACT_TRAIN_LOSS, health.train_loss);
    facts_number(&facts, FACT_VAL_LOSS, health.val_loss);
    facts_number(&facts, FACT_BEST_VAL_LOSS, health.best_val_loss);
    return facts;
}

/* Whether "NAME=VALUE" has the name of a fact, or is the command itself. */
static bool is_own(const char *setting) {
    const size_t length = strcspn(setting, "=");
    bool own = strncmp(setting, VARIABLE, length) == 0 && strlen(VARIABLE) == length;
    for (int i = 0; i < FACTS; i++)
        own |= strncmp(setting, NAMES[i], length) == 0 && strlen(NAMES[i]) == length;
    return own;
}

/* Runs the command, and frees the facts. The first failure is a warning. */
static void tell(Run *run, Facts *facts) {
    char **environment = NULL;
    for (char **setting = environ; *setting; setting++) {
        if (!is_own(*setting)) arrput(environment, *setting);
    }
    for (int i = 0; i < FACTS; i++) {
        if (facts->text[i]) arrput(environment, facts->text[i]);
    }
    arrput(environment, NULL);
    progress_pause(&run->progress);
    char *failed = shell_run(command, environment, &hung);
    if (failed && !warned)
        fprintf(stderr, "train: warning: the command of --on-event %s (event %s%s)\n", failed,
                facts->text[FACT_EVENT] + strlen(NAMES[FACT_EVENT]) + 1,
                hung ? "" : "; later failures are not reported");
    warned |= failed != NULL;
    mem_free(failed);
    arrfree(environment);
    for (int i = 0; i < FACTS; i++) mem_free(facts->text[i]);
}

/* --- events --- */

void events_step(Run *run, size_t step, bool updated) {
    if (!is_set()) return;
    if (updated && run->report.spike) {
        Facts facts = facts_of(run, "spike", step);
        static const char *const kinds[] = {
            [SPIKE_GRAD] = "grad", [SPIKE_LOSS] = "loss", [SPIKE_BOTH] = "both"};
        facts_add(&facts, FACT_SPIKE, text_format("%s", kinds[run->report.spike]));
        tell(run, &facts);
    }
    const HealthSummary health = health_summary(run->health);
    if (!health.diverged || diverged_told) return;
    diverged_told = true;
    if (health.diverged_step != step) return; /* a resumed run that has diverged before */
    Facts facts = facts_of(run, "divergence", step);
    tell(run, &facts);
}

void events_checkpoint(Run *run, size_t step) {
    if (!is_set()) return;
    Facts facts = facts_of(run, "checkpoint", step);
    facts_add(&facts, FACT_CHECKPOINT, checkpoint_folder(run->dir, step));
    tell(run, &facts);
}

void events_end(Run *run, const Summary *summary) {
    if (!is_set()) return;
    Facts facts = facts_of(run, "end", summary->steps);
    facts_add(&facts, FACT_ENDING, text_format("%s", ending_name(summary->ending)));
    facts_add(&facts, FACT_EXIT_CODE, text_format("%d", summary->code));
    tell(run, &facts);
}

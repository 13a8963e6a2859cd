/* cli.h - the command line: what to do and with which overrides.
 *
 * One idea: a table of flags; a flag that is no flag but the last word of a config key (--topology
 * peri) is short for --set. Read next: train.c. */
#ifndef RUN_COMMANDS_CLI_H
#define RUN_COMMANDS_CLI_H

#include "ops/ops.h"

typedef enum {
    MODE_TRAIN,
    MODE_DESCRIBE,
    MODE_DRY_RUN,
    MODE_BENCH,
    MODE_SAMPLE,
    MODE_EVAL,
    MODE_REPLAY,
    MODE_LIST,
    MODE_SCHEMA,
    MODE_MAN,
    MODE_COMPLETION,
    MODE_HELP,
    MODE_VERSION
} Mode;

typedef struct {
    Mode mode;
    const char *config, *run_dir, *run, *list;
    const char **sets; /* (n_sets) "key=value" (stb_ds array) */
    size_t n_sets;
    char **owned; /* those of them that were made here (stb_ds array) */
    bool overwrite, resume;
    const char *norms;    /* of an evaluation or a sample; NULL = real */
    const char *topology; /* the same; NULL = that of the run */
    const char *prompt;   /* NULL = the data's own, "-" = standard input */
    size_t tokens, seed, bench;
    size_t step, around; /* of a replay; step SIZE_MAX = the worst spike */
    Sampling sampling;
} Cli;

/* Anything wrong ends the program (EXIT_USAGE) with one sentence. */
Cli cli_parse(int argc, char **argv);
void cli_free(Cli *cli);

/* A flag as the help says it; `argument` is NULL where it takes none. */
typedef struct {
    const char *name, *argument, *help;
} CliFlag;

/* The i-th flag in the order of the help; false past the last one. */
bool cli_flag(size_t i, CliFlag *flag);
/* What --list knows, closed by NULL. */
extern const char *const CLI_LISTS[];

/* The help text; `examples_only` is what a call without arguments gets. */
void cli_help(bool examples_only);

#endif

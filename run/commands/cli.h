/* cli.h - the command line: the mode of the program and its options.
 *
 * One idea: flags are rows of a table. Any other flag that is the last part of a config key, such
 * as --topology peri, is short for --set. Read next: train.c. */
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
    char **owned; /* the sets allocated here (stb_ds array) */
    bool overwrite, resume, extend;
    size_t stop_at;       /* SIZE_MAX = train.steps */
    const char *norms;    /* of --eval and --sample; NULL = real */
    const char *topology; /* of --eval and --sample; NULL = that of the run */
    const char *prompt;   /* NULL = the default of the data, "-" = standard input */
    size_t tokens, seed, bench;
    size_t step, around; /* of a replay; step SIZE_MAX = the worst spike */
    Sampling sampling;
} Cli;

/* An error ends the program (EXIT_USAGE) with a message. */
Cli cli_parse(int argc, char **argv);
void cli_free(Cli *cli);

/* A flag as --help lists it; `argument` is NULL if it takes none. */
typedef struct {
    const char *name, *argument, *help;
} CliFlag;

/* The i-th flag in the order of the help; false past the last one. */
bool cli_flag(size_t i, CliFlag *flag);
/* The arguments of --list, NULL-terminated. */
extern const char *const CLI_LISTS[];

/* Prints the help; `examples_only`: the short form for a call without arguments. */
void cli_help(bool examples_only);

#endif

/* cli.h - the command line: the mode of the program and its options.
 *
 * One idea: flags are rows of a table. Any other flag that is the last part of a config key, such
 * as --topology peri, is short for --set. Read next: train.c. */
#ifndef RUN_COMMANDS_CLI_H
#define RUN_COMMANDS_CLI_H

#include "ops/ops.h"
#include "run/store/stored_model.h"

typedef enum {
    MODE_TRAIN,
    MODE_DESCRIBE,
    MODE_DRY_RUN,
    MODE_BENCH,
    MODE_SAMPLE,
    MODE_EVAL,
    MODE_MEASURE,
    MODE_REPLAY,
    MODE_STATUS,
    MODE_LOGITS,
    MODE_FOLD,
    MODE_EXPORT,
    MODE_IMPORT,
    MODE_ENCODE,
    MODE_TRAIN_TOKENIZER,
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
    bool json, quiet;
    size_t stop_at;       /* SIZE_MAX = train.steps */
    const char *norms;    /* of --eval and --sample; NULL = real */
    const char *topology; /* of --eval and --sample; NULL = that of the run */
    const char *prompt;   /* NULL = the default of the data, "-" = standard input */
    size_t tokens, seed, bench;
    size_t context; /* of --eval and --measure; 0 = that of the model */
    size_t step;    /* STEP_NEWEST (of a replay: the worst spike), STEP_BEST or a number */
    size_t around;  /* of a replay */
    const char *
        file; /* the second argument of --logits, --fold, --export, --import, --encode, --train-tokenizer */
    const char *text; /* of --encode, --train-tokenizer and --measure */
    const char *out;  /* of --measure; NULL = standard output */
    bool dry_run;     /* of --measure */
    const char *tokenizer;
    size_t vocab;         /* of --train-tokenizer */
    const char *on_event; /* NULL = that of the environment, if any */
    Sampling sampling;
} Cli;

/* An error ends the program (EXIT_USAGE) with a message. */
Cli cli_parse(int argc, char **argv);
void cli_free(Cli *cli);
/* The words of a flag as they are written in keys: max-iters is max_iters. For mem_free. */
char *cli_key_words(const char *flag);
/* Removes --on-event CMD from the arguments, which run.json records; returns their new number. */
int cli_hide_command(int argc, char **argv);

/* A flag as --help lists it; `argument` is NULL if it takes none. */
typedef struct {
    const char *name, *argument, *help;
} CliFlag;

/* The i-th flag in the order of the help; false past the last one. */
bool cli_flag(size_t i, CliFlag *flag);

/* Prints the help; `examples_only`: the short form for a call without arguments. */
void cli_help(bool examples_only);

#endif

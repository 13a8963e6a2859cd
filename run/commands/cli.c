/* cli.c - see cli.h. */
#include "run/commands/cli.h"

#include "base/program.h"
#include "base/stb_ds.h"
#include "base/text_out.h"
#include "base/words.h"
#include "run/commands/habits.h"
#include "run/config/config_files.h"
#include "run/config/config_keys.h"
#include "run/io/files.h"

#include <ctype.h>
#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

typedef enum {
    TAKES_NOTHING,
    TAKES_STRING,
    TAKES_INTEGER,
    TAKES_NUMBER,
    TAKES_MANY,
    TAKES_STEP
} Takes;

typedef struct {
    const char *name, *argument;
    Takes takes;
    size_t offset;    /* of the field of Cli that receives the argument */
    int mode;         /* the Mode that a command selects, -1 for an option */
    unsigned refines; /* the modes that an option applies to, bits 1 << Mode */
    const char *help;
} Flag;

/* Options of training also apply to the modes that only inspect a training command, so that a
 * command line works with --describe, --dry-run or --bench added to it. */
enum {
    TRAINING = 1 << MODE_TRAIN | 1 << MODE_DESCRIBE | 1 << MODE_DRY_RUN | 1 << MODE_BENCH,
    SAMPLING = 1 << MODE_SAMPLE,
    STORED = 1 << MODE_SAMPLE | 1 << MODE_EVAL,
    LOGITS = 1 << MODE_LOGITS,
    FOLDING = 1 << MODE_FOLD,
    EXPORTING = 1 << MODE_EXPORT,
    IMPORTING = 1 << MODE_IMPORT,
    WRITING =
        LOGITS | FOLDING | EXPORTING | IMPORTING | 1 << MODE_ENCODE | 1 << MODE_TRAIN_TOKENIZER,
    REPLAYING = 1 << MODE_REPLAY,
    MEASURING = 1 << MODE_MEASURE,
    EVALUATING = 1 << MODE_EVAL | MEASURING,
    SETTING = TRAINING | EVALUATING | LOGITS | FOLDING | IMPORTING | REPLAYING,
    JSON =
        1 << MODE_EVAL | 1 << MODE_DESCRIBE | 1 << MODE_DRY_RUN | 1 << MODE_LIST | 1 << MODE_STATUS,
};

/* A command selects a mode; an option refines one or more modes. */
#define COMMAND(name, mode, help)                                                                  \
    { name, NULL, TAKES_NOTHING, 0, mode, 0, help }
#define COMMAND_OF(name, argument, takes, field, mode, help)                                       \
    { name, argument, takes, offsetof(Cli, field), mode, 0, help }
#define OPTION(name, argument, takes, field, modes, help)                                          \
    { name, argument, takes, offsetof(Cli, field), -1, modes, help }

static const Flag FLAGS[] = {
    OPTION("config", "FILE", TAKES_STRING, config, TRAINING,
           "train as FILE describes; FILE is also searched for in configs/"),
    OPTION("set", "KEY=VALUE", TAKES_MANY, sets, SETTING, "override a key; may be repeated"),
    OPTION("run-dir", "DIR", TAKES_STRING, run_dir, TRAINING,
           "write the run to DIR instead of log.dir/name"),
    OPTION("resume", NULL, TAKES_NOTHING, resume, TRAINING,
           "continue from the last checkpoint, or start if there is none; --resume RUN needs no "
           "--config"),
    OPTION("extend", NULL, TAKES_NOTHING, extend, TRAINING,
           "with --resume: continue a run beyond the train.steps it was planned with"),
    OPTION("quiet", NULL, TAKES_NOTHING, quiet, TRAINING,
           "print only warnings, errors and the last line of the run; no progress and no sample"),
    OPTION("stop-at", "N", TAKES_INTEGER, stop_at, TRAINING,
           "stop after update N with a checkpoint, for --resume; the schedule remains that of "
           "train.steps"),
    OPTION("overwrite", NULL, TAKES_NOTHING, overwrite, TRAINING,
           "replace an existing run, which is kept until the new one has a checkpoint"),
    COMMAND("describe", MODE_DESCRIBE, "print the equations of the model and their hash"),
    COMMAND("dry-run", MODE_DRY_RUN,
            "print the memory, time and disk space that the run needs; write nothing"),
    COMMAND_OF("bench", "N", TAKES_INTEGER, bench, MODE_BENCH,
               "train N steps and print their speed, absolute and relative to GEMM; write nothing"),
    COMMAND_OF("sample", "RUN", TAKES_STRING, run, MODE_SAMPLE,
               "generate text with the model of a run directory"),
    OPTION("prompt", "TEXT", TAKES_STRING, prompt, SAMPLING | LOGITS,
           "text to start the sample with; - reads it from standard input"),
    OPTION("tokens", "N", TAKES_INTEGER, tokens, SAMPLING,
           "number of tokens to generate (default 256)"),
    OPTION("temperature", "X", TAKES_NUMBER, sampling.temperature, SAMPLING,
           "sampling temperature; 0 takes the most likely token (default 0.8)"),
    OPTION("top-k", "K", TAKES_INTEGER, sampling.top_k, SAMPLING,
           "sample from the K most likely tokens; 0 means all (default 0)"),
    OPTION("top-p", "P", TAKES_NUMBER, sampling.top_p, SAMPLING,
           "then sample from the fewest of these with total probability P (default 1)"),
    OPTION("seed", "S", TAKES_INTEGER, seed, SAMPLING,
           "random seed of the sample, 0 to 2^32-1 (default 1)"),
    COMMAND_OF("eval", "RUN", TAKES_STRING, run, MODE_EVAL,
               "print the validation loss of the latest checkpoint of a run, on other data with "
               "--set data.val=FILE"),
    COMMAND_OF(
        "measure", "RUN [TEXT]", TAKES_STRING, run, MODE_MEASURE,
        "print a page about the norms of a model, that of a run or of a Hugging Face folder, "
        "measured on validation sequences or on a text: residual stream, massive activations, "
        "gains, attention to the first token, "
        "and the loss without the statistics of norms; with --dry-run: time and memory"),
    OPTION("out", "PAGE", TAKES_STRING, out, MEASURING,
           "for --measure: write the page to PAGE, which ends in .md (Markdown) or .html (with "
           "charts)"),
    OPTION("context", "N", TAKES_INTEGER, context, EVALUATING,
           "for --eval and --measure: sequences of N tokens instead of model.context"),
    OPTION("norms", "MODE", TAKES_STRING, norms, STORED,
           "for --eval and --sample: use norms as trained (real), with constant statistics "
           "(frozen, frozen_first) or without statistics (identity)"),
    OPTION("force-topology", "NAME", TAKES_STRING, topology, STORED,
           "for --eval and --sample: rewire the weights of the run as another topology"),
    COMMAND_OF("replay", "RUN", TAKES_STRING, run, MODE_REPLAY,
               "repeat the updates around a spike bit for bit and print what changed in "
               "activations, gradients and sequences; writes RUN/replay/"),
    OPTION("step", "N", TAKES_STEP, step,
           REPLAYING | STORED | MEASURING | LOGITS | FOLDING | EXPORTING,
           "for --sample, --eval, --measure, --logits, --fold and --export: the checkpoint of step "
           "N, or best "
           "(default: the latest); for --replay: the update to examine (default: the worst spike)"),
    OPTION("around", "K", TAKES_INTEGER, around, REPLAYING,
           "for --replay: number of updates to record before and after it (default 2)"),
    COMMAND_OF("logits", "RUN FILE", TAKES_STRING, run, MODE_LOGITS,
               "write the logits of the first validation sequence, or of --prompt, to FILE.npy or "
               "FILE.safetensors; --set train.eval_rows=N takes more sequences"),
    COMMAND_OF("fold", "RUN OUT", TAKES_STRING, run, MODE_FOLD,
               "write the run OUT: the model of RUN with its gains folded into the matrices and "
               "without its redundant norms; print what was folded and how far the logits differ"),
    COMMAND_OF("export", "RUN DIR", TAKES_STRING, run, MODE_EXPORT,
               "write the model of RUN to the folder DIR, which the Python library transformers "
               "loads, or to a file OUT.gguf (OUT.f16.gguf: in float16)"),
    COMMAND_OF(
        "import", "DIR RUN", TAKES_STRING, run, MODE_IMPORT,
        "write the run RUN: the weights and the tokenizer of a Hugging Face model in DIR or of "
        "a GGUF file; --set model.context=N changes its context"),
    COMMAND_OF("status", "RUN", TAKES_STRING, run, MODE_STATUS,
               "print whether a run is alive, its step, losses, speed, time left and ending; RUN "
               "may be a directory of runs"),
    COMMAND_OF(
        "encode", "TEXT OUT", TAKES_STRING, text, MODE_ENCODE,
        "encode a text with --tokenizer FILE and write its tokens to OUT.bin (llm.c's format) "
        "and facts about them to OUT.bin.json"),
    OPTION("tokenizer", "FILE", TAKES_STRING, tokenizer, 1 << MODE_ENCODE,
           "for --encode: the tokenizer.json that encodes the text"),
    COMMAND_OF("train-tokenizer", "TEXT OUT", TAKES_STRING, text, MODE_TRAIN_TOKENIZER,
               "train byte-level BPE on a text, with --vocab N tokens, and write a tokenizer.json"),
    OPTION("vocab", "N", TAKES_INTEGER, vocab, 1 << MODE_TRAIN_TOKENIZER,
           "for --train-tokenizer: number of tokens, at least 257 (default 4096)"),
    OPTION("on-event", "CMD", TAKES_STRING, on_event, TRAINING,
           "run CMD by /bin/sh at a spike, a divergence, a checkpoint and the end, with the facts "
           "in its environment (PERI_EVENT, PERI_STEP, ...)"),
    COMMAND_OF("list", "WHAT", TAKES_STRING, list, MODE_LIST,
               "list topologies, norms, keys, configs or sweeps"),
    OPTION("json", NULL, TAKES_NOTHING, json, JSON,
           "for --eval, --describe, --dry-run, --status and --list: print JSON"),
    COMMAND("print-schema", MODE_SCHEMA, "print the JSON schema of configs, for editors"),
    COMMAND("print-man", MODE_MAN, "print the manual page"),
    COMMAND("print-completion", MODE_COMPLETION, "print the completion script for bash"),
    COMMAND("version", MODE_VERSION, "print the version, the build and the BLAS library"),
    COMMAND("help", MODE_HELP, "print this help"),
};
enum { FLAG_COUNT = sizeof FLAGS / sizeof *FLAGS };

bool cli_flag(size_t i, CliFlag *flag) {
    if (i >= FLAG_COUNT) return false;
    *flag = (CliFlag){FLAGS[i].name, FLAGS[i].argument, FLAGS[i].help};
    return true;
}

static const Flag *find_flag(const char *name) {
    for (int i = 0; i < FLAG_COUNT; i++) {
        if (strcmp(FLAGS[i].name, name) == 0) return &FLAGS[i];
    }
    return NULL;
}

char *cli_key_words(const char *flag) {
    char *words = text_format("%s", flag);
    for (char *c = words; *c; c++) {
        if (*c == '-') *c = '_';
    }
    return words;
}

static size_t parse_integer(const char *flag, const char *text) {
    char *end;
    errno = 0;
    unsigned long long value = strtoull(text, &end, 10);
    if (*text < '0' || *text > '9' || *end || errno) {
        die(EXIT_USAGE, "--%s takes an integer, not \"%s\"", flag, text);
    }
    return (size_t)value;
}

static double parse_number(const char *flag, const char *text) {
    char *end;
    double value = strtod(text, &end);
    if (end == text || *end || !isfinite(value) || value < 0) {
        die(EXIT_USAGE, "--%s takes a number >= 0, not \"%s\"", flag, text);
    }
    return value;
}

/* "lr=1e-3" as "optim.lr=1e-3"; a set with a path, or a word that is no key, as it is. */
static const char *full_set(Cli *cli, const char *set) {
    char *word = text_format("%.*s", (int)strcspn(set, "="), set), *full = NULL;
    const char *key = config_key_of_word(word);
    if (key && !key_find(word)) {
        full = text_format("%s%s", key, set + strlen(word));
        arrput(cli->owned, full);
    }
    mem_free(word);
    return full ? full : set;
}

static void flag_apply(Cli *cli, const Flag *flag, const char *value) {
    void *field = (char *)cli + flag->offset;
    switch (flag->takes) {
    case TAKES_NOTHING:
        if (flag->mode < 0) *(bool *)field = true;
        break;
    case TAKES_STRING:
        *(const char **)field = value;
        break;
    case TAKES_INTEGER:
        *(size_t *)field = parse_integer(flag->name, value);
        break;
    case TAKES_NUMBER:
        *(double *)field = parse_number(flag->name, value);
        break;
    case TAKES_MANY:
        arrput(cli->sets, full_set(cli, value));
        break;
    case TAKES_STEP:
        *(size_t *)field =
            strcmp(value, "best") == 0 ? STEP_BEST : parse_integer(flag->name, value);
        break;
    }
    if (flag->mode < 0) return;
    if (cli->mode == MODE_HELP) return;
    const bool measures = cli->mode == MODE_MEASURE || flag->mode == MODE_MEASURE;
    if (measures && (cli->mode == MODE_DRY_RUN || flag->mode == MODE_DRY_RUN)) {
        cli->dry_run = true;
        cli->mode = MODE_MEASURE;
        return;
    }
    if (cli->mode != MODE_TRAIN && flag->mode != MODE_HELP)
        die(EXIT_USAGE, "--%s cannot be combined with the flags before it", flag->name);
    cli->mode = (Mode)flag->mode;
}

/* "--topology peri" as "model.topology=peri", and "--optim.lr 1e-3" as "optim.lr=1e-3", for
 * mem_free; NULL if there is no such key. */
static char *key_set(const char *flag, const char *value) {
    static const char wire[] = "model.wire.";
    char *word = cli_key_words(flag);
    const bool is_path = key_find(word) || strncmp(word, wire, strlen(wire)) == 0;
    const char *key = is_path ? word : config_key_of_word(word);
    char *set = key ? text_format("%s=%s", key, value ? value : "") : NULL;
    mem_free(word);
    return set;
}

/* Every flag must apply to the mode; none is silently ignored, except beside --help. */
static void check_options(const Cli *cli, const bool used[FLAG_COUNT]) {
    const char *mode = NULL;
    for (int i = 0; i < FLAG_COUNT; i++) {
        if (FLAGS[i].mode == (int)cli->mode) mode = FLAGS[i].name;
    }
    for (int i = 0; i < FLAG_COUNT && cli->mode != MODE_HELP; i++) {
        bool unused = used[i] && FLAGS[i].mode < 0 && !(FLAGS[i].refines >> cli->mode & 1);
        if (unused)
            die(EXIT_USAGE, "--%s does not apply to %s%s", FLAGS[i].name, mode ? "--" : "training",
                mode ? mode : "");
    }
}

/* What parsing knows besides the result. */
typedef struct {
    bool used[FLAG_COUNT];
    bool sampling;      /* whether --sample is among the arguments: --seed is its own then */
    bool tokenizing;    /* the same of --train-tokenizer and --vocab ... */
    bool evaluating;    /* ... and of --eval, --measure and --context */
    const char *config; /* the config that was given without --config, NULL = none */
} CliState;

static const struct {
    const char *letter, *flag;
} LETTERS[] = {{"-h", "--help"}, {"-q", "--quiet"}};

static const char *spelled_out(const char *argument) {
    for (size_t i = 0; i < sizeof LETTERS / sizeof *LETTERS; i++) {
        if (strcmp(argument, LETTERS[i].letter) == 0) return LETTERS[i].flag;
    }
    return argument;
}

/* Sets the key that the flag or the word `name` of `argument` stands for. */
static void apply_key(Cli *cli, CliState *state, const char *argument, const char *name,
                      const char *value) {
    char *set = key_set(name, value);
    if (!set) argument_unknown(argument, name);
    if (!value) die(EXIT_USAGE, "--%s needs a value", name);
    arrput(cli->owned, set);
    arrput(cli->sets, set);
    state->used[find_flag("set") - FLAGS] = true;
}

/* An argument without dashes: the second one of a command, the text of --measure, a config, by its file or its name, or
 * KEY=VALUE. */
static void parse_bare(Cli *cli, CliState *state, const char *argument) {
    if (WRITING >> cli->mode & 1 && !cli->file) {
        cli->file = argument;
        return;
    }
    if (cli->mode == MODE_MEASURE && !cli->text &&
        (!strchr(argument, '=') || access(argument, F_OK) == 0)) {
        cli->text = argument;
        return;
    }
    const char *equals = strchr(argument, '=');
    const bool may_be_config = *argument != '-' && !cli->config && TRAINING >> cli->mode & 1;
    if (may_be_config && (config_has_ending(argument) || (!equals && !find_flag(argument)))) {
        cli->config = state->config = argument;
        state->used[find_flag("config") - FLAGS] = true;
        return;
    }
    const char *start = argument + (*argument == '-');
    char *name = text_format("%.*s", (int)strcspn(start, "="), start);
    arrput(cli->owned, name);
    if (!equals || *argument == '-') argument_unknown(argument, name);
    apply_key(cli, state, argument, name, equals + 1);
}

/* One argument: "--name", "--name=value", or one without dashes. `next` is the argument that follows,
 * NULL at the end. Returns whether it was taken as the value. */
static bool parse_argument(Cli *cli, CliState *state, const char *argument, const char *next) {
    argument = spelled_out(argument);
    if (strncmp(argument, "--", 2) != 0) {
        parse_bare(cli, state, argument);
        return false;
    }
    const char *equals = strchr(argument, '='), *value = equals ? equals + 1 : next;
    const size_t length = equals ? (size_t)(equals - argument) : strlen(argument);
    char *name = text_format("%.*s", (int)length - 2, argument + 2);
    arrput(cli->owned, name);
    for (char *c = name; *c; c++) *c = *c == '_' ? '-' : (char)tolower((unsigned char)*c);
    const Flag *flag = find_flag(name);
    const bool is_key = (strcmp(name, "seed") == 0 && !state->sampling) ||
                        (strcmp(name, "vocab") == 0 && !state->tokenizing) ||
                        (strcmp(name, "context") == 0 && !state->evaluating);
    if (!flag || is_key) {
        const bool is_next_flag = !equals && value && strncmp(value, "--", 2) == 0;
        apply_key(cli, state, argument, name, is_next_flag ? NULL : value);
        return !equals;
    }
    state->used[flag - FLAGS] = true;
    /* --resume RUN is short for --resume --config RUN/config.json. */
    if (strcmp(name, "resume") == 0 && value && *value != '-' && !config_has_ending(value)) {
        cli->resume = true;
        cli->run = value;
        return !equals;
    }
    const bool needs = flag->takes != TAKES_NOTHING;
    if (flag->takes == TAKES_MANY && value && !strchr(value, '='))
        die(EXIT_USAGE, "--set takes KEY=VALUE, for example --set %s=...", value);
    if (needs && !value) die(EXIT_USAGE, "--%s needs %s", flag->name, flag->argument);
    if (!needs && equals) die(EXIT_USAGE, "--%s takes no value", flag->name);
    flag_apply(cli, flag, value);
    return needs && !equals;
}

/* --resume RUN: the run continues with its own config, or with that of --config. */
static void resume_run(Cli *cli) {
    if (cli->run_dir) die(EXIT_USAGE, "--resume %s and --run-dir: use one of them", cli->run);
    if (cli->config) {
        cli->run_dir = cli->run;
        return;
    }
    char *config = text_format("%s/config.json", cli->run);
    arrput(cli->owned, config);
    cli->config = config;
    if (access(config, F_OK) != 0)
        die(EXIT_USAGE, "--resume %s: there is no %s; --config FILE --resume begins a run",
            cli->run, config);
}

static void check_values(const Cli *cli) {
    if (cli->resume && cli->overwrite)
        die(EXIT_USAGE, "--resume continues a run, --overwrite removes it: use one of them");
    if (cli->extend && !cli->resume)
        die(EXIT_USAGE, "--extend continues a run beyond its steps: it needs --resume");
    if (cli->mode == MODE_BENCH && (cli->bench < 1 || cli->bench > 1000000))
        die(EXIT_USAGE, "--bench takes 1 to 1000000 steps");
    if (cli->mode == MODE_LOGITS && !cli->file)
        die(EXIT_USAGE, "--logits needs RUN FILE: the run, and the file to write");
    if (cli->mode == MODE_FOLD && !cli->file)
        die(EXIT_USAGE, "--fold needs RUN OUT: the run, and the folder of the new run");
    if (cli->mode == MODE_EXPORT && !cli->file)
        die(EXIT_USAGE, "--export needs RUN DIR: the run, and the folder to write");
    if (cli->mode == MODE_IMPORT && !cli->file)
        die(EXIT_USAGE, "--import needs DIR RUN: the model, and the folder of the new run");
    if (cli->mode == MODE_ENCODE && (!cli->file || !cli->tokenizer))
        die(EXIT_USAGE,
            "--encode needs TEXT OUT.bin --tokenizer FILE: the text, the file to write, and "
            "the tokenizer.json");
    if (cli->mode == MODE_TRAIN_TOKENIZER && !cli->file)
        die(EXIT_USAGE, "--train-tokenizer needs TEXT OUT.json: the text, and the file to write");
    if (cli->mode == MODE_REPLAY && cli->step == STEP_BEST)
        die(EXIT_USAGE, "--replay examines an update: --step takes an integer, not \"best\"");
    if (cli->sampling.top_p > 1) die(EXIT_USAGE, "--top-p takes a probability, 0 to 1");
    if (cli->seed > UINT32_MAX) die(EXIT_USAGE, "--seed must be 0 to 2^32-1");
}

/* Whether an argument is the flag --NAME, with or without a value. */
static bool is_flag(const char *argument, const char *name) {
    const size_t length = strlen(name);
    return strncmp(argument, "--", 2) == 0 && strncmp(argument + 2, name, length) == 0 &&
           (argument[2 + length] == '\0' || argument[2 + length] == '=');
}

/* Some options have the name of a key, which they are only beside their command. */
static void find_owners(CliState *state, const char *argument) {
    state->sampling |= is_flag(argument, "sample");
    state->tokenizing |= is_flag(argument, "train-tokenizer");
    state->evaluating |= is_flag(argument, "eval") || is_flag(argument, "measure");
}

Cli cli_parse(int argc, char **argv) {
    Cli cli = {.mode = MODE_TRAIN,
               .tokens = 256,
               .vocab = 4096,
               .sampling = {0.8, 0, 1},
               .seed = 1,
               .step = STEP_NEWEST,
               .stop_at = SIZE_MAX,
               .around = 2};
    CliState state = {.sampling = false};
    for (int i = 1; i < argc; i++) find_owners(&state, argv[i]);
    for (int i = 1; i < argc; i++)
        i += parse_argument(&cli, &state, argv[i], i + 1 < argc ? argv[i + 1] : NULL);
    if (state.config && cli.config != state.config)
        die(EXIT_USAGE, "two configs: \"%s\" and --config %s", state.config, cli.config);
    if (cli.resume && cli.run) resume_run(&cli);
    cli.n_sets = (size_t)arrlen(cli.sets);
    check_options(&cli, state.used);
    check_values(&cli);
    return cli;
}

int cli_hide_command(int argc, char **argv) {
    static const char flag[] = "--on-event";
    const size_t length = sizeof flag - 1;
    int kept = 0;
    for (int i = 0; i < argc; i++) {
        const char *rest = strncmp(argv[i], flag, length) == 0 ? argv[i] + length : argv[i];
        if (!*rest && rest != argv[i])
            i++; /* and its value */
        else if (rest == argv[i] || *rest != '=')
            argv[kept++] = argv[i];
    }
    return kept;
}

void cli_free(Cli *cli) {
    for (ptrdiff_t i = 0; i < arrlen(cli->owned); i++) mem_free(cli->owned[i]);
    arrfree(cli->owned);
    arrfree(cli->sets);
}

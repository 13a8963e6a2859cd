/* cli.c - see cli.h. */
#include "run/commands/cli.h"

#include "base/text_out.h"
#include "base/words.h"
#include "base/stb_ds.h"
#include "run/config/config_keys.h"
#include "run/io/files.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

typedef enum { TAKES_NOTHING, TAKES_TEXT, TAKES_WHOLE, TAKES_NUMBER, REPEATED } Takes;

typedef struct {
    const char *name, *argument, *help;
    Takes takes;
    size_t offset;    /* of the field in Cli that the argument fills */
    int mode;         /* Mode, or -1 where the flag only refines one */
    unsigned refines; /* bits 1 << Mode */
} Flag;

/* A command that trains stays whole where it is only looked at. */
enum {
    TRAINING = 1 << MODE_TRAIN | 1 << MODE_DESCRIBE | 1 << MODE_DRY_RUN | 1 << MODE_BENCH,
    SAMPLING = 1 << MODE_SAMPLE,
    STORED = 1 << MODE_SAMPLE | 1 << MODE_EVAL,
};

static const Flag FLAGS[] = {
    {"config", "FILE", "train what FILE describes (also looked for in configs/)", TAKES_TEXT,
     offsetof(Cli, config), -1, TRAINING},
    {"set", "KEY=VALUE", "override a key; may be repeated", REPEATED, offsetof(Cli, sets), -1,
     TRAINING | 1 << MODE_EVAL | 1 << MODE_REPLAY},
    {"run-dir", "DIR", "write the run there instead of log.dir/name", TAKES_TEXT,
     offsetof(Cli, run_dir), -1, TRAINING},
    {"resume", NULL, "go on from the last checkpoint, or begin where there is none", TAKES_NOTHING,
     offsetof(Cli, resume), -1, TRAINING},
    {"overwrite", NULL, "remove a run that is in the way", TAKES_NOTHING, offsetof(Cli, overwrite),
     -1, TRAINING},
    {"describe", NULL, "print the equations that --config builds, and their hash", TAKES_NOTHING, 0,
     MODE_DESCRIBE},
    {"dry-run", NULL, "print what --config will need and take, and write nothing", TAKES_NOTHING, 0,
     MODE_DRY_RUN},
    {"bench", "N",
     "train N steps beside products of matrices, log nothing, print one line of speeds",
     TAKES_WHOLE, offsetof(Cli, bench), MODE_BENCH},
    {"sample", "RUN", "write text with the model of a run directory", TAKES_TEXT,
     offsetof(Cli, run), MODE_SAMPLE},
    {"prompt", "TEXT", "what the sample begins with; - reads it from standard input", TAKES_TEXT,
     offsetof(Cli, prompt), -1, SAMPLING},
    {"tokens", "N", "how many tokens to sample (256)", TAKES_WHOLE, offsetof(Cli, tokens), -1,
     SAMPLING},
    {"temperature", "X", "0 = always the likeliest (0.8)", TAKES_NUMBER,
     offsetof(Cli, sampling.temperature), -1, SAMPLING},
    {"top-k", "K", "draw from the K likeliest only (0 = all)", TAKES_WHOLE,
     offsetof(Cli, sampling.top_k), -1, SAMPLING},
    {"top-p", "P", "then from the fewest that have this probability together (1)", TAKES_NUMBER,
     offsetof(Cli, sampling.top_p), -1, SAMPLING},
    {"seed", "S", "of the sample, 0 to 2^32-1 (1)", TAKES_WHOLE, offsetof(Cli, seed), -1, SAMPLING},
    {"eval", "RUN",
     "loss of the latest checkpoint of a run on its validation data, or on --set data.val=FILE",
     TAKES_TEXT, offsetof(Cli, run), MODE_EVAL},
    {"norms", "MODE",
     "of --eval and --sample: real, frozen (divided by constants), frozen_first, identity",
     TAKES_TEXT, offsetof(Cli, norms), -1, STORED},
    {"force-topology", "NAME",
     "of --eval and --sample: wire the weights of the run as another topology, to see it break",
     TAKES_TEXT, offsetof(Cli, topology), -1, STORED},
    {"replay", "RUN",
     "repeat the updates around a spike of a run to the bit, and look at activations, gradients "
     "and "
     "rows; writes RUN/replay/",
     TAKES_TEXT, offsetof(Cli, run), MODE_REPLAY},
    {"step", "N", "of --replay: the update to look at (that of the worst spike)", TAKES_WHOLE,
     offsetof(Cli, step), -1, 1 << MODE_REPLAY},
    {"around", "K", "of --replay: how many updates before and after it to write down (2)",
     TAKES_WHOLE, offsetof(Cli, around), -1, 1 << MODE_REPLAY},
    {"list", "WHAT", "topologies, norms or keys", TAKES_TEXT, offsetof(Cli, list), MODE_LIST},
    {"print-schema", NULL, "print what a config may hold, for editors", TAKES_NOTHING, 0,
     MODE_SCHEMA},
    {"print-man", NULL, "print the manual page, for man", TAKES_NOTHING, 0, MODE_MAN},
    {"print-completion", NULL, "print the completion of flags and keys, for bash", TAKES_NOTHING, 0,
     MODE_COMPLETION},
    {"version", NULL, "version, build and BLAS", TAKES_NOTHING, 0, MODE_VERSION},
    {"help", NULL, "this text", TAKES_NOTHING, 0, MODE_HELP},
};
enum { FLAG_COUNT = sizeof FLAGS / sizeof *FLAGS };

const char *const CLI_LISTS[] = {"topologies", "norms", "keys", NULL};

bool cli_flag(size_t i, CliFlag *flag) {
    if (i >= FLAG_COUNT) return false;
    *flag = (CliFlag){FLAGS[i].name, FLAGS[i].argument, FLAGS[i].help};
    return true;
}

void cli_help(bool examples_only) {
    printf(
        "peri.c %s: trains transformers and shows what the place and kind of normalization do.\n\n"
        "  ./train --config peri_rms.json                        a minute on two cores, then a "
        "story\n"
        "  ./train --config peri_rms.json --set data.train=my.txt --set name=my_text\n"
        "  ./train --sample runs/peri_rms --prompt \"One day\"\n\n",
        PERI_VERSION);
    if (examples_only) {
        printf(
            "./train --help shows every flag, ./train --list topologies what can be compared.\n");
        return;
    }
    for (int i = 0; i < FLAG_COUNT; i++) {
        char left[48];
        snprintf(left, sizeof left, "--%s %s", FLAGS[i].name,
                 FLAGS[i].argument ? FLAGS[i].argument : "");
        printf("  %-24s%s\n", left, FLAGS[i].help);
    }
    printf("  --KEY VALUE             short for --set, KEY being a key's last word: --topology pre "
           "--steps 500\n\n"
           "Exit codes: 0 done or already done, 1 internal, 2 usage or config, 3 data or "
           "checkpoint, 4 I/O,\n"
           "5 diverged, 75 stopped by SIGUSR2. ./train --list keys shows every key of a config "
           "with its default.\n");
}

static const Flag *find_flag(const char *name) {
    for (int i = 0; i < FLAG_COUNT; i++) {
        if (strcmp(FLAGS[i].name, name) == 0) return &FLAGS[i];
    }
    return NULL;
}

static _Noreturn void unknown_flag(const char *argument) {
    const char *names[FLAG_COUNT + 1] = {NULL};
    for (int i = 0; i < FLAG_COUNT; i++) names[i] = FLAGS[i].name;
    const char *word = strncmp(argument, "--", 2) == 0 ? argument + 2 : "";
    const char *near = name_nearest(word, names), *key = near ? NULL : key_suggest(word);
    if (*word && key)
        die(EXIT_USAGE, "unknown argument \"%s\"; did you mean --set %s=...?", argument, key);
    die(EXIT_USAGE, "unknown argument \"%s\"%s%s%s; ./train --help shows every flag", argument,
        near ? "; did you mean --" : "", near ? near : "", near ? "?" : "");
}

static size_t whole_number(const char *flag, const char *text) {
    char *end;
    errno = 0;
    unsigned long long value = strtoull(text, &end, 10);
    if (*text < '0' || *text > '9' || *end || errno) {
        die(EXIT_USAGE, "--%s takes a whole number, not \"%s\"", flag, text);
    }
    return (size_t)value;
}

static double real_number(const char *flag, const char *text) {
    char *end;
    double value = strtod(text, &end);
    if (end == text || *end || !isfinite(value) || value < 0) {
        die(EXIT_USAGE, "--%s takes a number of at least 0, not \"%s\"", flag, text);
    }
    return value;
}

static void take(Cli *cli, const Flag *flag, const char *value) {
    void *field = (char *)cli + flag->offset;
    switch (flag->takes) {
    case TAKES_NOTHING:
        if (flag->mode < 0) *(bool *)field = true;
        break;
    case TAKES_TEXT:
        *(const char **)field = value;
        break;
    case TAKES_WHOLE:
        *(size_t *)field = whole_number(flag->name, value);
        break;
    case TAKES_NUMBER:
        *(double *)field = real_number(flag->name, value);
        break;
    case REPEATED:
        arrput(cli->sets, value);
        break;
    }
    if (flag->mode < 0) return;
    if (cli->mode != MODE_TRAIN)
        die(EXIT_USAGE, "--%s does not go with the flags before it", flag->name);
    cli->mode = (Mode)flag->mode;
}

/* "--topology peri" as "model.topology=peri", for the caller to free. */
static const char *sugar(const char *argument, const char *value) {
    char *word = text_format("%s", argument + 2);
    for (char *c = word; *c; c++) {
        if (*c == '-') *c = '_';
    }
    const char *key = config_key_of_word(word);
    mem_free(word);
    return key ? text_format("%s=%s", key, value ? value : "") : NULL;
}

/* No flag is read and then ignored, but what stands beside --help. */
static void check_company(const Cli *cli, const bool used[FLAG_COUNT]) {
    const char *mode = NULL;
    for (int i = 0; i < FLAG_COUNT; i++) {
        if (FLAGS[i].mode == (int)cli->mode) mode = FLAGS[i].name;
    }
    for (int i = 0; i < FLAG_COUNT && cli->mode != MODE_HELP; i++) {
        bool idle = used[i] && FLAGS[i].mode < 0 && !(FLAGS[i].refines >> cli->mode & 1);
        if (idle)
            die(EXIT_USAGE, "--%s does not go with %s%s", FLAGS[i].name, mode ? "--" : "training",
                mode ? mode : "");
    }
}

Cli cli_parse(int argc, char **argv) {
    Cli cli = {.mode = MODE_TRAIN,
               .tokens = 256,
               .sampling = {0.8, 0, 1},
               .seed = 1,
               .step = SIZE_MAX,
               .around = 2};
    bool sampling = false, used[FLAG_COUNT] = {false};
    for (int i = 1; i < argc; i++) sampling |= strcmp(argv[i], "--sample") == 0;
    for (int i = 1; i < argc; i++) {
        const Flag *flag = strncmp(argv[i], "--", 2) == 0 ? find_flag(argv[i] + 2) : NULL;
        const char *value = i + 1 < argc ? argv[i + 1] : NULL;
        bool seed_of_run = flag && strcmp(flag->name, "seed") == 0 && !sampling;
        if (!flag || seed_of_run) { /* --seed is train.seed unless a sample is drawn */
            const char *set = strncmp(argv[i], "--", 2) == 0 ? sugar(argv[i], value) : NULL;
            if (!set) unknown_flag(argv[i]);
            if (!value) die(EXIT_USAGE, "%s needs a value", argv[i]);
            arrput(cli.owned, (char *)set);
            arrput(cli.sets, set);
            used[find_flag("set") - FLAGS] = true;
            i++;
            continue;
        }
        used[flag - FLAGS] = true;
        bool needs = flag->takes != TAKES_NOTHING;
        if (needs && !value) die(EXIT_USAGE, "--%s needs %s", flag->name, flag->argument);
        take(&cli, flag, value);
        i += needs;
    }
    cli.n_sets = (size_t)arrlen(cli.sets);
    check_company(&cli, used);
    if (cli.resume && cli.overwrite)
        die(EXIT_USAGE, "--resume goes on with a run, --overwrite removes it: take one of them");
    if (cli.mode == MODE_BENCH && (cli.bench < 1 || cli.bench > 1000000))
        die(EXIT_USAGE, "--bench takes 1 to 1000000 steps");
    if (cli.sampling.top_p > 1) die(EXIT_USAGE, "--top-p takes a probability, 0 to 1");
    if (cli.seed > UINT32_MAX) die(EXIT_USAGE, "--seed must be 0 to 2^32-1");
    return cli;
}

void cli_free(Cli *cli) {
    for (ptrdiff_t i = 0; i < arrlen(cli->owned); i++) mem_free(cli->owned[i]);
    arrfree(cli->owned);
    arrfree(cli->sets);
}

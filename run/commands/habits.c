/* habits.c - see habits.h. */
#include "run/commands/habits.h"

#include "base/base.h"
#include "base/program.h"
#include "base/stb_ds.h"
#include "base/text_out.h"
#include "base/words.h"
#include "run/commands/cli.h"
#include "run/config/config_keys.h"

#include <string.h>

/* Flags of other trainers without a counterpart here. */
static const struct {
    const char *name, *answer;
} ABSENT[] = {
    {"device", "peri.c computes on the CPU"},
    {"gpus", "peri.c computes on the CPU"},
    {"accelerator", "peri.c computes on the CPU"},
    {"devices", "peri.c computes on the CPU; --threads N sets the number of threads"},
    {"fp16", "--stream_precision float16 rounds the residual stream; see --precision too"},
    {"bf16", "--precision bfloat16 rounds the operands of matrix multiplications"},
    {"compile", "there is nothing to compile at run time"},
    {"epochs", "a run is counted in steps: --steps N; --dry-run prints the epochs"},
    {"max-epochs", "a run is counted in steps: --steps N; --dry-run prints the epochs"},
    {"num-epochs", "a run is counted in steps: --steps N; --dry-run prints the epochs"},
    {"num-train-epochs", "a run is counted in steps: --steps N; --dry-run prints the epochs"},
    {"resume-from-checkpoint", "--resume continues a run from its last checkpoint"},
    {"ckpt-path", "--resume continues a run from its last checkpoint"},
    {"num-samples", "--sample RUN prints a sample of a run; --seed S another one"},
    {"backend", "a run is one process on one machine"},
    {"strategy", "a run is one process on one machine"},
    {"fast-dev-run", "--bench N trains N steps, --dry-run prints what a run needs"},
    {"num-workers", "data are read as needed; --threads N sets the number of threads"},
    {"wandb", "every run writes log.csv; scripts/report.sh shows runs in a browser"},
    {"wandb-log", "every run writes log.csv; scripts/report.sh shows runs in a browser"},
    {"report-to", "every run writes log.csv; scripts/report.sh shows runs in a browser"},
    {"verbose", "progress is printed by default; --quiet turns it off"},
};

static void answer_absent(const char *argument, const char *name) {
    for (size_t i = 0; i < sizeof ABSENT / sizeof *ABSENT; i++) {
        if (strcmp(ABSENT[i].name, name) == 0)
            die(EXIT_USAGE, "unknown argument \"%s\": %s", argument, ABSENT[i].answer);
    }
}

/* The letters of llm.c. */
static const struct {
    char letter;
    const char *path;
} LETTERS[] = {
    {'i', "data.train"},       {'j', "data.val"},           {'o', "log.dir"},
    {'b', "train.batch"},      {'t', "model.context"},      {'l', "optim.lr"},
    {'x', "train.steps"},      {'u', "optim.warmup_steps"}, {'c', "optim.weight_decay"},
    {'v', "train.eval_every"}, {'s', "train.sample_every"}, {'n', "train.checkpoint_every"},
};

static void answer_letter(const char *argument) {
    if (argument[0] != '-' || !argument[1] || argument[2]) return;
    for (size_t i = 0; i < sizeof LETTERS / sizeof *LETTERS; i++) {
        if (LETTERS[i].letter == argument[1])
            die(EXIT_USAGE, "unknown argument \"%s\"; did you mean --set %s=...?", argument,
                LETTERS[i].path);
    }
}

static bool is_flag(const char *name) {
    CliFlag flag;
    for (size_t i = 0; cli_flag(i, &flag); i++) {
        if (strcmp(flag.name, name) == 0) return true;
    }
    return false;
}

/* "lr" for the argument "-lr", "describe" for "describe": a flag or a key without its dashes. */
static void answer_dashes(const char *argument, const char *name, const char *words) {
    if (strncmp(argument, "--", 2) == 0) return;
    if (is_flag(name) || config_key_of_word(words))
        die(EXIT_USAGE, "unknown argument \"%s\"; did you mean --%s?", argument, name);
}

/* --no-bias is --bias false here. */
static void answer_negation(const char *argument, const char *words) {
    const char *key = strncmp(words, "no_", 3) == 0 ? config_key_of_word(words + 3) : NULL;
    if (key && key_find(key)->type == TYPE_BOOL)
        die(EXIT_USAGE, "unknown argument \"%s\"; did you mean --set %s=false?", argument, key);
}

_Noreturn void argument_unknown(const char *argument, const char *name) {
    CliFlag flag;
    const char **names = NULL;
    char *words = cli_key_words(name);
    for (size_t i = 0; cli_flag(i, &flag); i++) arrput(names, flag.name);
    arrput(names, NULL);
    answer_letter(argument);
    answer_absent(argument, name);
    answer_dashes(argument, name, words);
    answer_negation(argument, words);
    const char *near = name_nearest(name, names);
    const char *key = near || !*name ? NULL : key_suggest(words);
    if (key) die(EXIT_USAGE, "unknown argument \"%s\"; did you mean --set %s=...?", argument, key);
    die(EXIT_USAGE, "unknown argument \"%s\"%s%s%s; %s --help lists all flags", argument,
        near ? "; did you mean --" : "", near ? near : "", near ? "?" : "", program_name());
}

/* manual.c - see manual.h.
 *
 * Two printers: of a page in roff, whose prose stands here, and of a script for bash. Both take the
 * rest from cli_flag() and key_at(). Read next: cli.c, run/config/config_keys.c. */
#include "run/commands/manual.h"

#include "run/commands/cli.h"
#include "run/config/config_keys.h"

#include <string.h>

/* --- the page  / --- */

static const char DESCRIPTION[] =
    "Trains a transformer on the CPU as a config describes it, writes a folder of logs and "
    "checkpoints, and ends with a sample. Where the norms stand and which they are is a matter of "
    "two keys, model.topology and model.norm; --describe prints the equations of what will run.";

static const char KEYS[] =
    "What a config may hold and --set may change: the key and its default, what it means, and what "
    "it takes. A config is JSON, nested by section, with // comments; \"extends\": \"FILE\" names "
    "a config to start from.";

static const char *const SYNOPSIS[] = {
    "peri-train --config FILE [--set KEY=VALUE]... [OPTION]...",
    "peri-train --sample RUN [OPTION]...",
    "peri-train --replay RUN [--step N] [OPTION]...",
    "peri-train --list WHAT",
    NULL,
};

static const char *const EXAMPLES[] = {
    "peri-train --config peri_rms",
    "peri-train --config peri_rms --topology pre --set name=pre --describe",
    "peri-train --config my_text --set data.train=book.txt --set name=book --resume",
    "peri-train --sample runs/book --prompt \"Once\" --tokens 400",
    NULL,
};

/* What a page lists; closed by an item without a term. */
typedef struct {
    const char *term, *text;
} Item;

static const Item FILES[] = {
    {"configs/, PREFIX/share/peri/configs/",
     "where --config looks for what is not found as it stands, with or without .json"},
    {"runs/NAME/", "a run: log.dir/name, or what --run-dir says"},
    {"runs/NAME/config.json", "every key with its value"},
    {"runs/NAME/run.json",
     "equations, build, machine, hashes of the data, and at the end the summary"},
    {"runs/NAME/log.csv", "a row for each update"},
    {"runs/NAME/spikes.csv", "a row for each spike"},
    {"runs/NAME/layers.csv", "rows for each measured activation"},
    {"runs/NAME/replay/", "what --replay found out about single updates"},
    {"runs/NAME/checkpoints/", "what --resume goes on from and --sample reads"},
    {NULL, NULL},
};

static const Item EXIT_STATUS[] = {
    {"0", "done, or done before"},
    {"1", "internal error"},
    {"2", "wrong usage or config"},
    {"3", "wrong data or checkpoint"},
    {"4", "the system refused: disk, memory, permission"},
    {"5", "diverged: a step that is not finite, or spike.action stop"},
    {"75", "stopped by SIGUSR2; --resume goes on"},
    {NULL, NULL},
};

static const Item SIGNALS[] = {
    {"SIGINT, SIGTERM, SIGHUP", "finish the step, write a checkpoint and die of the signal; a "
                                "second SIGINT ends the program at once"},
    {"SIGUSR2", "the same, but with exit status 75"},
    {"SIGPIPE, SIGXFSZ", "ignored; a write that fails ends the program with exit status 4"},
    {NULL, NULL},
};

static const Item ENVIRONMENT[] = {
    {"OMP_NUM_THREADS", "threads, where train.threads is 0"},
    {"GOMP_SPINCOUNT",
     "how long idle threads spin; 3000 where neither it nor OMP_WAIT_POLICY is set"},
    {"OPENBLAS_CORETYPE",
     "kernels of OpenBLAS; where unset, the program chooses if OpenBLAS does not know the CPU"},
    {"COLUMNS, NO_COLOR, TERM",
     "width and colours of a terminal; nothing moves where TERM is unset or dumb"},
    {NULL, NULL},
};

/* `text` as roff shows it unchanged, wherever it stands. */
static void print_roff(FILE *out, const char *text) {
    static const char SPECIAL[] = "\\-'`^~";
    static const char *const ESCAPES[] = {"\\e", "\\-", "\\(aq", "\\(ga", "\\(ha", "\\(ti"};
    fputs("\\&", out);
    for (; *text; text++) {
        const char *special = strchr(SPECIAL, *text);
        if (special) {
            fputs(ESCAPES[special - SPECIAL], out);
        } else {
            fputc(*text, out);
        }
    }
}

/* A term in bold and what belongs to it, which may be "". */
static void print_term(FILE *out, const char *term, const char *rest) {
    fputs(".TP\n\\fB", out);
    print_roff(out, term);
    fputs("\\fR", out);
    print_roff(out, rest);
    fputc('\n', out);
}

static void print_line(FILE *out, const char *text) {
    print_roff(out, text);
    fputc('\n', out);
}

static void print_text(FILE *out, const char *title, const char *text) {
    fprintf(out, ".SH %s\n", title);
    print_line(out, text);
}

static void print_lines(FILE *out, const char *title, const char *const *lines) {
    fprintf(out, ".SH %s\n.nf\n", title);
    for (; *lines; lines++) print_line(out, *lines);
    fputs(".fi\n", out);
}

static void print_items(FILE *out, const char *title, const Item *items) {
    fprintf(out, ".SH %s\n", title);
    for (; items->term; items++) {
        print_term(out, items->term, "");
        print_line(out, items->text);
    }
}

static void print_flags(FILE *out) {
    fputs(".SH OPTIONS\n", out);
    CliFlag flag;
    for (size_t i = 0; cli_flag(i, &flag); i++) {
        char term[64], rest[64];
        snprintf(term, sizeof term, "--%s", flag.name);
        snprintf(rest, sizeof rest, "%s%s", flag.argument ? " " : "",
                 flag.argument ? flag.argument : "");
        print_term(out, term, rest);
        print_line(out, flag.help);
    }
    print_term(out, "--KEY", " VALUE");
    print_line(out, "short for --set, KEY being a key's last word: --topology pre --steps 500");
}

static void print_keys(FILE *out) {
    const char *section = "";
    for (size_t i = 0; key_at(i); i++) {
        const Key *key = key_at(i);
        const char *dot = strchr(key->path, '.');
        size_t length = dot ? (size_t)(dot - key->path) : 0;
        if (dot && strncmp(section, key->path, length + 1) != 0) {
            section = key->path;
            fprintf(out, ".SS %.*s\n", (int)length, section);
        }
        char rest[64], takes[640];
        snprintf(rest, sizeof rest, " = %s", key->default_json);
        key_takes(key, takes, sizeof takes);
        print_term(out, key->path, rest);
        print_line(out, key->help);
        fputs(".br\n", out);
        print_line(out, takes);
    }
}

void manual_print_page(FILE *out) {
    fputs(".TH PERI\\-TRAIN 1 \"\" \"peri.c " PERI_VERSION "\" \"User Commands\"\n"
          ".SH NAME\n"
          "peri\\-train \\- train transformers and see what place and kind of normalization do\n",
          out);
    print_lines(out, "SYNOPSIS", SYNOPSIS);
    print_text(out, "DESCRIPTION", DESCRIPTION);
    print_flags(out);
    print_text(out, "KEYS", KEYS);
    print_keys(out);
    print_items(out, "FILES", FILES);
    print_items(out, "EXIT STATUS", EXIT_STATUS);
    print_items(out, "SIGNALS", SIGNALS);
    print_items(out, "ENVIRONMENT", ENVIRONMENT);
    print_lines(out, "EXAMPLES", EXAMPLES);
}

/* --- the completion  / --- */

/* What is completed for the argument of a flag, by its word in the help; other words are free. */
static const struct {
    const char *argument, *action;
} ACTIONS[] = {
    {"FILE", "_peri_train_configs \"$1\" \"$word\""}, /* a config */
    {"KEY=VALUE", "_peri_train_set \"$word\""},       /* a key, then its choices */
    {"DIR", "compgen -d -S / -- \"$word\""},          /* a folder */
    {"RUN", "compgen -d -S / -- \"$word\""},          /* the folder of a run */
    {"WHAT", "compgen -W \"$lists\" -- \"$word\""},   /* what --list knows */
};
enum { ACTION_COUNT = sizeof ACTIONS / sizeof *ACTIONS };

static const char COMPLETION_FUNCTIONS[] =
    "# _peri_train_set WORD: KEY=, then the choices of the key.\n"
    "_peri_train_set() {\n"
    "    local prefix=\n"
    "    if [[ $1 != *=* ]]; then\n"
    "        compgen -S = -W \"$keys\" -- \"$1\"\n"
    "        return\n"
    "    fi\n"
    "    # Readline completes what stands behind the last of its word breaks.\n"
    "    [[ $COMP_WORDBREAKS == *=* ]] || prefix=${1%%=*}=\n"
    "    compgen -P \"$prefix\" -W \"$(_peri_train_choices \"${1%%=*}\")\" -- \"${1#*=}\"\n"
    "}\n\n"
    "# _peri_train_configs PROGRAM WORD: configs by name, then files and folders.\n"
    "_peri_train_configs() {\n"
    "    local file names=() installed\n"
    "    installed=$(dirname \"$(type -P \"$1\")\")/../share/peri/configs\n"
    "    for file in configs/*.json \"$installed\"/*.json; do\n"
    "        [[ ! -e $file || $file == */schema.json ]] || names+=(\"${file##*/}\")\n"
    "    done\n"
    "    compgen -W \"${names[*]}\" -- \"$2\"\n"
    "    compgen -f -X '!*.json' -- \"$2\"\n"
    "    compgen -d -S / -- \"$2\"\n"
    "}\n\n"
    "# Bash takes KEY=VALUE apart at the =; here it is one word again.\n"
    "_peri_train() {\n"
    "    local piece after=\"\" words=(\"\")\n"
    "    for piece in \"${COMP_WORDS[@]:1:COMP_CWORD}\"; do\n"
    "        [[ $piece == = || $after == = ]] || words+=(\"\")\n"
    "        words[-1]+=$piece\n"
    "        after=$piece\n"
    "    done\n"
    "    mapfile -t COMPREPLY < <(\n"
    "        _peri_train_words \"$1\" \"${words[-2]}\" \"${words[-1]}\" | sort -u)\n"
    "    [[ ${COMPREPLY[0]:-} != *[=/] ]] || compopt -o nospace 2>/dev/null\n"
    "}\n\n"
    "complete -o default -F _peri_train peri-train train\n";

/* Whether --word is short for this key; `word` is then its last word with - for _. */
static bool sugar_of(const Key *key, char *word, size_t size) {
    const char *dot = strrchr(key->path, '.'), *last = dot ? dot + 1 : key->path;
    const char *owner = config_key_of_word(last);
    if (!owner || strcmp(owner, key->path) != 0) return false;
    snprintf(word, size, "%s", last);
    for (char *c = word; *c; c++) {
        if (*c == '_') *c = '-';
    }
    return true;
}

/* The case of a key whose values are words. */
static void print_choices_of(FILE *out, const Key *key) {
    char word[64];
    if (key->type != TYPE_ENUM && key->type != TYPE_BOOL) return;
    fprintf(out, "    %s", key->path);
    if (sugar_of(key, word, sizeof word)) fprintf(out, " | --%s", word);
    fputs(") echo \"", out);
    if (key->type == TYPE_BOOL) fputs("true false", out);
    for (int i = 0; key->type == TYPE_ENUM && key->choices(i); i++)
        fprintf(out, "%s%s", i ? " " : "", key->choices(i));
    fputs("\" ;;\n", out);
}

/* Local words of bash: flags, sugar (the flags that stand for keys), keys, lists. */
static void print_words(FILE *out) {
    CliFlag flag;
    fputs("    local flags=\"", out);
    for (size_t i = 0; cli_flag(i, &flag); i++) fprintf(out, "%s--%s", i ? " " : "", flag.name);
    fputs("\"\n    local sugar=\"", out);
    for (size_t i = 0; key_at(i); i++) {
        char word[64];
        if (sugar_of(key_at(i), word, sizeof word)) fprintf(out, "%s--%s", i ? " " : "", word);
    }
    fputs("\"\n    local keys=\"", out);
    for (size_t i = 0; key_at(i); i++) fprintf(out, "%s%s", i ? " " : "", key_at(i)->path);
    fputs("\"\n    local lists=\"", out);
    for (size_t i = 0; CLI_LISTS[i]; i++) fprintf(out, "%s%s", i ? " " : "", CLI_LISTS[i]);
    fputs("\"\n", out);
}

/* A case for each flag with an argument. */
static void print_flag_cases(FILE *out) {
    CliFlag flag;
    for (size_t i = 0; cli_flag(i, &flag); i++) {
        const char *action = "";
        if (!flag.argument) continue;
        for (int k = 0; k < ACTION_COUNT; k++) {
            if (strcmp(flag.argument, ACTIONS[k].argument) == 0) action = ACTIONS[k].action;
        }
        fprintf(out, "    --%s) %s%s;;\n", flag.name, action, *action ? " " : "");
    }
}

void manual_print_completion(FILE *out) {
    fputs("# shellcheck shell=bash\n"
          "# Completion of peri-train for bash, printed by --print-completion.\n\n"
          "# _peri_train_choices KEY: the words that a key takes.\n"
          "_peri_train_choices() {\n"
          "    case $1 in\n",
          out);
    for (size_t i = 0; key_at(i); i++) print_choices_of(out, key_at(i));
    fputs("    esac\n"
          "}\n\n"
          "# _peri_train_words PROGRAM BEFORE WORD: what WORD may become, behind the word BEFORE.\n"
          "_peri_train_words() {\n"
          "    local before=$2 word=$3\n",
          out);
    print_words(out);
    fputs("    case $before in\n", out);
    print_flag_cases(out);
    fputs("    *)\n"
          "        if [[ \" $sugar \" == *\" $before \"* ]]; then\n"
          "            compgen -W \"$(_peri_train_choices \"$before\")\" -- \"$word\"\n"
          "        else\n"
          "            compgen -W \"$flags $sugar\" -- \"$word\"\n"
          "        fi\n"
          "        ;;\n"
          "    esac\n"
          "}\n\n",
          out);
    fputs(COMPLETION_FUNCTIONS, out);
}

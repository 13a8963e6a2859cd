/* manual.c - see manual.h.
 *
 * Prints a page in roff and a script for bash. Flags come from cli_flag(), keys from key_at(); the
 * rest of the text is here. Read next: cli.c, run/config/config_keys.c. */
#include "run/commands/manual.h"

#include "run/commands/cli.h"
#include "run/commands/list.h"
#include "run/config/config_keys.h"
#include "run/measure/calibrate.h"

#include <string.h>

/* --- manual page --- */

static const char DESCRIPTION[] =
    "peri-train trains the transformer described by a config on the CPU, writes logs and "
    "checkpoints to a run directory, and prints a sample at the end. The key model.topology sets "
    "the placement of the norms, model.norm their kind. --describe prints the resulting equations.";

static const char KEYS[] =
    "The keys of a config, which --set overrides: key and default, meaning, type and range. A "
    "config is JSON, nested by section; // comments are allowed. \"extends\": \"FILE\" names a "
    "config to inherit from.";

static const char *const SYNOPSIS[] = {
    "peri-train --config FILE [--set KEY=VALUE]... [OPTION]...",
    "peri-train --sample RUN [OPTION]...",
    "peri-train --eval RUN [OPTION]...",
    "peri-train --measure RUN [TEXT] [OPTION]...",
    "peri-train --replay RUN [--step N] [OPTION]...",
    "peri-train --status RUN [--json]",
    "peri-train --logits RUN FILE [OPTION]...",
    "peri-train --list WHAT [--json]",
    NULL,
};

static const char *const EXAMPLES[] = {
    "peri-train --config peri_rms",
    "peri-train --config peri_rms --topology pre --set name=pre --describe",
    "peri-train --config my_text --set data.train=book.txt --set name=book --resume",
    "peri-train --sample runs/book --prompt \"Once\" --tokens 400",
    NULL,
};

/* An entry of a list; an entry without a term ends the list. */
typedef struct {
    const char *term, *text;
} Item;

static const Item FILES[] = {
    {"configs/, PREFIX/share/peri/configs/",
     "searched for the FILE of --config if there is no such file; .json may be omitted; --list "
     "configs lists them"},
    {"runs/NAME/", "the run directory: log.dir/name, or the DIR of --run-dir"},
    {"runs/NAME/config.json", "all keys with their values"},
    {"runs/NAME/run.json", "equations, build, machine and data hashes; after the run, its summary"},
    {"runs/NAME/log.csv", "one record per update"},
    {"runs/NAME/spikes.csv", "one record per spike"},
    {"runs/NAME/layers.csv", "statistics of activations and gradients"},
    {"runs/NAME/tensors.csv", "size of every weight tensor, of its gradient and of its update"},
    {"runs/NAME/replay/", "one folder per update examined with --replay"},
    {"runs/NAME/checkpoints/", "the checkpoints that --resume, --sample and --eval read"},
    {NULL, NULL},
};

static const Item EXIT_STATUS[] = {
    {"0", "success, or the run is already finished"},
    {"1", "internal error"},
    {"2", "wrong usage or config"},
    {"3", "wrong data or checkpoint"},
    {"4", "I/O error: disk, memory or permissions"},
    {"5", "diverged: a non-finite step, or a spike with spike.action = stop"},
    {"75", "stopped by SIGUSR1, SIGUSR2 or SIGXCPU; --resume continues the run"},
    {NULL, NULL},
};

static const Item SIGNALS[] = {
    {"SIGINT, SIGTERM, SIGHUP", "finish the current step, write a checkpoint and terminate by "
                                "the signal; a second SIGINT terminates at once"},
    {"SIGUSR1, SIGUSR2, SIGXCPU",
     "finish the current step, write a checkpoint and exit with status 75"},
    {"SIGPIPE", "ends commands that only print; training continues"},
    {"SIGXFSZ", "ignored; a failed write exits with status 4"},
    {NULL, NULL},
};

static const Item ENVIRONMENT[] = {
    {"OMP_NUM_THREADS", "upper limit of the number of threads if train.threads is 0"},
    {"GOMP_SPINCOUNT",
     "how long idle threads spin; set to 3000 if neither it nor OMP_WAIT_POLICY is set"},
    {"OPENBLAS_CORETYPE",
     "kernels of OpenBLAS; set by the program if unset and OpenBLAS does not know the CPU"},
    {"PERI_ON_EVENT", "the command of --on-event, if that is not given"},
    {"COLUMNS, NO_COLOR, TERM",
     "width and colors of the terminal; no progress line is drawn if TERM is unset or dumb"},
    {NULL, NULL},
};

/* Prints `text` escaped, so that roff shows it unchanged anywhere on a line. */
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

/* A term in bold, followed by `rest` in roman, which may be "". */
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
    print_line(out,
               "short for --set, where KEY is the last part of a key: --topology pre --steps 500");
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
          "peri\\-train \\- train transformers with any placement and kind of norms\n",
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

/* --- bash completion --- */

/* How the argument of a flag is completed, by its name in the help; others are not completed. */
static const struct {
    const char *argument, *action;
} ACTIONS[] = {
    {"FILE", "_peri_train_configs \"$1\" \"$word\""}, /* a config */
    {"KEY=VALUE", "_peri_train_set \"$word\""},       /* a key, then its values */
    {"DIR", "compgen -d -S / -- \"$word\""},          /* a folder */
    {"RUN", "compgen -d -S / -- \"$word\""},          /* the folder of a run */
    {"RUN [TEXT]", "compgen -d -S / -- \"$word\""},
    {"RUN FILE", "compgen -d -S / -- \"$word\""},
    {"WHAT", "compgen -W \"$lists\" -- \"$word\""}, /* an argument of --list */
    {"MODE", "compgen -W \"$norms\" -- \"$word\""}, /* an argument of --norms */
    {"NAME", "compgen -W \"$(_peri_train_choices model.topology)\" -- \"$word\""},
};
enum { ACTION_COUNT = sizeof ACTIONS / sizeof *ACTIONS };

static const char COMPLETION_FUNCTIONS[] =
    "# _peri_train_set WORD: completes KEY=, then the value of the key. Readline completes the "
    "text\n"
    "# after the last word break.\n"
    "_peri_train_set() {\n"
    "    local prefix=\n"
    "    if [[ $1 != *=* ]]; then\n"
    "        compgen -S = -W \"$keys\" -- \"$1\"\n"
    "        return\n"
    "    fi\n"
    "    [[ $COMP_WORDBREAKS == *=* ]] || prefix=${1%%=*}=\n"
    "    compgen -P \"$prefix\" -W \"$(_peri_train_choices \"${1%%=*}\")\" -- \"${1#*=}\"\n"
    "}\n\n"
    "# _peri_train_configs PROGRAM WORD: completes names of configs, files and folders.\n"
    "_peri_train_configs() {\n"
    "    local file installed\n"
    "    installed=$(dirname \"$(type -P \"$1\")\")/../share/peri/configs\n"
    "    for file in configs/*.json \"$installed\"/*.json; do\n"
    "        [[ ! -e $file || $file == */schema.json || ${file##*/} != \"$2\"* ]] ||\n"
    "            printf '%s\\n' \"${file##*/}\" # compgen -W would run $(...) in a name\n"
    "    done\n"
    "    compgen -f -X '!*.json' -- \"$2\"\n"
    "    compgen -d -S / -- \"$2\"\n"
    "}\n\n"
    "# _peri_train_equals PROGRAM WORD: completes the value in --FLAG=VALUE.\n"
    "_peri_train_equals() {\n"
    "    local value prefix=\"\"\n"
    "    [[ $COMP_WORDBREAKS == *=* ]] || prefix=${2%%=*}=\n"
    "    while IFS= read -r value; do\n"
    "        printf '%s%s\\n' \"$prefix\" \"$value\"\n"
    "    done < <(_peri_train_words \"$1\" \"${2%%=*}\" \"${2#*=}\")\n"
    "}\n\n"
    "# Bash splits KEY=VALUE at the =; this joins it to one word again.\n"
    "_peri_train() {\n"
    "    local piece after=\"\" words=(\"\")\n"
    "    for piece in \"${COMP_WORDS[@]:1:COMP_CWORD}\"; do\n"
    "        [[ $piece == = || $after == = ]] || words+=(\"\")\n"
    "        words[-1]+=$piece\n"
    "        after=$piece\n"
    "    done\n"
    "    mapfile -t COMPREPLY < <(\n"
    "        _peri_train_words \"$1\" \"${words[-2]}\" \"${words[-1]}\" | sort -u)\n"
    "    for piece in \"${!COMPREPLY[@]}\"; do\n"
    "        printf -v \"COMPREPLY[$piece]\" %q \"${COMPREPLY[piece]}\"\n"
    "    done\n"
    "    [[ ${COMPREPLY[0]:-} != *[=/] ]] || compopt -o nospace 2>/dev/null\n"
    "}\n\n"
    "complete -o default -F _peri_train peri-train train\n";

/* Whether the key has a short flag; `word` receives its name, the last part of the key with - for
 * _. */
static bool short_flag(const Key *key, char *word, size_t size) {
    const char *dot = strrchr(key->path, '.'), *last = dot ? dot + 1 : key->path;
    const char *owner = config_key_of_word(last);
    if (!owner || strcmp(owner, key->path) != 0) return false;
    snprintf(word, size, "%s", last);
    for (char *c = word; *c; c++) {
        if (*c == '_') *c = '-';
    }
    return true;
}

/* The case of a key with a fixed set of values. */
static void print_key_case(FILE *out, const Key *key) {
    char word[64];
    if (key->type != TYPE_ENUM && key->type != TYPE_BOOL) return;
    fprintf(out, "    %s", key->path);
    if (short_flag(key, word, sizeof word)) fprintf(out, " | --%s", word);
    if (strchr(key->path, '.')) fprintf(out, " | --%s", key->path);
    fputs(") echo \"", out);
    if (key->type == TYPE_BOOL) fputs("true false", out);
    for (int i = 0; key->type == TYPE_ENUM && key->choices(i); i++)
        fprintf(out, "%s%s", i ? " " : "", key->choices(i));
    fputs("\" ;;\n", out);
}

/* Local variables of bash: flags, short (the short flags of keys), keys, lists, norms. */
static void print_words(FILE *out) {
    CliFlag flag;
    fputs("    local flags=\"", out);
    for (size_t i = 0; cli_flag(i, &flag); i++) fprintf(out, "%s--%s", i ? " " : "", flag.name);
    fputs("\"\n    local short=\"", out);
    for (size_t i = 0; key_at(i); i++) {
        char word[64];
        if (short_flag(key_at(i), word, sizeof word)) fprintf(out, "%s--%s", i ? " " : "", word);
    }
    fputs("\"\n    local keys=\"", out);
    for (size_t i = 0; key_at(i); i++) fprintf(out, "%s%s", i ? " " : "", key_at(i)->path);
    fputs("\"\n    local lists=\"", out);
    for (int i = 0; list_name(i); i++) fprintf(out, "%s%s", i ? " " : "", list_name(i));
    fputs("\"\n    local norms=\"", out);
    for (int i = 0; norms_mode_name(i); i++) fprintf(out, "%s%s", i ? " " : "", norms_mode_name(i));
    fputs("\"\n", out);
}

/* One case per flag with an argument. */
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
          "# _peri_train_choices KEY: prints the values of a key.\n"
          "_peri_train_choices() {\n"
          "    case $1 in\n",
          out);
    for (size_t i = 0; key_at(i); i++) print_key_case(out, key_at(i));
    fputs("    esac\n"
          "}\n\n"
          "# _peri_train_words PROGRAM BEFORE WORD: prints completions of WORD after the word "
          "BEFORE.\n"
          "_peri_train_words() {\n"
          "    local before=$2 word=$3\n",
          out);
    print_words(out);
    fputs("    case $before in\n", out);
    print_flag_cases(out);
    fputs("    *)\n"
          "        if [[ \" $short \" == *\" $before \"* || $before == --*.* ]]; then\n"
          "            compgen -W \"$(_peri_train_choices \"$before\")\" -- \"$word\"\n"
          "        elif [[ $word == --*=* ]]; then\n"
          "            _peri_train_equals \"$1\" \"$word\"\n"
          "        elif [[ $word == *=* ]]; then\n"
          "            _peri_train_set \"$word\"\n"
          "        elif [[ $word == --*.* ]]; then\n"
          "            compgen -P -- -W \"$keys\" -- \"${word#--}\"\n"
          "        elif [[ -z $word || $word == -* ]]; then\n"
          "            compgen -W \"$flags $short\" -- \"$word\"\n"
          "        elif [[ $before == --resume ]]; then\n"
          "            compgen -d -S / -- \"$word\"\n"
          "        else\n"
          "            _peri_train_configs \"$1\" \"$word\"\n"
          "        fi\n"
          "        ;;\n"
          "    esac\n"
          "}\n\n",
          out);
    fputs(COMPLETION_FUNCTIONS, out);
}

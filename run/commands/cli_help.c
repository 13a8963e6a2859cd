/* cli_help.c - --help: every flag of the table in cli.c, as a page of 100 columns. */
#include "base/program.h"
#include "run/commands/cli.h"

#include <stdio.h>
#include <string.h>

/* Prints `text` in lines of at most HELP_WIDTH columns; continuation lines are indented. */
static void print_wrapped(const char *text, size_t indent, size_t column) {
    enum { HELP_WIDTH = 100 };
    while (*text) {
        size_t length = strcspn(text, " ");
        if (column > indent && column + 1 + length > HELP_WIDTH) {
            printf("\n%*s", (int)indent, "");
            column = indent;
        } else if (column > indent) {
            putchar(' ');
            column++;
        }
        printf("%.*s", (int)length, text);
        column += length;
        text += length;
        text += strspn(text, " ");
    }
    putchar('\n');
}

void cli_help(bool examples_only) {
    enum { INDENT = 26 };
    const char *program = program_name();
    printf(
        "peri.c %s: train transformers and see what the placement and kind of their norms do.\n\n"
        "  %s --config peri_rms.json                        a minute on two cores, then a "
        "story\n"
        "  %s --config peri_rms.json --set data.train=my.txt --set name=my_text\n"
        "  %s --sample runs/peri_rms --prompt \"One day\"\n\n",
        PERI_VERSION, program, program, program);
    if (examples_only) {
        printf("%s --help lists all flags, %s --list topologies all topologies.\n", program,
               program);
        return;
    }
    CliFlag flag;
    for (size_t i = 0; cli_flag(i, &flag); i++) {
        char left[INDENT];
        snprintf(left, sizeof left, "  --%s %s", flag.name, flag.argument ? flag.argument : "");
        printf("%-*s", INDENT, left);
        print_wrapped(flag.help, INDENT, INDENT);
    }
    printf("  --KEY VALUE             short for --set, where KEY is the last part of a key: "
           "--topology pre --steps 500\n\n"
           "Exit codes: 0 success, or the run is already finished; 1 internal error; 2 wrong usage "
           "or config;\n"
           "3 wrong data or checkpoint; 4 I/O error; 5 diverged; 75 stopped by a queue.\n"
           "%s --list keys lists all keys of a config with their defaults.\n",
           program);
}

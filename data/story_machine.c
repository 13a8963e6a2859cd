/* story_machine.c - see story_machine.h. */
#include "data/story_machine.h"
#include "base/base.h"

#include <ctype.h>
#include <string.h>

/* The symbol with the name text[0..length-1]; the case of the first letter is ignored. */
static int symbol_find(const char *text, size_t length) {
    char first = (char)tolower((unsigned char)text[0]);
    for (int s = 0; s < STORY_SYMBOLS && story_grammar[s].name; s++) {
        const char *name = story_grammar[s].name;
        if (name[0] == first && !strncmp(name + 1, text + 1, length - 1) && !name[length]) return s;
    }
    die(EXIT_INTERNAL, "story grammar: there is no symbol <%.*s>; add it to data/story_grammar.c",
        (int)length, text);
}

/* The index of the column with the name text[0..length-1]. */
static int column_find(int symbol, const char *text, size_t length) {
    if (length == 5 && !strncmp(text, "again", length)) return 0;
    const char *names = story_grammar[symbol].columns;
    for (int column = 1; names && *names; column++) {
        size_t end = strcspn(names, " ");
        if (end == length && !strncmp(names, text, length)) return column;
        names += end + strspn(names + end, " ");
    }
    die(EXIT_INTERNAL, "story grammar: <%s> has no column '%.*s'", story_grammar[symbol].name,
        (int)length, text);
}

static void template_open(StoryMachine *machine, int symbol, int column) {
    if (machine->depth == STORY_DEPTH) {
        die(EXIT_INTERNAL, "story grammar: <%s> is nested deeper than %d; raise STORY_DEPTH",
            story_grammar[symbol].name, STORY_DEPTH);
    }
    const char *text = story_grammar[symbol].rows[machine->chosen[symbol] - 1];
    for (; column > 0; column--) text += strcspn(text, "|") + 1;
    machine->rest[machine->depth++] = text;
}

/* Parses the slot at the '<' of the innermost template. A choice becomes pending; a reference to the
 * last chosen row opens its column. */
static void slot_enter(StoryMachine *machine) {
    const char **rest = &machine->rest[machine->depth - 1];
    const char *name = *rest + 1;
    size_t length = strcspn(name, ".>");
    int symbol = symbol_find(name, length);
    const char *column = name + length;
    size_t column_length = strcspn(column, ">");
    *rest = column + column_length + 1;
    machine->capital |= isupper((unsigned char)*name) != 0;
    if (column_length == 0) {
        machine->pending = symbol;
    } else if (machine->chosen[symbol]) {
        template_open(machine, symbol, column_find(symbol, column + 1, column_length - 1));
    } else {
        die(EXIT_INTERNAL, "story grammar: <%.*s> is used before <%s> is chosen",
            (int)(length + column_length), name, story_grammar[symbol].name);
    }
}

void story_start(StoryMachine *machine) {
    *machine = (StoryMachine){.rest = {story_frame}, .depth = 1, .pending = -1};
}

int story_step(StoryMachine *machine) {
    while (machine->depth > 0) {
        const char **rest = &machine->rest[machine->depth - 1];
        unsigned char byte = (unsigned char)**rest;
        if (byte == '\0' || byte == '|') {
            machine->depth--;
        } else if (byte == '<') {
            slot_enter(machine);
            if (machine->pending >= 0) return STORY_CHOICE;
        } else {
            ++*rest;
            int written = machine->capital ? toupper(byte) : byte;
            machine->capital = false;
            return written;
        }
    }
    return STORY_END;
}

uint32_t story_choices(const StoryMachine *machine) {
    uint32_t n = 0;
    while (n < STORY_ROWS && story_grammar[machine->pending].rows[n]) n++;
    return n;
}

void story_choose(StoryMachine *machine, uint32_t row) {
    int symbol = machine->pending;
    machine->pending = -1;
    machine->chosen[symbol] = (uint8_t)(row + 1);
    template_open(machine, symbol, 0);
}

/* story_machine.h - the interpreter of the story grammar.
 *
 * One idea: the machine does everything except to choose. It runs to its next event, a byte or a
 * choice, and the caller decides: the generator samples one row, the probability tries all of them.
 * Its whole state is one small struct, so branching means copying it. It owns nothing.
 * Read next: story_grammar.h for the notation, stories.c for the two callers. */
#ifndef DATA_STORY_MACHINE_H
#define DATA_STORY_MACHINE_H

#include "data/story_grammar.h"

#include <stdbool.h>
#include <stdint.h>

enum { STORY_DEPTH = 6 }; /* nesting depth of templates */

typedef struct {
    const char *rest[STORY_DEPTH]; /* the rest of each open template, innermost last */
    int depth;                     /* open templates */
    int pending;                   /* the symbol whose row must be chosen, -1 = none */
    bool capital;                  /* the next byte is written as a capital */
    uint8_t chosen[STORY_SYMBOLS]; /* by symbol: 1 + the last chosen row, 0 = none yet */
} StoryMachine;

/* Results of story_step other than a byte 0..255. */
enum { STORY_CHOICE = 256, STORY_END };

/* Starts a new story. */
void story_start(StoryMachine *machine);

/* Runs to the next event: the next byte of the story, STORY_CHOICE (then the caller must call
 * story_choose before the next step), or STORY_END after the last byte. */
int story_step(StoryMachine *machine);

/* After STORY_CHOICE: the number of rows to choose from, and the choice of one. */
uint32_t story_choices(const StoryMachine *machine);
void story_choose(StoryMachine *machine, uint32_t row);

#endif

/* story_machine.h - the interpreter of the story grammar.
 *
 * One idea: the machine does everything but choose. It runs to its next event, a byte or a choice,
 * and whoever drives it decides: the generator draws a row, the probability tries them all. Its
 * whole state is one small struct, so a branch is a copy. It owns nothing; templates are constants.
 * Read next: story_grammar.h for the language, stories.c for the two drivers. */
#ifndef DATA_STORY_MACHINE_H
#define DATA_STORY_MACHINE_H

#include "data/story_grammar.h"

#include <stdbool.h>
#include <stdint.h>

enum { STORY_DEPTH = 6 }; /* templates open at one time */

typedef struct {
    const char *rest[STORY_DEPTH]; /* what is left of each open template, innermost last */
    int depth;                     /* open templates */
    int pending;                   /* the symbol whose row must be chosen, -1 = none */
    bool capital;                  /* the next byte is written as a capital */
    uint8_t chosen[STORY_SYMBOLS]; /* by symbol: 1 + the row chosen last, 0 = none yet */
} StoryMachine;

/* What story_step returns other than a byte 0..255. */
enum { STORY_CHOICE = 256, STORY_END };

/* The beginning of a story: nothing chosen, nothing written. */
void story_start(StoryMachine *machine);

/* Runs to the next event: a byte that the story writes, STORY_CHOICE (then story_choose must come
 * before the next step) or STORY_END behind the story's last byte. */
int story_step(StoryMachine *machine);

/* After STORY_CHOICE: how many rows there are to choose from, and taking row `row` of them. */
uint32_t story_choices(const StoryMachine *machine);
void story_choose(StoryMachine *machine, uint32_t row);

#endif

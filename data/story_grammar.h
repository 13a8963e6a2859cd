/* story_grammar.h - the grammar of the stories: its notation and its table.
 *
 * One idea: a story is a template whose slots are filled from a table of symbols. A symbol has
 * rows, all equally likely. A row has columns, separated by '|', which may contain slots again.
 *
 *   <toy>        chooses a row of `toy` and writes its first column
 *   <toy.again>  writes the first column of the last chosen row
 *   <hero.his>   writes another column of the last chosen row
 *   <Toy>        the same with a capital first letter, as in <Toy.again> and <Hero.his>
 *
 * What belongs together is in one row: a name and its pronouns, a trouble and its remedy. So the
 * toy that was lost is the toy that is found, without any code for it. All data is constant. Read next: story_grammar.c, story_machine.h. */
#ifndef DATA_STORY_GRAMMAR_H
#define DATA_STORY_GRAMMAR_H

enum { STORY_SYMBOLS = 96, STORY_ROWS = 24 }; /* capacity; both lists end at the first NULL */

typedef struct {
    const char *name;
    const char
        *columns; /* names of the columns after the first, separated by spaces; NULL = none */
    const char *rows[STORY_ROWS];
} StorySymbol;

extern const char story_frame[];
extern const StorySymbol story_grammar[STORY_SYMBOLS];

#endif

/* story_grammar.h - the language the stories are written in, and the table that is its grammar.
 *
 * One idea: a story is a template whose slots are filled from a table of symbols. A symbol has
 * rows, each as likely as the others; a row has columns, separated by '|', that may hold slots
 * again.
 *
 *   <toy>        chooses a row of `toy` and writes its first column
 *   <toy.again>  writes the first column of the row chosen last
 *   <hero.his>   writes another column of the row chosen last
 *   <Toy>        the same with a capital first letter, as in <Toy.again> and <Hero.his>
 *
 * What belongs together stands in one row: a name and its pronouns, a trouble and its remedy. So
 * the toy that was lost is the toy that is found, and no code knows what a hero is. All of it is
 * constant. Read next: story_grammar.c, story_machine.h. */
#ifndef DATA_STORY_GRAMMAR_H
#define DATA_STORY_GRAMMAR_H

enum { STORY_SYMBOLS = 96, STORY_ROWS = 24 }; /* room; both lists end at the first NULL */

typedef struct {
    const char *name;
    const char *columns; /* names of the columns behind the first, parted by blanks; NULL = none */
    const char *rows[STORY_ROWS];
} StorySymbol;

extern const char story_frame[];
extern const StorySymbol story_grammar[STORY_SYMBOLS];

#endif

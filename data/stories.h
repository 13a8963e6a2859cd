/* stories.h - builtin:stories, an endless corpus of small English stories whose entropy is known.
 *
 * One idea: generator and probability read the same grammar through the same machine, so -ln p of
 * any text is exact, and with it the floor that no model can beat. A row is a pure function of its
 * counters. Nothing is kept between calls; the caller owns all bytes.
 * Read next: stories.c, story_machine.h, story_grammar.h. */
#ifndef DATA_STORIES_H
#define DATA_STORIES_H

#include <stddef.h>
#include <stdint.h>

/* Fills bytes[0..count-1] of one row: story after story, each from its own choices, cut after
 * `count` bytes; every story ends with its only '\n'. Each choice takes the next random word: the
 * four Philox words of key (seed, stream), counter (c0, c1, c2, n), in order, for n = 0, 1, 2, ...
 */
void stories_row(unsigned char *bytes, size_t count, uint32_t seed, uint32_t stream, uint32_t c0,
                 uint32_t c1, uint32_t c2);

/* -ln p of bytes[1..count-1] given the bytes before them in the row (bytes[0] starts a story),
 * exact from the grammar, the cut story included; INFINITY where no row can begin so. */
double stories_row_nats(const unsigned char *bytes, size_t count);

/* -ln p of one whole story (exactly this text, ending included), INFINITY when it is not a story.
 */
double stories_story_nats(const unsigned char *bytes, size_t count);

/* Writes the first word of a random story (with no trailing blank) for use as a prompt, cut to
 * `size` - 1 characters and ended by '\0'. */
void stories_prompt(uint32_t seed, char *prompt, size_t size);

#endif

/* stories.h - builtin:stories, an endless corpus of short English stories with a known entropy.
 *
 * One idea: the generator and the probability use the same grammar through the same machine. So
 * -ln p of any text is exact, and with it the lowest loss that a model can have. A sequence is a
 * pure function of its counters. No state is kept between calls; the caller owns all bytes.
 * Read next: stories.c, story_machine.h, story_grammar.h. */
#ifndef DATA_STORIES_H
#define DATA_STORIES_H

#include <stddef.h>
#include <stdint.h>

/* Fills bytes[0..count-1] of one sequence: story after story, cut after `count` bytes. Every story
 * ends with its only '\n'. Each choice takes the next random word: the four Philox words of key
 * (seed, stream), counter (c0, c1, c2, n), in order, for n = 0, 1, 2, ... */
void stories_sequence(unsigned char *bytes, size_t count, uint32_t seed, uint32_t stream,
                      uint32_t c0, uint32_t c1, uint32_t c2);

/* -ln p of bytes[1..count-1] given the bytes before them in the sequence (bytes[0] starts a story).
 * Exact, also for the story that is cut at the end. INFINITY where no sequence begins like this. */
double stories_sequence_nats(const unsigned char *bytes, size_t count);

/* -ln p of exactly this story, '\n' included; INFINITY where the text is not a story. */
double stories_story_nats(const unsigned char *bytes, size_t count);

/* Writes the first word of a random story, without a trailing space, for use as a prompt: at most
 * `size` - 1 characters, NUL-terminated. */
void stories_prompt(uint32_t seed, char *prompt, size_t size);

#endif

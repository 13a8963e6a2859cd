/* stories.c - see stories.h: rows of stories, and what they weigh. */
#include "data/stories.h"
#include "data/story_machine.h"
#include "base/philox.h"

#include <math.h>
#include <string.h>

/* The random words of one row. */
typedef struct {
    uint32_t seed, stream, c0, c1, c2;
    uint32_t used; /* words taken so far */
    Philox block;  /* the four words around the one taken last */
} Draws;

/* One of n rows: row a belongs to the words w with floor(w * n / 2^32) = a. */
static uint32_t draw_row(Draws *draws, uint32_t n) {
    uint32_t at = draws->used % 4;
    if (at == 0) {
        draws->block =
            philox(draws->seed, draws->stream, draws->c0, draws->c1, draws->c2, draws->used / 4);
    }
    draws->used++;
    return (uint32_t)((uint64_t)draws->block.word[at] * n >> 32);
}

/* The probability of row a under draw_row: those words are ceil(a * 2^32 / n) up to the first word
 * of row a + 1, so rows are not exactly equally likely unless n is a power of two. */
static double row_chance(uint32_t a, uint32_t n) {
    uint64_t first = (((uint64_t)a << 32) + n - 1) / n;
    uint64_t next = (((uint64_t)(a + 1) << 32) + n - 1) / n;
    return (double)(next - first) * 0x1p-32;
}

void stories_row(unsigned char *bytes, size_t count, uint32_t seed, uint32_t stream, uint32_t c0,
                 uint32_t c1, uint32_t c2) {
    Draws draws = {.seed = seed, .stream = stream, .c0 = c0, .c1 = c1, .c2 = c2};
    StoryMachine machine;
    story_start(&machine);
    for (size_t i = 0; i < count;) {
        int event = story_step(&machine);
        if (event == STORY_CHOICE) {
            story_choose(&machine, draw_row(&draws, story_choices(&machine)));
        } else if (event == STORY_END) {
            story_start(&machine);
        } else {
            bytes[i++] = (unsigned char)event;
        }
    }
}

/* The probability that a machine in this state writes these bytes next, summed over every way to
 * write them. A cut needs no rule of its own: what is not yet contradicted when the bytes run out
 * has probability 1. Wrong rows die at their first differing byte, which keeps the search short. */
static double continuation(StoryMachine machine, const unsigned char *bytes, size_t count) {
    for (size_t i = 0; i < count;) {
        int event = story_step(&machine);
        if (event == STORY_CHOICE) {
            double sum = 0;
            uint32_t n = story_choices(&machine);
            for (uint32_t a = 0; a < n; a++) {
                StoryMachine branch = machine;
                story_choose(&branch, a);
                sum += row_chance(a, n) * continuation(branch, bytes + i, count - i);
            }
            return sum;
        }
        if (event != bytes[i++]) return 0;
    }
    return 1;
}

static double story_probability(const unsigned char *bytes, size_t count) {
    StoryMachine machine;
    story_start(&machine);
    return continuation(machine, bytes, count);
}

/* One story weighs less than 100 nats, so its probability fits a double with ease; a row may weigh
 * more than the 745 that underflow, so stories are joined as logarithms. Only a story's last byte
 * is
 * '\n': the bytes say where each story ends, and stories do not depend on each other. */
double stories_row_nats(const unsigned char *bytes, size_t count) {
    if (count == 0) return 0;
    double nats = 0;
    for (size_t at = 0; at < count && isfinite(nats);) {
        const unsigned char *newline = memchr(bytes + at, '\n', count - at);
        size_t length = newline ? (size_t)(newline - bytes) + 1 - at : count - at;
        nats -= log(story_probability(bytes + at, length));
        at += length;
    }
    return isfinite(nats) ? nats + log(story_probability(bytes, 1)) : INFINITY;
}

double stories_story_nats(const unsigned char *bytes, size_t count) {
    if (count == 0 || bytes[count - 1] != '\n') return INFINITY;
    return -log(story_probability(bytes, count));
}

void stories_prompt(uint32_t seed, char *prompt, size_t size) {
    if (size == 0) return;
    /* Sampling counts its own words from 0 in the same stream; these counters stay clear of it. */
    stories_row((unsigned char *)prompt, size - 1, seed, STREAM_SAMPLE, UINT32_MAX, UINT32_MAX,
                UINT32_MAX);
    prompt[size - 1] = '\0';
    prompt[strcspn(prompt, " \n")] = '\0';
}

/* stories.c - see stories.h: sequences of stories, and their probability. */
#include "data/stories.h"
#include "data/story_machine.h"
#include "base/philox.h"

#include <math.h>
#include <string.h>

/* The random words of one sequence. */
typedef struct {
    uint32_t seed, stream, c0, c1, c2;
    uint32_t used; /* number of words used so far */
    Philox block;  /* the four words with the one used last */
} Draws;

/* Chooses one of n rows of the grammar: row a for all words w with floor(w * n / 2^32) = a. */
static uint32_t draw_row(Draws *draws, uint32_t n) {
    uint32_t at = draws->used % 4;
    if (at == 0) {
        draws->block =
            philox(draws->seed, draws->stream, draws->c0, draws->c1, draws->c2, draws->used / 4);
    }
    draws->used++;
    return (uint32_t)((uint64_t)draws->block.word[at] * n >> 32);
}

/* The probability of row a under draw_row. Its words begin at ceil(a * 2^32 / n) and end before the
 * first word of row a + 1, so unless n is a power of two, rows are not exactly equally likely. */
static double row_probability(uint32_t a, uint32_t n) {
    uint64_t first = (((uint64_t)a << 32) + n - 1) / n;
    uint64_t next = (((uint64_t)(a + 1) << 32) + n - 1) / n;
    return (double)(next - first) * 0x1p-32;
}

void stories_sequence(unsigned char *bytes, size_t count, uint32_t seed, uint32_t stream,
                      uint32_t c0, uint32_t c1, uint32_t c2) {
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

/* The probability that a machine in this state writes these bytes next, summed over all choices. A
 * cut story needs no special case: at the end of the bytes, what agrees with them has probability 1.
 * A wrong row ends at its first differing byte, which keeps the search short. */
static double continuation_probability(StoryMachine machine, const unsigned char *bytes,
                                       size_t count) {
    for (size_t i = 0; i < count;) {
        int event = story_step(&machine);
        if (event == STORY_CHOICE) {
            double sum = 0;
            uint32_t n = story_choices(&machine);
            for (uint32_t a = 0; a < n; a++) {
                StoryMachine branch = machine;
                story_choose(&branch, a);
                sum +=
                    row_probability(a, n) * continuation_probability(branch, bytes + i, count - i);
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
    return continuation_probability(machine, bytes, count);
}

/* A story has less than 100 nats, so its probability fits a double. A sequence may have more than
 * the 745 nats at which exp underflows, so the stories are added as logarithms. That is exact: only
 * the last byte of a story is '\n', so its end is known, and stories are independent. */
double stories_sequence_nats(const unsigned char *bytes, size_t count) {
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
    /* Sampling uses the same stream with counters from 0 on; these never collide with them. */
    stories_sequence((unsigned char *)prompt, size - 1, seed, STREAM_SAMPLE, UINT32_MAX, UINT32_MAX,
                     UINT32_MAX);
    prompt[size - 1] = '\0';
    prompt[strcspn(prompt, " \n")] = '\0';
}

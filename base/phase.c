/* phase.c - see phase.h. */
#include "base/phase.h"

#include "base/words.h"

#include <string.h>

static struct {
    bool on;
    Phase now;
    double since, seconds[PHASES];
} books;

const char *phase_name(int i) {
    static const char *const names[PHASES] = {
        [PHASE_OTHER] = "other",
        [PHASE_GEMM] = "gemm",
        [PHASE_ATTENTION] = "attention",
        [PHASE_NORM] = "norm",
        [PHASE_ELEMENTWISE] = "elementwise",
        [PHASE_LOSS] = "loss",
        [PHASE_OPTIMIZER] = "optimizer",
    };
    return NAME_AT(names, i);
}

void phase_start(void) {
    memset(&books, 0, sizeof books);
    books.since = clock_seconds();
    books.on = true;
}

void phase_stop(double seconds[PHASES]) {
    phase_enter(PHASE_OTHER);
    memcpy(seconds, books.seconds, sizeof books.seconds);
    books.on = false;
}

Phase phase_enter(Phase phase) {
    if (!books.on) return phase;
    Phase before = books.now;
    double now = clock_seconds();
    books.seconds[before] += now - books.since;
    books.since = now;
    books.now = phase;
    return before;
}

void phase_leave(const Phase *before) {
    phase_enter(*before);
}

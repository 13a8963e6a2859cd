/* phase.c - see phase.h. */
#include "base/phase.h"

#include "base/words.h"

#include <string.h>

static struct {
    bool on;
    Phase now;
    double since, seconds[PHASES];
} profile;

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
    memset(&profile, 0, sizeof profile);
    profile.since = clock_seconds();
    profile.on = true;
}

void phase_stop(double seconds[PHASES]) {
    phase_enter(PHASE_OTHER);
    memcpy(seconds, profile.seconds, sizeof profile.seconds);
    profile.on = false;
}

Phase phase_enter(Phase phase) {
    if (!profile.on) return phase;
    Phase before = profile.now;
    double now = clock_seconds();
    profile.seconds[before] += now - profile.since;
    profile.since = now;
    profile.now = phase;
    return before;
}

void phase_leave(const Phase *before) {
    phase_enter(*before);
}

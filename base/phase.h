/* phase.h - a profiler: the time of a step by kind of work, for --bench.
 *
 * One idea: every operation names its kind of work on entry, and the clock of that kind runs until
 * the operation returns. A nested operation pauses the clock of the outer one. When the profiler is
 * off, entering costs one comparison. Only the main thread enters phases, outside of parallel
 * regions.
 * Read next: ../run/commands/bench.h. */
#ifndef BASE_PHASE_H
#define BASE_PHASE_H

#include "base/base.h"

typedef enum {
    PHASE_OTHER, /* the rest: data, spike detector, logging */
    PHASE_GEMM,
    PHASE_ATTENTION, /* including its small GEMMs */
    PHASE_NORM,
    PHASE_ELEMENTWISE, /* activations, residuals, embeddings, bias sums, zeroing */
    PHASE_LOSS,        /* softmax and its gradient; the GEMMs of the head count as GEMM */
    PHASE_OPTIMIZER,   /* gradient norm and parameter update */
    PHASES
} Phase;
const char *phase_name(int i); /* NULL past the end */

/* Resets all clocks and starts; phase_stop writes the seconds of each phase and stops. */
void phase_start(void);
void phase_stop(double seconds[PHASES]);

/* Switches to `phase` and returns the previous one. */
Phase phase_enter(Phase phase);
void phase_leave(const Phase *before);
/* The first line of an operation: switches to `phase` until the end of the scope. */
#define PHASE(phase)                                                                               \
    const Phase phase_before __attribute__((cleanup(phase_leave), unused)) = phase_enter(phase)

#endif

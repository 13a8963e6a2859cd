/* phase.h - where the time of a step goes.
 *
 * One idea: every operation says on entry what kind of work it is, and the clock of that kind runs
 * until it returns; an operation inside another stops the outer one's. Off, as always but under
 * --bench, entering costs one comparison. The calling thread keeps the books, outside of parallel
 * regions only. Read next: ../run/commands/bench.h. */
#ifndef BASE_PHASE_H
#define BASE_PHASE_H

#include "base/base.h"

typedef enum {
    PHASE_OTHER, /* whatever names no kind: data, detector, books */
    PHASE_GEMM,
    PHASE_ATTENTION, /* its own small products included */
    PHASE_NORM,
    PHASE_ELEMENTWISE, /* activations, residuals, embeddings, bias sums, zeroing */
    PHASE_LOSS,        /* softmax and its gradient; the products of the head are GEMM */
    PHASE_OPTIMIZER,   /* gradient norm and update */
    PHASES
} Phase;
const char *phase_name(int i); /* NULL past the end */

/* Starts all clocks at zero; phase_stop writes the seconds of each and switches them off. */
void phase_start(void);
void phase_stop(double seconds[PHASES]);

/* Switches to `phase` and returns the one before. */
Phase phase_enter(Phase phase);
void phase_leave(const Phase *before);
/* First line of an operation: `phase` until the end of the scope. */
#define PHASE(phase)                                                                               \
    const Phase phase_before __attribute__((cleanup(phase_leave), unused)) = phase_enter(phase)

#endif

/* equations.h - the equations of a model, as text and as a hash.
 *
 * One idea: names of topologies are ambiguous, in papers and in code. Text generated from the
 * wiring that runs is not. Every run stores a hash of the resolved model, so that two runs with the
 * same name but different equations cannot be confused. Read next: model.h. */
#ifndef MODEL_EQUATIONS_H
#define MODEL_EQUATIONS_H

#include "model/wiring.h"

#include <stdio.h>

/* The equations of a model, a few lines of text that end with a line break; free with mem_free. The
 * options must pass model_check. */
char *equations_text(const ModelOptions *options, const GammaWarmup *warmup,
                     const BranchWarmup *branch);
/* The same model in the canonical form that is hashed, for mem_free: it lists the resolved norms,
 * slots, coefficients, warm-up scope, branches, head and initialization, and depends on no wording.
 */
char *equations_canonical(const ModelOptions *options, const GammaWarmup *warmup,
                          const BranchWarmup *branch);
/* The hash of the canonical form: 16 hexadecimal digits and a NUL. */
void equations_hash(char hash[17], const ModelOptions *options, const GammaWarmup *warmup,
                    const BranchWarmup *branch);

/* Prints the precision of a model that does not compute in float32 alone, one line; it is not part of
 * the equations. */
void equations_print_precision(FILE *out, const ModelOptions *options);

#endif

/* partials.h - sums over rows (dgamma, dbeta, dalpha) that do not depend on the thread count.
 *
 * One idea: the rows fall into 16 fixed chunks; each chunk sums into its own partials, and the
 * partials are added in chunk order. A backward pass is: partials_begin for its chunk, rows,
 * and after the loop partials_add. Floor 1, private to norm/. */
#ifndef NORM_PARTIALS_H
#define NORM_PARTIALS_H

#include "norm/norm.h"
#include "ops/cpu.h"

#include <string.h>

typedef struct {
    real *dgamma, *dbeta; /* (C) each */
    real *dalpha;         /* (1) */
} Partials;

static inline size_t partials_stride(size_t C) {
    return (2 * C + 1 + 15) / 16 * 16;
}

static inline Partials partials_of(const Norm *norm, size_t chunk) {
    real *base = norm->partials + chunk * partials_stride(norm->C);
    return (Partials){base, base + norm->C, base + 2 * norm->C};
}

static inline Partials partials_begin(const Norm *norm, size_t chunk) {
    Partials partials = partials_of(norm, chunk);
    memset(partials.dgamma, 0, partials_stride(norm->C) * sizeof(real));
    return partials;
}

/* dgamma += w * sums, dbeta += sums, dalpha += sum, for the parameters that exist. */
static inline void partials_add(const Norm *norm, real w) {
    for (size_t chunk = 0; chunk < ROW_CHUNKS; chunk++) {
        Partials partials = partials_of(norm, chunk);
        if (norm->dgamma) {
            for (size_t c = 0; c < norm->C; c++) norm->dgamma[c] += w * partials.dgamma[c];
        }
        if (norm->dbeta) {
            for (size_t c = 0; c < norm->C; c++) norm->dbeta[c] += partials.dbeta[c];
        }
        if (norm->dalpha) *norm->dalpha += *partials.dalpha;
    }
}

#endif

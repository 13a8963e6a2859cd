/* cpu_update.c - AdamW, initial values and the sampling of a token.
 *
 * One idea: none of them depends on the number of threads: every element is computed by itself, and
 * random numbers are functions of its index.
 * Read next: norm/norm.h. */
#include "ops/cpu/cpu.h"
#include "ops/ops.h"
#include "base/philox.h"
#include "ops/cpu/vmath.h"

#include <math.h>
#include <string.h>

/* --- AdamW --- */

/* The factors of an update, in the precision of the weights. */
typedef struct {
    real beta1, rest1, beta2, rest2, grad_scale, eps, step, root, decay;
} Factors;

static Factors factors_of(const AdamW *adamw) {
    return (Factors){.beta1 = (real)adamw->beta1,
                     .rest1 = (real)(1 - adamw->beta1),
                     .beta2 = (real)adamw->beta2,
                     .rest2 = (real)(1 - adamw->beta2),
                     .grad_scale = (real)adamw->grad_scale,
                     .eps = (real)adamw->eps,
                     .step = (real)(adamw->lr / adamw->correction1),
                     .root = (real)(1 / sqrt(adamw->correction2)),
                     .decay = (real)(adamw->lr * adamw->weight_decay)};
}

/* One element. */
static inline void update_element(real *p, real *m, real *v, real g, Factors f) {
    real grad = f.grad_scale * g;
    *m = fused(f.beta1, *m, f.rest1 * grad);
    *v = fused(f.beta2, *v, f.rest2 * grad * grad);
    real update = f.step * *m / fused(f.root, (real)sqrt(*v), f.eps);
    *p -= fused(f.decay, *p, update);
}

void adamw_update(real *p, real *m, real *v, const real *g, const AdamW *adamw, size_t n) {
    PHASE(PHASE_OPTIMIZER);
    const Factors f = factors_of(adamw);
#pragma omp parallel for simd schedule(static) if (n > PARALLEL_MIN) firstprivate(f)
    for (size_t i = 0; i < n; i++) update_element(&p[i], &m[i], &v[i], g[i], f);
}

/* The old weights of a block are kept while they are in the cache. */
double adamw_update_measured(real *p, real *m, real *v, const real *g, const AdamW *adamw,
                             size_t n) {
    PHASE(PHASE_OPTIMIZER);
    enum { CHUNKS = 16, BLOCK = 1024 };
    const Factors f = factors_of(adamw);
    double partial[CHUNKS] = {0};
#pragma omp parallel for schedule(static) if (n > PARALLEL_MIN) firstprivate(f)
    for (size_t chunk = 0; chunk < CHUNKS; chunk++) {
        size_t begin = chunk_begin(chunk, CHUNKS, n), end = chunk_begin(chunk + 1, CHUNKS, n);
        for (size_t first = begin; first < end; first += BLOCK) {
            size_t last = end - first < BLOCK ? end : first + BLOCK;
            real old[BLOCK];
            double squares = 0;
            memcpy(old, p + first, (last - first) * sizeof *old);
#pragma omp simd
            for (size_t i = first; i < last; i++) update_element(&p[i], &m[i], &v[i], g[i], f);
#pragma omp simd reduction(+ : squares)
            for (size_t i = first; i < last; i++) {
                double change = (double)p[i] - (double)old[i - first];
                squares += change * change;
            }
            partial[chunk] += squares;
        }
    }
    double sum = 0;
    for (size_t chunk = 0; chunk < CHUNKS; chunk++) sum += partial[chunk];
    return sum;
}

/* --- initial values --- */

/* Two independent normal numbers from four words (Box & Muller 1958); u is never 0. */
static void normal_pair(double *a, double *b, uint32_t w0, uint32_t w1) {
    double u = ((double)w0 + 1) / 4294967296.0, angle = 2 * M_PI * (double)w1 / 4294967296.0;
    double radius = sqrt(-2 * log(u));
    *a = radius * cos(angle);
    *b = radius * sin(angle);
}

void normal_fill(real *x, uint32_t seed, const char *name, double std, size_t begin, size_t end) {
    uint64_t key = hash_text(HASH_START, name);
#pragma omp parallel for schedule(static) if (end - begin > PARALLEL_MIN)
    for (size_t index = begin / 4; index < (end + 3) / 4; index++) {
        Philox r = philox(seed, STREAM_INIT, (uint32_t)index, (uint32_t)(index >> 32),
                          (uint32_t)key, (uint32_t)(key >> 32));
        double z[4];
        normal_pair(&z[0], &z[1], r.word[0], r.word[1]);
        normal_pair(&z[2], &z[3], r.word[2], r.word[3]);
        for (size_t i = 4 * index; i < 4 * index + 4; i++) {
            if (i >= begin && i < end) x[i] = (float)(std * z[i - 4 * index]);
        }
    }
}

void constant_fill(real *x, double value, size_t n) {
    for (size_t i = 0; i < n; i++) x[i] = (float)value;
}

/* --- the draw of a token --- */

/* The k-th largest of logits (V), without scratch memory; k is small in practice. */
static real kth_largest(const real *logits, size_t k, size_t V) {
    real bound = INFINITY;
    size_t kept = 0;
    while (kept < k) { /* a pass adds the largest value below the bound, and all equal to it */
        real next = -INFINITY;
        for (size_t i = 0; i < V; i++) {
            if (logits[i] < bound && logits[i] > next) next = logits[i];
        }
        if (next == -INFINITY) break;
        for (size_t i = 0; i < V; i++) kept += logits[i] == next;
        bound = next;
    }
    return bound;
}

/* The largest bound such that the values (V) >= bound, all in [0,1], sum to at least top_p * total.
 * Bisection, until low and high are neighbours. */
static real nucleus_bound(const real *values, double top_p, double total, size_t V) {
    real low = 0, high = 2; /* the sum is enough for low, too small for high */
    for (;;) {
        real middle = (low + high) / 2;
        if (middle <= low || middle >= high) return low;
        double sum = 0;
        for (size_t i = 0; i < V; i++) sum += values[i] < middle ? 0 : (double)values[i];
        if (sum < top_p * total)
            high = middle;
        else
            low = middle;
    }
}

int sample_token(real *logits, Sampling sampling, double u, size_t V) {
    size_t best = 0;
    for (size_t i = 1; i < V; i++) {
        if (logits[i] > logits[best]) best = i;
    }
    if (sampling.temperature == 0) return (int)best;
    bool limited = sampling.top_k && sampling.top_k < V;
    real least = limited ? kth_largest(logits, sampling.top_k, V) : -INFINITY,
         largest = logits[best];
    double total = 0;
    for (size_t i = 0; i < V; i++) {
        double distance = (double)(logits[i] - largest) / sampling.temperature;
        logits[i] = logits[i] < least ? 0 : (real)exp(distance);
        total += (double)logits[i];
    }
    real bound = sampling.top_p > 0 ? nucleus_bound(logits, sampling.top_p, total, V) : 0;
    double kept = 0;
    for (size_t i = 0; i < V; i++) {
        if (logits[i] < bound) logits[i] = 0;
        kept += (double)logits[i];
    }
    double left = u * kept;
    size_t last = best;
    for (size_t i = 0; i < V; i++) {
        if (logits[i] == 0) continue;
        last = i;
        if ((left -= (double)logits[i]) < 0) break;
    }
    return (int)last;
}

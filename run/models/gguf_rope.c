/* gguf_rope.c - see gguf_parts.h: Llama 3's scaling of RoPE, found again in the table that GGUF keeps of it.
 *
 * A file has the divisor of every frequency f (rope_freqs.weight), not the rule that made them. With w = 8192 f / (2 pi)
 * waves in the original context, the rule is
 *   d = 1 if w > 4,   d = factor if w < 1,   else 1 / d = (1 - s) / factor + s with s = (w - 1) / (4 - 1).
 * All models of Llama 3 have 8192, 1 and 4. The factor is the largest divisor; the rule must then give all of them. */
#include "run/models/gguf_parts.h"

#include <math.h>
#include <stdio.h>

enum { ORIGINAL = 8192, LOW = 1, HIGH = 4 };

double gguf_rope_divisor(double waves, double factor) {
    if (waves > HIGH) return 1;
    if (waves < LOW) return factor;
    const double s = (waves - LOW) / (HIGH - LOW);
    return 1 / ((1 - s) / factor + s);
}

double gguf_rope_waves(double theta, size_t i, size_t head_size) {
    const double pi = 3.14159265358979323846;
    return ORIGINAL * pow(theta, -2.0 * (double)i / (double)head_size) / (2 * pi);
}

double gguf_rope_factor(GgufFile *gguf, const GgufModel *model, const WeightTensor *divisors) {
    const double tolerance = 2e-6; /* the table was computed in float32 */
    char key[128];
    snprintf(key, sizeof key, "%s.rope.freq_base", model->architecture->name);
    const double theta = gguf_number(gguf, key, 10000);
    const size_t half = model->head_size / 2;
    double factor = 1;
    if (divisors->rank != 1 || divisors->shape[0] != half || divisors->type != WEIGHT_F32) {
        gguf_refuse(gguf, "rope_freqs.weight is not a vector of %zu numbers of type F32", half);
        return 1;
    }
    for (size_t i = 0; i < half; i++) {
        real stored;
        weights_read(&stored, divisors, i, 1);
        if ((double)stored > factor) factor = (double)stored;
    }
    for (size_t i = 0; i < half; i++) {
        real stored;
        weights_read(&stored, divisors, i, 1);
        const double waves = gguf_rope_waves(theta, i, model->head_size);
        const double wanted = gguf_rope_divisor(waves, factor);
        if (!(fabs((double)stored - wanted) <= tolerance * wanted))
            gguf_refuse(
                gguf,
                "rope_freqs.weight: divisor %zu is %.9g, where Llama 3's scaling by %.9g has %.9g; "
                "this program reads no other scaling",
                i, (double)stored, factor, wanted);
    }
    return factor;
}

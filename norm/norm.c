/* norm.c - the table of norms. Adding one is its file and a line here. */
#include "norm/norm.h"
#include "norm/partials.h"

static const NormKind *const KINDS[] = {
    &norm_layernorm, &norm_rmsnorm, &norm_rmsnorm_plus1, &norm_dyt, &norm_none,
};

const NormKind *norm_kind(int i) {
    return i >= 0 && (size_t)i < sizeof KINDS / sizeof *KINDS ? KINDS[i] : NULL;
}

const char *norm_name(int i) {
    const NormKind *kind = norm_kind(i);
    return kind ? kind->name : NULL;
}

bool norm_is_rms(const NormKind *kind) {
    return kind == &norm_rmsnorm || kind == &norm_rmsnorm_plus1;
}

size_t norm_partials(size_t C) {
    return ROW_CHUNKS * partials_stride(C);
}

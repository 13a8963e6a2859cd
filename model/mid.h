/* mid.h - slot `mid`: the norm within a branch, in front of its last layer.
 *
 *   m = N_mid(h)      b = proj(m) | down(m)      h = the heads side by side | the hidden features
 *
 * One idea: where the slot is absent, m is h and dm is dh, so a branch always reads m and always
 * writes dm, and no buffer exists for them.
 * Buffers belong to the arena of the model. Read next: attention.h. */
#ifndef MODEL_MID_H
#define MODEL_MID_H

#include "model/pass.h"
#include "model/plan.h"

typedef struct {
    Norm norm; /* of norm_none where the slot is absent */
    bool warm; /* under gamma-warmup */
    real *m;   /* (B,T,width) input of the last layer */
    real *dm;  /* its gradient, shared by all blocks */
} Mid;

/* The buffer of dm, which all blocks share: (B,T,width) where any has the slot, else NULL. */
real *mid_plan_shared(Plan *plan, bool is_mlp, size_t width);
/* `prefix` is "blocks.0.attn", `block` counts from 0; h and dh are (B,T,width), `shared` is the
 * buffer of dm. */
Mid mid_plan(Plan *plan, const char *prefix, size_t block, bool is_mlp, size_t width, real *h,
             real *dh, real *shared);
static inline bool mid_is_absent(const Mid *mid) {
    return mid->norm.kind == &norm_none;
}

/* From h to m. */
void mid_forward(const Mid *mid, const real *h, const Pass *pass);
/* From dm to dh, which is set. */
void mid_backward(const Mid *mid, real *dh, const real *h, const Pass *pass);

#endif

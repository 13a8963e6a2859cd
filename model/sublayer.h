/* sublayer.h - the residual sublayer, written once forward and once backward for every topology.
 *
 * One idea: an absent norm is two equal pointers, decided at planning, so the code below the plan
 * calls all three slots unconditionally and knows no topology. The equations stand in wiring.h.
 * Buffers belong to the model's arena. Read next: model.h. */
#ifndef MODEL_SUBLAYER_H
#define MODEL_SUBLAYER_H

#include "model/attention.h"
#include "model/mlp.h"

/* Buffers (B,T,C) that only live within one sublayer, shared by all. */
typedef struct {
    real *b;                /* branch output where nothing needs it later */
    real *o;                /* N_out(b) */
    real *ds, *dout, *db;   /* gradients of s, o, b */
    real *du_attn, *du_mlp; /* of u in either sublayer: the MLP may read attention's */
    AttentionShared attention;
    MlpShared mlp;
} SublayerShared;

typedef struct {
    const SublayerWiring *wiring;
    Norm norm[SLOTS];
    bool warm[SLOTS]; /* whether gamma-warmup's factor acts on the slot */
    bool is_mlp;
    size_t block;        /* counts from 0 */
    size_t place;        /* of its sites, see probe.h */
    bool site[SITES];    /* which it has: the stream, the branch, and its norms */
    Attention attention; /* f, the one that is_mlp says */
    Mlp mlp;
    Dropout dropout; /* of the branch output */
    size_t C;
    const real *x, *x_block, *r;  /* (B,T,C) inputs; r is what the branch reads, see wiring.h */
    real *u, *b, *o, *s, *y;      /* (B,T,C), names of the equations */
    real *d;                      /* (B,T,C) second stream, NULL without one */
    real *dx, *dx_block, *dr;     /* gradients of the inputs: added to */
    real *du, *dy;                /* du is dr where u is r */
    real *ds;                     /* of s */
    real *dout, *db;              /* of o and b in this pass, see place_branch_grads */
    GradWrite dx_write, du_write; /* whether this sublayer is the first to write them */
    real *dd;                     /* gradient of the second stream, the same for every sublayer */
    const SublayerShared *shared;
} Sublayer;

void sublayer_plan_shared(SublayerShared *shared, Plan *plan);
/* Whether the gradient of x can be made in the buffer where that of y stands: the stream passes
 * through unchanged, and the backward pass only adds to it. */
bool sublayer_passes_through(const Plan *plan, const SublayerWiring *wiring);
/* Plans one sublayer named `prefix` ("blocks.0.attn"). The caller has set x, x_block, r, d and, for
 * training, dx, dx_block, dr, dy, dd, dx_write and du_write (which counts where du is a buffer of
 * its own); y (B,T,C) is the caller's too. `block` counts from 0. */
void sublayer_plan(Sublayer *sublayer, Plan *plan, const SublayerShared *shared, const char *prefix,
                   size_t block, bool is_mlp);

void sublayer_forward(Sublayer *sublayer, const Pass *pass);
/* Leaves in dx, dx_block and dr (and du where that is a buffer of its own) what dy and dd ask for.
 */
void sublayer_backward(Sublayer *sublayer, const Pass *pass);

#endif

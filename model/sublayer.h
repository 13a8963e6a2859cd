/* sublayer.h - the residual sublayer, written once forward and once backward for all topologies.
 *
 * One idea: an absent norm is two equal pointers. That is decided by the planner, so forward and
 * backward call all slots unconditionally and know no topology. The equations, with the same
 * names as the fields below, are in topologies.h.
 * Buffers belong to the arena of the model. Read next: sublayer.c, then model.h. */
#ifndef MODEL_SUBLAYER_H
#define MODEL_SUBLAYER_H

#include "model/attention.h"
#include "model/coefficient.h"
#include "model/mlp.h"

/* Buffers (B,T,C) that live within one sublayer only, shared by all of them. */
typedef struct {
    real *b;                /* branch output, where the backward pass does not need it */
    real *o;                /* N_out(b) */
    real *ds, *dout, *db;   /* gradients of s, o, b */
    real *du_attn, *du_mlp; /* gradients of u; two, since the MLP may read the u of attention */
    real *coefficient_sums
        [COEFFICIENTS]; /* for the gradients of learned coefficients, see coefficient.h */
    AttentionShared attention;
    MlpShared mlp;
} SublayerShared;

typedef struct {
    const SublayerWiring *wiring;
    Norm norm[SLOTS]; /* but not of slot mid, which is in the branch */
    bool warm[SLOTS]; /* slots under gamma-warmup */
    bool is_mlp;
    size_t block;            /* counts from 0 */
    size_t point;            /* where its activations are recorded, see probe.h */
    bool sites[PROBE_SITES]; /* the sites that it has: stream, branch, and its norms */
    Coefficient coefficient[COEFFICIENTS];
    Attention attention;        /* f = attention, or ... */
    Mlp mlp;                    /* ... f = mlp, as is_mlp says */
    double dropout;             /* of the branch output */
    Precision stream_precision; /* of y, d, b and of the gradients of the stream */
    uint32_t dropout_id;
    size_t C;
    const real *input, *x_0;      /* (B,T,C) the stream before `enter`, and the first one */
    const real *x, *x_block, *r;  /* (B,T,C) inputs; x is `input` where nothing enters */
    real *u, *b, *o, *s, *p, *y;  /* (B,T,C) p is N_post(s); it is y where leave is 1 */
    real *d;                      /* (B,T,C) second stream, NULL without one */
    real *dx, *dx_block, *dr;     /* gradients of the inputs: added to, except as dx_write says */
    real *du, *dy;                /* du is dr where u is r */
    real *ds;                     /* of s */
    real *dout, *db;              /* of o and b, chosen in each pass, see choose_branch_grads */
    GradWrite dx_write, du_write; /* GRAD_SET where this sublayer is the first to write them */
    real *dd, *dx_0;              /* gradients of the second stream, and of x_0 as a term of sums;
                                     the same for all sublayers */
    const SublayerShared *shared;
} Sublayer;

void sublayer_plan_shared(SublayerShared *shared, Plan *plan);
/* Whether dx may have the buffer of dy: so it is where the stream passes through unchanged (skip 1,
 * no post norm) and the backward pass therefore only adds to it. */
bool sublayer_passes_through(const Plan *plan, const SublayerWiring *wiring, bool is_mlp);
/* Plans one sublayer; `prefix` is "blocks.0.attn", `block` counts from 0. The caller has set input,
 * x_0, x_block, r, y and d and, for training, dx, dx_block, dr, dy, dd, dx_0, dx_write and du_write.
 * x_block and r may be NULL for x. dx is the gradient of x and then, in place, of input. du_write is
 * ignored where du is dr. */
void sublayer_plan(Sublayer *sublayer, Plan *plan, const SublayerShared *shared, const char *prefix,
                   size_t block, bool is_mlp);

void sublayer_forward(Sublayer *sublayer, const Pass *pass);
/* From dy and dd to dx, dx_block and dr, and to the gradients of the parameters. */
void sublayer_backward(Sublayer *sublayer, const Pass *pass);

#endif

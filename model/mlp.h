/* mlp.h - the MLP branch: b = down(N_mid(h)), h = act(up(u)) or act(gate(u)) * up(u).
 *
 * One idea: a kind of MLP is a row of a table: an activation, and whether it is gated. Buffers
 * belong to the arena of the model. Read next: sublayer.h. */
#ifndef MODEL_MLP_H
#define MODEL_MLP_H

#include "model/linear.h"
#include "model/mid.h"
#include "model/pass.h"

typedef struct {
    const char *name, *equation;
    Activation act;
    bool gated;
} MlpKind;

/* Kind i and its name; NULL past the last. */
const MlpKind *mlp_kind(int i);
const char *mlp_name(int i);
/* The width of model.d_ff 0: 4 C, or for gated kinds 8 C/3 rounded up to a multiple of 64. */
size_t mlp_width(const MlpKind *kind, size_t C);
/* Whether h is multiplied by a power of c where up(u) is multiplied by c > 0. */
bool mlp_is_homogeneous(const MlpKind *kind);

typedef struct {
    const MlpKind *kind;
    Linear up, gate, down;
    real *up_x, *gate_x; /* (B,T,F) outputs of up and gate; gate_x only where gated */
    real *h;             /* (B,T,F) hidden features */
    Mid mid;             /* from h to the input of down */
    real *dup, *dgate;   /* (B,T,F) gradients of up_x and gate_x, shared by all blocks */
} Mlp;

/* Buffers that all blocks share, (B,T,F) each. */
typedef struct {
    real *dup, *dgate;
    real *dmid; /* gradient of Mid.m where a block has slot mid, else NULL */
} MlpShared;

void mlp_plan_shared(MlpShared *shared, Plan *plan);
/* `prefix` is "blocks.0.mlp", `block` counts from 0. */
void mlp_plan(Mlp *mlp, Plan *plan, const MlpShared *shared, const char *prefix, size_t block);

/* b (B,T,C) = f(u), u (B,T,C). */
void mlp_branch_forward(Mlp *mlp, real *b, const real *u, const Pass *pass);
/* du = or += the gradient of u. du may alias db, which is read before du is written. */
void mlp_branch_backward(Mlp *mlp, real *du, const real *db, const real *u, GradWrite du_write,
                         const Pass *pass);

#endif

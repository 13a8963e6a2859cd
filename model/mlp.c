/* mlp.c - see mlp.h. */
#include "model/mlp.h"

#include <stdio.h>

static const MlpKind KINDS[] = {
    {"gelu", "down(gelu(up(u)))", ACT_GELU, false},
    {"swiglu", "down(silu(gate(u)) * up(u))", ACT_SILU, true},
    {"geglu", "down(gelu(gate(u)) * up(u))", ACT_GELU, true},
    {"relu2", "down(relu(up(u))^2)", ACT_RELU2, false},
    {"relu", "down(relu(up(u)))", ACT_RELU, false},
};

const MlpKind *mlp_kind(int i) {
    return i >= 0 && (size_t)i < sizeof KINDS / sizeof *KINDS ? &KINDS[i] : NULL;
}

const char *mlp_name(int i) {
    const MlpKind *kind = mlp_kind(i);
    return kind ? kind->name : NULL;
}

size_t mlp_width(const MlpKind *kind, size_t C) {
    if (!kind->gated) return size_mul(4, C);
    return (size_mul(8, C) + 3 * 64 - 1) / (3 * 64) * 64;
}

void mlp_plan_shared(MlpShared *shared, Plan *plan) {
    const Shape s = plan->shape;
    bool gated = mlp_kind(plan->options->mlp)->gated;
    size_t n = s.B * s.T * s.F;
    *shared = (MlpShared){
        .dup = plan_grad(plan, n),
        .dgate = gated ? plan_grad(plan, n) : NULL,
        .dh = plan_grad(plan, n),
    };
}

void mlp_plan(Mlp *mlp, Plan *plan, const MlpShared *shared, const char *prefix) {
    const Shape s = plan->shape;
    size_t n = s.B * s.T * s.F;
    char name[128];
    *mlp = (Mlp){.kind = mlp_kind(plan->options->mlp),
                 .dup = shared->dup,
                 .dgate = shared->dgate,
                 .dh = shared->dh};
    snprintf(name, sizeof name, "%s.up", prefix);
    mlp->up = plan_linear(plan, name, LINEAR_UP, s.F, s.C);
    if (mlp->kind->gated) {
        snprintf(name, sizeof name, "%s.gate", prefix);
        mlp->gate = plan_linear(plan, name, LINEAR_PLAIN, s.F, s.C);
        mlp->gate_x = plan_reals(plan, n);
    }
    snprintf(name, sizeof name, "%s.down", prefix);
    mlp->down = plan_linear(plan, name, LINEAR_RESIDUAL, s.C, s.F);
    mlp->up_x = plan_reals(plan, n);
    mlp->h = plan_reals(plan, n);
}

void mlp_branch_forward(Mlp *mlp, real *b, const real *u, const Pass *pass) {
    const size_t R = pass->B * pass->T, n = R * mlp->up.out;
    layer_forward(&mlp->up, mlp->up_x, u, R);
    if (mlp->kind->gated) {
        layer_forward(&mlp->gate, mlp->gate_x, u, R);
        gated_forward(mlp->h, mlp->gate_x, mlp->up_x, mlp->kind->act, n);
    } else {
        activation_forward(mlp->h, mlp->up_x, mlp->kind->act, n);
    }
    layer_forward(&mlp->down, b, mlp->h, R);
}

void mlp_branch_backward(Mlp *mlp, real *du, const real *db, const real *u, const Pass *pass) {
    const size_t R = pass->B * pass->T, n = R * mlp->up.out;
    zero(mlp->dh, n);
    layer_backward(&mlp->down, mlp->dh, db, mlp->h, R);
    zero(mlp->dup, n);
    if (mlp->kind->gated) {
        zero(mlp->dgate, n);
        gated_backward(mlp->dgate, mlp->dup, mlp->dh, mlp->gate_x, mlp->up_x, mlp->kind->act, n);
        layer_backward(&mlp->gate, du, mlp->dgate, u, R);
    } else {
        activation_backward(mlp->dup, mlp->dh, mlp->up_x, mlp->kind->act, n);
    }
    layer_backward(&mlp->up, du, mlp->dup, u, R);
}
